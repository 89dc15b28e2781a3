import { logFor } from "../../lib/event-log.ts";
import { ForkedChild } from "../../lib/forked-child.ts";
import type { ExitStart } from "../messages.ts";
import type { RadiusStart } from "./radius-worker.ts";
import { RADIUS_PORT, radiusSecret } from "./secret.ts";
import { loginSocketOf } from "./sockets.ts";

/** The RADIUS worker as the root process has it: it runs where IKEv2 is offered. */
export class RadiusWorker {
  readonly #child: ForkedChild;
  #running = false;
  #stopped: Promise<void> = Promise.resolve();

  /** `entry`: bundle.ts, or the bundle. */
  constructor(entry: string, start: ExitStart) {
    const { run, accounts } = start;
    this.#child = new ForkedChild({
      module: entry,
      args: ["radius"],
      log: logFor("ikev2"),
      onStart: (child) =>
        child.send({
          type: "start",
          account: accounts.proxy,
          loginSocket: loginSocketOf(run.authoriseSocket),
          port: RADIUS_PORT,
          secret: radiusSecret(run.engines),
        } satisfies RadiusStart),
      onMessage: () => {},
    });
  }

  want(wanted: boolean): void {
    if (!wanted) return void this.stop();
    if (this.#running) return;
    this.#running = true;
    // That of before first: a child is one process at a time.
    void this.#stopped.then(() => {
      if (this.#running) this.#child.start();
    });
  }

  stop(): Promise<void> {
    if (this.#running) this.#stopped = this.#child.stop(2000);
    this.#running = false;
    return this.#stopped;
  }
}
