import type { ChildProcess } from "node:child_process";
import type { Namespace } from "../../test/lab/namespace.ts";

/** A program in a namespace, with what it has said. */
export class RunningProgram {
  said = "";
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor(on: Namespace, argv: readonly string[], options: { folder?: string; env?: object } = {}) {
    const { folder, env = {} } = options;
    const command = folder === undefined ? argv : ["env", "-C", folder, ...argv];
    this.#child = on.start(command, ["pipe", "pipe", "pipe"], env);
    this.#exited = new Promise((resolve) => this.#child.once("exit", resolve));
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.said = (this.said + text).slice(-20_000);
      });
    this.#child.stdin?.on("error", () => {});
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** What `pattern` finds in what it says. Throws with all that where it ends before, or after `timeoutMs`. */
  async says(pattern: RegExp, timeoutMs = 20_000): Promise<RegExpExecArray> {
    for (const endMs = performance.now() + timeoutMs; ; ) {
      const found = pattern.exec(this.said);
      if (found !== null) return found;
      if (this.ended || performance.now() > endMs) throw new Error(`no ${pattern} in:\n${this.said}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    if (!this.ended) this.#child.kill(signal);
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 3000);
    await this.#exited;
    clearTimeout(timer);
  }
}
