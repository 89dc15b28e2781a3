import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PATIENCE_MS, until } from "./namespace.ts";
import { storedFiles } from "./stored-zip.ts";
import type { VpnClient, VpnClientOptions } from "./vpn-service.ts";

/** The kinds of files that are OpenVPN's, and the programs that a member starts with them. */
export type OpenvpnKind = "openvpn" | "openvpn-guarded" | "stealth-tls" | "stealth-obfs4";

/** The programs that a member starts, in the folder of the files as the site gives them, and what they say. */
export class Programs implements VpnClient {
  readonly #folder: string;
  readonly #options: VpnClientOptions;
  readonly #kind: OpenvpnKind;
  readonly #names: readonly string[];
  #running: ChildProcess[] = [];
  #said = "";

  private constructor(
    options: VpnClientOptions,
    kind: OpenvpnKind,
    folder: string,
    names: readonly string[],
  ) {
    this.#options = options;
    this.#kind = kind;
    this.#folder = folder;
    this.#names = names;
  }

  /** Gets the files of that kind as a member does, with a file of the VPN username and password beside them. */
  static async unpack(kind: OpenvpnKind, options: VpnClientOptions, system = "linux"): Promise<Programs> {
    const { member, exit, login } = options;
    const folder = mkdtempSync(join(options.folder, `${kind}-`));
    const download = join(folder, "download");
    await member.download(`/api/v1/account/profiles/${kind}/${exit.name}?system=${system}`, download);
    const bytes = readFileSync(download);
    const zipped = bytes.toString("latin1", 0, 2) === "PK";
    const files = zipped ? storedFiles(bytes) : new Map([[`${exit.name}.conf`, bytes.toString()]]);
    for (const [name, content] of files) writeFileSync(join(folder, name), content);
    writeFileSync(join(folder, "login"), `${login.username}\n${login.password}\n`, { mode: 0o600 });
    return new Programs(options, kind, folder, [...files.keys()]);
  }

  /** As the page says it; `more` are options of openvpn's. */
  start(...more: string[]): void {
    const named = (ending: RegExp, but?: string): string =>
      this.#names.find((name) => ending.test(name) && name !== but)!;
    const login = ["--auth-user-pass", "login", ...more];
    if (this.#kind === "stealth-obfs4") {
      this.#start("sh", named(/-obfs4\.sh$/), ...login);
      return;
    }
    const stunnel = this.#kind === "stealth-tls" ? named(/-stunnel\.conf$/) : undefined;
    if (stunnel !== undefined) this.#start("stunnel4", stunnel);
    this.#start("openvpn", "--config", named(/\.(?:conf|ovpn)$/, stunnel), ...login);
  }

  /** In a session of its own, so that Ctrl-C reaches all that it starts. */
  #start(...argv: string[]): void {
    const child = this.#options.on.start(["setsid", "env", "-C", this.#folder, ...argv]);
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#said += text;
      });
    this.#running.push(child);
  }

  said(): string {
    return this.#said;
  }

  async online(timeoutMs = PATIENCE_MS): Promise<void> {
    const ended = () => this.#running.find(({ exitCode, signalCode }) => (exitCode ?? signalCode) !== null);
    await until("the tunnel", timeoutMs, () => {
      if (this.#said.includes("Initialization Sequence Completed")) return true;
      if (ended() !== undefined) throw new Error("it ended");
      return false;
    }).catch((error: Error) => {
      throw new Error(`${error.message}; it said:\n${this.#said}`);
    });
  }

  /** All at once, with no time for a last word. They may be started again. */
  async kill(): Promise<void> {
    await this.#endAll("SIGKILL");
    this.#running = [];
    this.#said = "";
  }

  /** What the guarded files keep shut is opened again; the others have no such script. */
  async unguard(): Promise<void> {
    const script = this.#names.find((name) => name === "lethe-guard.sh");
    if (script !== undefined) await this.#options.on.run(["sh", join(this.#folder, script), "off"]);
  }

  /** As Ctrl-C does it: what is open afterwards is what the programs themselves have opened again. */
  async end(): Promise<void> {
    await this.#endAll("SIGINT");
  }

  async stop(): Promise<void> {
    await this.end();
    await this.#endAll("SIGKILL");
    await this.unguard();
    this.#running = [];
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #endAll(signal: NodeJS.Signals): Promise<void> {
    for (const child of this.#running.toReversed()) {
      const gone = () => child.exitCode !== null || child.signalCode !== null;
      try {
        process.kill(-child.pid!, signal);
      } catch {
        // nobody is left
      }
      const end = performance.now() + 30_000;
      while (!gone() && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
