import type { ChildProcess } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ApiMember } from "./api-member.ts";
import { endProgram, type Namespace, type Output, PATIENCE_MS, until } from "./namespace.ts";
import type { LabExit } from "./services-scene.ts";

/** What curl is told to go through a tunnel's own SOCKS proxy on the client, which looks names up at the exit. */
export const THROUGH_SSH = ["--proxy", "socks5h://127.0.0.1:1080"];

/** The real ssh(1) with the file that a member fetches. */
export class SshByProfile {
  readonly #child: ChildProcess;
  said = "";

  private constructor(child: ChildProcess) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.said += text;
      });
  }

  /** `ssh -F FILE` as a member runs it, with what answers the question for the password. */
  static async prepare(
    folder: string,
    exit: LabExit,
    member: ApiMember,
    login: { username: string; password: string },
  ): Promise<{ argv: string[]; env: Record<string, string> }> {
    const own = mkdtempSync(join(folder, "ssh-"));
    const config = join(own, "config");
    await member.download(`/api/v1/account/profiles/ssh/${exit.name}?system=linux`, config);
    const secret = join(own, "password");
    const askpass = join(own, "askpass");
    writeFileSync(secret, `${login.password}\n`, { mode: 0o600 });
    writeFileSync(askpass, `#!/bin/sh\ncat ${secret}\n`, { mode: 0o700 });
    const argv = [
      "ssh",
      "-F",
      config,
      "-l",
      login.username,
      "-o",
      "NumberOfPasswordPrompts=1",
      `vpn-${exit.name}`,
    ];
    return { argv, env: { SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: "force" } };
  }

  static async start(
    on: Namespace,
    folder: string,
    exit: LabExit,
    member: ApiMember,
    login: { username: string; password: string },
    ...options: string[]
  ): Promise<SshByProfile> {
    const { argv, env } = await SshByProfile.prepare(folder, exit, member, login);
    const [program, ...rest] = argv;
    return new SshByProfile(on.start([program!, "-v", ...options, ...rest], ["ignore", "pipe", "pipe"], env));
  }

  /** One run of ssh to its end, with these options before and words behind the server's name. */
  static async run(
    on: Namespace,
    folder: string,
    exit: LabExit,
    member: ApiMember,
    login: { username: string; password: string },
    { options, words, env: more }: { options: string[]; words: string[]; env: Record<string, string> },
  ): Promise<Output> {
    const { argv, env } = await SshByProfile.prepare(folder, exit, member, login);
    const [program, ...rest] = argv;
    return on.run([program!, ...options, ...rest, ...words], { env: { ...env, ...more } });
  }

  get over(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async online(timeoutMs = PATIENCE_MS): Promise<void> {
    await until("the SSH tunnel", timeoutMs, () => {
      if (
        /Local forwarding listening on 127\.0\.0\.1 port 1080/.test(this.said) &&
        /Entering interactive/.test(this.said)
      )
        return true;
      if (this.over) throw new Error(`ssh ended; it said:\n${this.said}`);
      return false;
    });
  }

  async stop(): Promise<void> {
    await endProgram(this.#child);
  }
}
