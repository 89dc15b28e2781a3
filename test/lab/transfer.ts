import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { lab } from "./addresses.ts";
import type { Namespace } from "./namespace.ts";

/** A download that curl runs in a client, watched while it goes on. */
export class Transfer {
  bytes = 0;
  /** What curl said on standard error. */
  said = "";
  /** Its name in the request, by which the web server's log tells it from others. */
  readonly mark = Math.random().toString(36).slice(2);
  readonly #hash = createHash("sha256");
  readonly #process: ChildProcess;
  readonly #ended: Promise<number | null>;

  /** `count` undefined: until `World.endDownload(mark)`. */
  constructor(
    namespace: Namespace,
    count: number | undefined,
    bytesPerSecond: number,
    ...curlOptions: string[]
  ) {
    const length = count === undefined ? `until=${this.mark}` : `n=${count}&mark=${this.mark}`;
    const url = `http://${lab.internet.web4}/bytes?rate=${bytesPerSecond}&${length}`;
    this.#process = namespace.start(["curl", "-sS", "--fail", "--no-buffer", ...curlOptions, url]);
    this.#process.stdout?.on("data", (chunk: Buffer) => {
      this.bytes += chunk.length;
      this.#hash.update(chunk);
    });
    this.#process.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.said += text;
    });
    this.#ended = new Promise((resolve) => this.#process.once("close", (code) => resolve(code)));
  }

  /** curl's exit code, once everything it said has been read; nothing where it still runs after `timeoutMs`. */
  async ended(timeoutMs: number): Promise<number | null | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), timeoutMs);
    });
    const code = await Promise.race([this.#ended, late]);
    clearTimeout(timer);
    return code;
  }

  /** SHA-256 in hex of what came; to be asked once, at the end. */
  hash(): string {
    return this.#hash.digest("hex");
  }

  async stop(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#ended;
  }
}
