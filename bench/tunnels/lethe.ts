import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { StatusReport } from "../../src/cli/description.ts";
import { ApiMember } from "../../test/lab/api-member.ts";
import { runFolderOf, until } from "../../test/lab/namespace.ts";
import { storedFiles } from "../../test/lab/stored-zip.ts";
import { RunningProgram } from "./programs.ts";
import { type BenchWorld, places } from "./world.ts";

const lethe = fileURLToPath(new URL("../../lethe", import.meta.url));
const SITE = `http://${places.lethe.v4}:8080`;

/** Ports as lethe.toml has them by default; no limit of sessions, since the bench logs in as often as it can. */
const configuration = `[site]
name = "Bench VPN"
listen = ["${places.lethe.v4}:8080"]
url = "${SITE}"

[server]
name = "bench1"
host = "${places.lethe.v4}"
addresses = ["${places.lethe.v4}"]

[dns]
forward = ["198.18.0.53"]
validate = false

[egress]
allow = ["198.18.0.0/16"]

[ikev2]
enabled = true

[limits]
sessions_per_credential = 1000000
`;

/** Lethe as an operator starts it, office and exit, with one member. */
export class BenchLethe {
  readonly #world: BenchWorld;
  readonly #data: string;
  readonly #program: RunningProgram;
  member: ApiMember;
  username = "";
  password = "";

  private constructor(world: BenchWorld) {
    this.#world = world;
    this.#data = mkdtempSync(join(world.folder, "data-"));
    writeFileSync(join(this.#data, "lethe.toml"), configuration);
    this.#program = new RunningProgram(world.lethe, [lethe, "up", "--data", this.#data]);
    this.member = new ApiMember(world.internet, SITE, "bench.member");
  }

  static async start(world: BenchWorld): Promise<BenchLethe> {
    const started = new BenchLethe(world);
    try {
      const { services } = await until("Lethe", 90_000, async () => {
        if (started.#program.ended) throw new Error(`lethe up ended:\n${started.#program.said}`);
        const { code, stdout } = await started.#command("--json", "status");
        const report = code === 0 ? (JSON.parse(stdout) as StatusReport) : undefined;
        return report?.settled === true ? report : undefined;
      });
      const failed = services.filter(({ failed }) => failed !== undefined);
      if (failed.length > 0) throw new Error(`not every service runs: ${JSON.stringify(failed)}`);
      const voucher = (await started.#command("voucher", "make")).stdout.trim();
      const { status, text } = await started.member.signUp(voucher);
      if (status !== 201) throw new Error(`no member: ${status} ${text}`);
      const { username, password } = await started.member.vpn("bench1");
      Object.assign(started, { username, password });
      return started;
    } catch (error) {
      await started.stop();
      throw error;
    }
  }

  /** What the exit keeps: its keys and its identities. */
  get exitFolder(): string {
    return join(this.#data, "exit");
  }

  #command(...words: string[]) {
    return this.#world.lethe.run([lethe, "--data", this.#data, ...words], { timeoutMs: 60_000 });
  }

  /** A member's files of that kind, in a folder of their own, with the login beside them. */
  async files(kind: string, query = "system=linux"): Promise<{ folder: string; names: string[] }> {
    const folder = mkdtempSync(join(this.#world.folder, `${kind}-`));
    const file = join(folder, "download");
    await this.member.download(`/api/v1/account/profiles/${kind}/bench1?${query}`, file);
    const bytes = readFileSync(file);
    const files =
      bytes.readUInt32LE(0) === 0x04034b50 ? storedFiles(bytes) : new Map([[kind, bytes.toString("utf8")]]);
    for (const [name, content] of files) writeFileSync(join(folder, name), content);
    writeFileSync(join(folder, "login"), `${this.username}\n${this.password}\n`, { mode: 0o600 });
    return { folder, names: [...files.keys()] };
  }

  async stop(): Promise<void> {
    await this.#program.stop();
    rmSync(runFolderOf(this.#data), { recursive: true, force: true });
  }
}
