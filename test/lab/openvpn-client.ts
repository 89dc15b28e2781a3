import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { endProgram, type Namespace, PATIENCE_MS } from "./namespace.ts";

export interface VpnLogin {
  /** The text of an `.ovpn` file. */
  profile: string;
  username: string;
  password: string;
}

/**
 * Only the profile's remotes of one protocol. A client's `tcp` has become `tcp-client` by the time openvpn 2.6 compares
 * them, so `--proto-force tcp` finds none.
 */
export const over = (protocol: "udp" | "tcp"): string[] => [
  "--proto-force",
  protocol === "tcp" ? "tcp-client" : "udp",
];

/** For a session without a device or routes: several fit on one machine. */
export const DEVICELESS: readonly string[] = ["--dev", "null", "--ifconfig-noexec", "--route-noexec"];

/** A real `openvpn` in a client's namespace, started with a profile as a member would start it. */
export class OpenVpnClient {
  readonly output: string[] = [];
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #exited: Promise<number | null>;
  #wakeUp: (() => void)[] = [];

  private constructor(process: ChildProcess, folder: string) {
    this.#process = process;
    this.#folder = folder;
    this.#exited = new Promise((resolve) =>
      process.once("exit", (code) => {
        resolve(code);
        this.#wake();
      }),
    );
    let rest = "";
    process.stdout?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      this.output.push(...lines);
      this.#wake();
    });
  }

  #wake(): void {
    for (const wake of this.#wakeUp.splice(0)) wake();
  }

  static start(namespace: Namespace, folder: string, login: VpnLogin, ...options: string[]): OpenVpnClient {
    const own = mkdtempSync(join(folder, "openvpn-"));
    const profile = join(own, "profile.ovpn");
    const secret = join(own, "login");
    writeFileSync(profile, login.profile, { mode: 0o600 });
    writeFileSync(secret, `${login.username}\n${login.password}\n`, { mode: 0o600 });
    const argv = ["openvpn", "--config", profile, "--auth-user-pass", secret, "--verb", "3", ...options];
    return new OpenVpnClient(namespace.start(argv, ["ignore", "pipe", "ignore"]), own);
  }

  /** The first line from `from` on that matches; throws with the whole output where the client ends or time runs out. */
  async line(pattern: RegExp, timeoutMs: number, from = 0): Promise<string> {
    const end = performance.now() + timeoutMs;
    for (;;) {
      const found = this.output.slice(from).find((line) => pattern.test(line));
      if (found !== undefined) return found;
      const leftMs = end - performance.now();
      if (leftMs <= 0 || this.ended) {
        const why = this.ended ? "openvpn ended" : `${timeoutMs} ms passed`;
        throw new Error(`${why} without ${pattern}; it said:\n${this.output.join("\n")}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wakeUp.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  online(timeoutMs = PATIENCE_MS, from = 0): Promise<string> {
    return this.line(/Initialization Sequence Completed/, timeoutMs, from);
  }

  get ended(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  /** The exit code once it has ended by itself; nothing where it still runs after `timeoutMs`. */
  async exitCode(timeoutMs: number): Promise<number | null | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), timeoutMs);
    });
    const code = await Promise.race([this.#exited, late]);
    clearTimeout(timer);
    return code;
  }

  /** The address that the exit gave this client inside the tunnel. */
  async tunnelAddress(namespace: Namespace): Promise<string> {
    const { stdout } = await namespace.run(["ip", "-4", "-o", "address", "show", "scope", "global"]);
    const address = /\btun\d+\s+inet (\d+\.\d+\.\d+\.\d+)/.exec(stdout)?.[1];
    if (address === undefined) throw new Error(`no tunnel device bears an address:\n${stdout}`);
    return address;
  }

  /** Its tunnel device. */
  async device(namespace: Namespace): Promise<string> {
    const { stdout } = await namespace.run(["ip", "-4", "-o", "address", "show", "scope", "global"]);
    const device = /\b(tun\d+)\s+inet /.exec(stdout)?.[1];
    if (device === undefined) throw new Error(`there is no tunnel device:\n${stdout}`);
    return device;
  }

  /** Ends it as Ctrl-C does (the client says goodbye), or at once with SIGKILL. */
  async stop(signal: "SIGINT" | "SIGKILL" = "SIGINT"): Promise<void> {
    await endProgram(this.#process, signal);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
