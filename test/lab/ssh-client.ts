import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Namespace, PATIENCE_MS, until } from "./namespace.ts";

/** A real `ssh -N -D` in a client's namespace, whose password comes as a person's would: asked for by a program. */
export class SshClient {
  output = "";
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #exited: Promise<unknown>;

  private constructor(process: ChildProcess, folder: string) {
    this.#process = process;
    this.#folder = folder;
    this.#exited = new Promise((resolve) => process.once("exit", resolve));
    process.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.output += text;
    });
  }

  /** `socks`: the port on the client's loopback at which it forwards. */
  static start(
    on: Namespace,
    folder: string,
    to: { address: string; port: number; username: string; password: string; socks: number },
  ): SshClient {
    const own = mkdtempSync(join(folder, "ssh-"));
    const ask = join(own, "ask");
    writeFileSync(ask, '#!/bin/sh\nprintf "%s\\n" "$LETHE_LAB_PASSWORD"\n', { mode: 0o700 });
    const options = ["StrictHostKeyChecking=no", `UserKnownHostsFile=${join(own, "known_hosts")}`];
    const argv = [
      ...["ssh", "-v", "-N", "-F", "none", "-D", `127.0.0.1:${to.socks}`, "-p", String(to.port)],
      ...[...options, "NumberOfPasswordPrompts=1", "ExitOnForwardFailure=yes"].flatMap((each) => [
        "-o",
        each,
      ]),
      `${to.username}@${to.address}`,
    ];
    const env = { SSH_ASKPASS: ask, SSH_ASKPASS_REQUIRE: "force", LETHE_LAB_PASSWORD: to.password };
    return new SshClient(on.start(argv, ["ignore", "ignore", "pipe"], env), own);
  }

  get ended(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  async online(timeoutMs = PATIENCE_MS): Promise<void> {
    await until("ssh to be in", timeoutMs, () => {
      if (this.ended) throw new Error(`ssh ended; it said:\n${this.output}`);
      return this.output.includes("Entering interactive session");
    });
  }

  async stop(): Promise<void> {
    if (!this.ended) this.#process.kill("SIGKILL");
    await this.#exited;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
