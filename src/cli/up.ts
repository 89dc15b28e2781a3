import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { DemoStart } from "../office/messages.ts";
import type { Users } from "../office/users.ts";
import { filesForOffice } from "./credentials.ts";
import { describe, type StatusReport } from "./description.ts";
import { type SupervisorAnswer, type SupervisorRequest, takeLock } from "./lock.ts";
import { type Prepared, prepare, readConfig } from "./prepare.ts";
import { StartError } from "./start-error.ts";
import { Supervisor } from "./supervisor.ts";
import { say } from "./terminal.ts";

/** What `lethe up --demo` does otherwise (demo.ts). */
export interface DemoUp {
  start: DemoStart;
  users: Users;
  /** The demo is up at that address. */
  onUp(siteUrl: string): Promise<void>;
}

/**
 * `lethe up`: brings the provider up and stays. Resolves with the exit code when it has been stopped; throws StartError
 * where it cannot start.
 */
export async function up(dataRoot: string, demo?: DemoUp): Promise<number> {
  const stopped = Promise.withResolvers<"stop" | "restart">();
  // Held from the first signal on, so that a Ctrl-C in the middle of a start is a stop as well.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => stopped.resolve("stop"));

  const prepared = prepare(dataRoot, say, demo?.users);
  let supervisor: Supervisor | undefined;
  /** A restart has been asked for: what runs now is no answer to how it went. */
  let leaving = false;
  const finished = Promise.withResolvers<void>();
  const answer = async ({ command }: SupervisorRequest): Promise<SupervisorAnswer> => {
    if (command === "status")
      return { ok: true, text: "running", report: reportOf(prepared, leaving ? undefined : supervisor) };
    if (command === "restart" && demo !== undefined)
      return { ok: false, text: "A demo is not restarted: stop it, and start another one." };
    if (command === "restart") {
      try {
        // Whatever the next start would fail on; the operator's secrets can be read here for certain.
        filesForOffice(readConfig(prepared.data.config));
      } catch (error) {
        return { ok: false, text: (error as Error).message };
      }
      leaving = true;
      stopped.resolve("restart");
      return { ok: true, text: "restarting" };
    }
    stopped.resolve("stop");
    await finished.promise;
    return { ok: true, text: "stopped" };
  };
  const lock = await takeLock(prepared.data.supervisorSocket, answer);
  if (!lock) {
    throw new StartError(
      `Lethe is already running on ${prepared.data.root}. Use \`lethe restart\` to take over new settings, or \`lethe stop\`.`,
    );
  }
  try {
    supervisor = new Supervisor(prepared, readConfig(prepared.data.config), demo?.start);
    const start = supervisor.start();
    // A start that is given up ends through the stop below.
    const isUp = await Promise.race([start.then(() => true), stopped.promise.then(() => false)]);
    if (isUp && demo === undefined) say(describe(reportOf(prepared, supervisor)));
    if (isUp) await demo?.onUp(supervisor.url);
    if (isUp && demo === undefined && prepared.fresh && process.stdout.isTTY) await offerVoucher(supervisor);
    const how = await stopped.promise;
    say(how === "stop" ? "Stopping …" : "Restarting; VPN sessions stay …");
    await (how === "stop" ? supervisor.stop() : supervisor.leave());
    if (how === "restart") startAnew(dataRoot);
    // What a restart would have needed, the sealed roster first of all.
    rmSync(prepared.run.root, { recursive: true, force: true });
    say("Stopped.");
    return 0;
  } finally {
    finished.resolve();
    // Waits until whoever asked us to stop has had the answer.
    await promisify(lock.close.bind(lock))();
  }
}

const reportOf = ({ data }: Prepared, supervisor: Supervisor | undefined): StatusReport => ({
  settled: supervisor?.report.settled ?? false,
  site: supervisor?.url ?? "",
  certificate: supervisor?.certificate,
  data: data.root,
  settings: data.config,
  services: supervisor?.report.services ?? [],
  warnings: supervisor?.warnings ?? [],
});

/** Becomes a new `lethe up` in the same process, so that whoever started us goes on watching the right one. */
function startAnew(dataRoot: string): never {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const args = [process.execPath, ...process.execArgv, main, "up", "--data", dataRoot];
  return process.execve!(process.execPath, args, process.env as Record<string, string>) as never;
}

async function offerVoucher(supervisor: Supervisor): Promise<void> {
  const code = await supervisor.firstVoucher();
  if (code === undefined) return;
  say(`  A first voucher, good for 30 days: ${code}`);
  say(`  Sign up with it at ${supervisor.url}/sign-up\n`);
}
