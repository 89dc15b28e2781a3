import { logFor } from "../lib/event-log.ts";
import { installLastResort } from "../lib/last-resort.ts";
import type { ExitRestart, ExitSitePair, ExitStart, ExitStop } from "./messages.ts";
import { ExitRoot } from "./root.ts";

/**
 * The exit of a machine that has its office beside it: root's process, with the supervisor at the other end of an IPC
 * channel. Told to stop (SIGTERM, {type: "stop"}) it takes everything away. Told to restart, or left alone by a supervisor
 * that died, it goes and leaves engines, devices and firewall to the next start. `entry` is bundle.ts.
 */
export function runExit(entry: string): void {
  const log = logFor("exit");
  installLastResort(log);
  // Ctrl-C reaches every process of the terminal at once; the supervisor decides what it means.
  process.on("SIGINT", () => {});
  process.on("SIGHUP", () => {});

  process.on("message", function first(message: ExitStart | ExitStop | ExitRestart | ExitSitePair) {
    if (message.type !== "start") return process.exit(0);
    process.off("message", first);
    const root = new ExitRoot({
      start: message,
      entry,
      log,
      onReport: (report) => process.connected && process.send!(report),
    });
    const end = async (leave: boolean): Promise<void> => {
      if (await root.end(leave)) process.exit(0);
    };
    process.on("SIGTERM", () => void end(false));
    process.on("disconnect", () => void end(true));
    process.on("message", (later: ExitStart | ExitStop | ExitRestart | ExitSitePair) => {
      if (later.type === "site-pair") root.takeSitePair(later.pair);
      if (later.type === "stop") void end(false);
      if (later.type === "restart") void end(true);
    });
    root.run();
  });
}
