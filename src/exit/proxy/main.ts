import type { Server } from "node:net";
import { logFor } from "../../lib/event-log.ts";
import { installLastResort } from "../../lib/last-resort.ts";
import { becomeUser } from "../../lib/privileges.ts";
import { AuthoriseClient } from "../authorise-client.ts";
import { PortRequests } from "../low-ports.ts";
import type {
  PortRequest,
  PortSocket,
  ProxyAnswering,
  ProxyChallenges,
  ProxyListening,
  ProxySettings,
  ProxyStart,
} from "../messages.ts";
import { ChallengeAnswers } from "../public-certificate/answers.ts";
import { selfTestTargetPath } from "../self-test/target.ts";
import { createProxyWorker } from "./worker.ts";

/**
 * A proxy worker process, one a core. Started by the exit over an IPC channel: `start` names its user and where to ask for
 * logins, each `settings` says where to listen and what is allowed, and it answers each with where it listens. It ends when
 * the channel closes or on SIGTERM.
 */
export function runProxy(): void {
  const log = logFor("proxy");
  installLastResort(log);
  let worker: ReturnType<typeof createProxyWorker> | undefined;
  let authoriser: AuthoriseClient | undefined;
  const ports = new PortRequests(({ address, port }) =>
    process.send?.({ type: "open", address, port } satisfies PortRequest),
  );
  const challenges = new ChallengeAnswers();
  /** Settings are applied one after the other, so that reports come in their order. */
  let applying: Promise<void> = Promise.resolve();

  function start(message: ProxyStart): void {
    becomeUser(message.account.uid, message.account.gid);
    authoriser = new AuthoriseClient({ path: message.authoriseSocket });
    authoriser.start();
    const selfTestTarget = selfTestTargetPath(message.authoriseSocket);
    worker = createProxyWorker({ authoriser, log, selfTestTarget, ports });
  }

  async function apply(message: ProxySettings): Promise<void> {
    const services = await worker?.apply(message);
    if (services && process.connected)
      process.send?.({ type: "listening", services } satisfies ProxyListening);
  }

  function answer(message: ProxyChallenges): void {
    challenges.set(message.challenges);
    const tokens = message.challenges.map(({ token }) => token);
    process.send?.({ type: "answering", tokens } satisfies ProxyAnswering);
  }

  type FromExit = ProxyStart | ProxySettings | PortSocket | ProxyChallenges | { type: "challenge-socket" };
  process.on("message", (message: FromExit, handle: unknown) => {
    if (message.type === "start" && !worker) start(message);
    else if (message.type === "socket") ports.hear(message, handle);
    else if (message.type === "challenge-socket") challenges.take(handle as Server);
    else if (message.type === "challenges") answer(message);
    else if (message.type === "settings") applying = applying.then(() => apply(message));
  });

  const stop = (): void => {
    worker?.close();
    challenges.close();
    authoriser?.close();
    process.exit(0);
  };

  process.once("SIGTERM", stop);
  process.once("disconnect", stop);
  // Ctrl-C reaches the whole process group; the supervisor decides when we end.
  process.on("SIGINT", () => {});
}
