import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { lab } from "./addresses.ts";
import { endProgram, type Output, PATIENCE_MS, runFolderOf, until, withOwnWireguard } from "./namespace.ts";
import { fetchFrom } from "./probes.ts";
import type { World } from "./world.ts";

const lethe = fileURLToPath(new URL("../../lethe", import.meta.url));

export const ports = { site: 8080, openvpn: 1194, socks5: 1080, http: 3128 } as const;

/** The settings of the lab's provider; bandwidth so small that a test's traffic is many per cent of it. */
export const labConfig = `[site]
name = "Lab VPN"
listen = "${lab.exit.v4}:${ports.site}"
url = "http://exit1.lab.example:${ports.site}"

[server]
name = "exit1"
host = "exit1.lab.example"
addresses = ["${lab.exit.v4}", "${lab.exit.v6}"]
city = "Labville"
country = "Labland"
country_code = "LL"
latitude = 52.5
longitude = 13.4
bandwidth_mbit = 20

[openvpn]
udp = ["0.0.0.0:${ports.openvpn}"]
tcp = ["0.0.0.0:${ports.openvpn}"]

[socks5]
listen = ["0.0.0.0:${ports.socks5}"]

[http_proxy]
listen = ["0.0.0.0:${ports.http}"]

[dns]
forward = ["${lab.internet.resolver}"]
validate = false

[egress]
allow = ${JSON.stringify(lab.allow)}
deny = ${JSON.stringify(lab.deny)}
deny_ports = [${lab.deniedPort}]
`;

/** Lethe itself, started with `./lethe up --data …` inside the exit's namespace. */
export class Provider {
  readonly data: string;
  readonly siteUrl = `http://exit1.lab.example:${ports.site}`;
  /** The site by address, for a client whose resolver does not know the exit's name. */
  readonly siteAddress = `http://${lab.exit.v4}:${ports.site}`;
  readonly #world: World;
  #process: ChildProcess | undefined;
  /** Everything that any process of it has said on standard output and error. */
  output = "";

  constructor(world: World, config = labConfig) {
    this.#world = world;
    this.data = mkdtempSync(join(world.folder, "data-"));
    writeFileSync(join(this.data, "lethe.toml"), config);
  }

  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error("the provider is not running");
    return pid;
  }

  get runFolder(): string {
    return runFolderOf(this.data);
  }

  get databaseFile(): string {
    return join(this.data, "office", "lethe.db");
  }

  get running(): boolean {
    return (
      this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null
    );
  }

  /** Starts `lethe up`; resolves when the site answers and every service has been tried, with how long that took. */
  async start(): Promise<number> {
    const started = performance.now();
    this.launch();
    await this.#answers();
    return performance.now() - started;
  }

  async #answers(): Promise<void> {
    try {
      await until(
        "the site and the services",
        2 * PATIENCE_MS,
        async () => {
          if (!this.running) throw new Error(`lethe up ended with ${this.#process?.exitCode}`);
          return (
            (await this.ready()) && (await fetchFrom(this.#world.exit, `${this.siteAddress}/`)) !== undefined
          );
        },
        150,
      );
    } catch (error) {
      throw new Error(`${(error as Error).message}\nlethe said:\n${this.output}`);
    }
  }

  /** `lethe restart`; resolves when every process of ours is a new one and everything answers again. */
  async restart(): Promise<number> {
    const started = performance.now();
    const before = await this.ownProcesses();
    // It says so where that takes long; then it is waited for here.
    const { code, stdout, stderr } = await this.command("restart");
    if (code !== 0 && !/not up yet/.test(stdout + stderr))
      throw new Error(`lethe restart → ${code}\n${stdout}${stderr}\n${this.output}`);
    await until(
      () => `new processes\n${this.output}`,
      PATIENCE_MS,
      async () => !(await this.ownProcesses()).some((pid) => before.includes(pid)),
    );
    await this.#answers();
    return performance.now() - started;
  }

  /** Our Node processes other than the supervisor, which keeps its process id across a restart. */
  async ownProcesses(): Promise<number[]> {
    return (await this.pids()).filter(
      (pid) => pid !== this.#process?.pid && /\/src\/(office|exit)\//.test(commandLine(pid)),
    );
  }

  launch(): void {
    const child = this.#world.exit.start(
      withOwnWireguard(`${this.data}-wireguard`, [lethe, "up", "--data", this.data]),
    );
    this.#process = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
      });
    }
  }

  /** Whether every service of lethe.toml listens in the exit's namespace. */
  async ready(): Promise<boolean> {
    const { stdout } = await this.#world.exit.run(["ss", "-Hltun"]);
    return [
      ["tcp", ports.site],
      ["tcp", ports.openvpn],
      ["udp", ports.openvpn],
      ["tcp", ports.socks5],
      ["tcp", ports.http],
    ].every(([protocol, port]) =>
      stdout.split("\n").some((line) => line.startsWith(String(protocol)) && line.includes(`:${port} `)),
    );
  }

  /** `./lethe --data … <words>` in the exit's namespace, as the operator types it. */
  command(...words: string[]): Promise<Output> {
    return this.#world.exit.run([lethe, "--data", this.data, ...words], { timeoutMs: 2 * PATIENCE_MS });
  }

  async mustCommand(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.command(...words);
    if (code !== 0) throw new Error(`lethe ${words.join(" ")} → ${code}\n${stdout}${stderr}`);
    return stdout;
  }

  /** SIGTERM, as a service manager sends it. Resolves with the exit code. */
  stop(signal: "SIGTERM" | "SIGINT" = "SIGTERM"): Promise<number | null> {
    return this.#end(signal);
  }

  /** Stops it for good, and takes its run folder with it. */
  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.runFolder, { recursive: true, force: true });
  }

  /** SIGKILL to the supervisor alone: what it started is left as a crash leaves it. */
  kill(): Promise<number | null> {
    return this.#end("SIGKILL");
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#process;
    if (child === undefined || !this.running) return child?.exitCode ?? null;
    await endProgram(child, signal, 2 * PATIENCE_MS);
    return child.exitCode;
  }

  /** The processes of `program` (by the kernel's short name) in the exit's namespace. */
  async pidsOf(program: string): Promise<number[]> {
    return (await this.pids()).filter((pid) => commandName(pid) === program);
  }

  /** The openvpn processes that serve members; the exit's test of itself is a client, and reads its settings from stdin. */
  async engines(): Promise<number[]> {
    const all = await this.pidsOf("openvpn");
    return all.filter((pid) => !commandLine(pid).includes("--config stdin"));
  }

  async pids(): Promise<number[]> {
    const { stdout } = await this.#world.exit.run(["ip", "netns", "pids", this.#world.exit.name]);
    return stdout.split("\n").filter(Boolean).map(Number);
  }
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}

function commandName(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return "";
  }
}
