import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { InternetLog } from "./internet.ts";
import type { Namespace } from "./namespace.ts";

const program = fileURLToPath(new URL("internet.ts", import.meta.url));

/** The lab's web, mail and DNS (internet.ts) in a namespace; with `web` and a port the web server alone. */
export class InternetServer {
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  /** Answers by the time it resolves. */
  static async start(namespace: Namespace, ...args: string[]): Promise<InternetServer> {
    const server = namespace.start(
      [process.execPath, program, ...args],
      ["ignore", "inherit", "inherit", "ipc"],
    );
    const early = once(server, "exit").then(() => {
      throw new Error(`the server in ${namespace.name} ended before it was ready`);
    });
    early.catch(() => {});
    await Promise.race([once(server, "message"), early]);
    return new InternetServer(server);
  }

  /** What its servers have seen since the last `forget`. */
  async seen(then: "keep" | "forget" = "keep"): Promise<InternetLog> {
    const answer = once(this.#process, "message") as Promise<[{ log: InternetLog }]>;
    this.#process.send("tell");
    const [{ log }] = await answer;
    if (then === "forget") await this.forget();
    return log;
  }

  async forget(): Promise<void> {
    const answer = once(this.#process, "message");
    this.#process.send("forget");
    await answer;
  }

  /** Lets a download end that was started without a length (see `Transfer`). */
  endDownload(mark: string): void {
    this.#process.send({ end: mark });
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }
}
