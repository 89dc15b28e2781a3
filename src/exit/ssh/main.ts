import { logFor } from "../../lib/event-log.ts";
import { installLastResort } from "../../lib/last-resort.ts";
import { becomeUser } from "../../lib/privileges.ts";
import { AuthoriseClient } from "../authorise-client.ts";
import { PortRequests } from "../low-ports.ts";
import type { PortRequest, PortSocket, ProxyListening, ProxySettings, SshStart } from "../messages.ts";
import { selfTestTargetPath } from "../self-test/target.ts";
import { createSshWorker, type SshWorker } from "./worker.ts";

/**
 * A process of SSH. Started by the exit over an IPC channel: `start` names its user, the host keys and where to ask for
 * logins; each `settings` says where to listen and what is allowed, and it answers each with where it listens. It ends when
 * the channel closes or on SIGTERM.
 */
export function runSsh(): void {
  const log = logFor("ssh");
  installLastResort(log);
  let worker: SshWorker | undefined;
  let authoriser: AuthoriseClient | undefined;
  const ports = new PortRequests(({ address, port }) =>
    process.send?.({ type: "open", address, port } satisfies PortRequest),
  );
  /** Settings are applied one after the other, so that reports come in their order. */
  let applying: Promise<void> = Promise.resolve();

  function start({ account, authoriseSocket, hostKeys }: SshStart): void {
    becomeUser(account.uid, account.gid);
    authoriser = new AuthoriseClient({ path: authoriseSocket });
    authoriser.start();
    const selfTestTarget = selfTestTargetPath(authoriseSocket);
    worker = createSshWorker({ authoriser, log, hostKeys, selfTestTarget, ports });
  }

  async function apply(message: ProxySettings): Promise<void> {
    const services = await worker?.apply(message);
    if (services && process.connected)
      process.send?.({ type: "listening", services } satisfies ProxyListening);
  }

  process.on("message", (message: SshStart | ProxySettings | PortSocket, handle: unknown) => {
    if (message.type === "start" && !worker) start(message);
    else if (message.type === "socket") ports.hear(message, handle);
    else if (message.type === "settings") applying = applying.then(() => apply(message));
  });

  const stop = (): void => {
    worker?.close();
    authoriser?.close();
    process.exit(0);
  };

  process.once("SIGTERM", stop);
  process.once("disconnect", stop);
  // Ctrl-C reaches the whole process group; the supervisor decides when we end.
  process.on("SIGINT", () => {});
}
