import type { ChildProcess } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "pg";
import { startCluster, TEST_SUPERUSER, type TestCluster } from "../../src/store/test-cluster.ts";
import type { ServerView } from "../../src/web/control/servers.ts";
import { lab } from "./addresses.ts";
import type { FleetWorld } from "./fleet-world.ts";
import { fleet } from "./fleet-world.ts";
import { type Output, PATIENCE_MS, signalIfAlive, until } from "./namespace.ts";
import { fetchFrom } from "./probes.ts";
import { ports } from "./provider.ts";

const lethe = fileURLToPath(new URL("../../lethe", import.meta.url));
const site = `http://${fleet.office.v4}:${ports.site}`;

const configuration = (storeUrl: string): string => `[site]
name = "Fleet VPN"
listen = ["${fleet.office.v4}:${ports.site}"]
url = "${site}"

[store]
url = "${storeUrl}"

[server]
name = "office1"
host = "${fleet.office.v4}"
addresses = ["${fleet.office.v4}"]
city = "Labville"
country = "Labland"
country_code = "LL"
bandwidth_mbit = 100

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
allow = ["198.18.0.0/16", "192.0.2.0/24"]
`;

/** The office of a fleet, `lethe up` on the world's office machine; on a PostgreSQL cluster of its own unless said otherwise. */
export class FleetOffice {
  readonly site: string;
  readonly data: string;
  readonly #postgres: TestCluster | undefined;
  readonly #world: FleetWorld;
  #process: ChildProcess | undefined;
  /** Everything that any process of it has said. */
  output = "";

  private constructor(world: FleetWorld, settings: string, postgres?: TestCluster, url = site) {
    this.site = url;
    this.#world = world;
    this.#postgres = postgres;
    this.data = join(world.folder, "office", "data");
    mkdirSync(this.data);
    writeFileSync(join(this.data, "lethe.toml"), settings);
  }

  /** Throws where the office was started on SQLite. */
  get postgres(): TestCluster {
    if (this.#postgres === undefined) throw new Error("this office has no PostgreSQL");
    return this.#postgres;
  }

  /** On SQLite, with this lethe.toml, in which its site has this address; otherwise like `start`. */
  static async startAlone(world: FleetWorld, settings: string, url = site): Promise<FleetOffice> {
    const office = new FleetOffice(world, settings, undefined, url);
    await office.launch();
    return office;
  }

  static async start(world: FleetWorld): Promise<FleetOffice> {
    // A killed server must have what it has said yes to; the test cluster's own setting gives up on that for speed.
    const postgres = await startCluster({ synchronous_commit: "on" });
    try {
      const client = new Client({ host: postgres.folder, user: TEST_SUPERUSER, database: "postgres" });
      await client.connect();
      await client.query("create database lethe");
      await client.end();
      // The socket is for every user; the data beside it are the database's alone.
      chmodSync(postgres.folder, 0o711);
      const url = `postgres://${TEST_SUPERUSER}@/lethe?host=${postgres.folder}`;
      const office = new FleetOffice(world, configuration(url), postgres);
      await office.launch();
      return office;
    } catch (error) {
      await postgres.stop();
      throw error;
    }
  }

  /** Starts `lethe up`; resolves when the site answers. */
  async launch(): Promise<void> {
    const child = this.#world.office.start([lethe, "up", "--data", this.data]);
    this.#process = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
      });
    }
    try {
      await until("the site", 2 * PATIENCE_MS, async () => {
        if (!this.running) throw new Error(`lethe up ended with ${child.exitCode}`);
        return (await fetchFrom(this.#world.office, `${this.site}/`)) !== undefined;
      });
    } catch (error) {
      throw new Error(`${(error as Error).message}\nlethe said:\n${this.output}`);
    }
  }

  get running(): boolean {
    return this.#process?.exitCode === null && this.#process.signalCode === null;
  }

  /** `./lethe --data … <words>` on the office machine, as the operator types it. */
  command(...words: string[]): Promise<Output> {
    return this.#world.office.run([lethe, "--data", this.data, ...words], { timeoutMs: 2 * PATIENCE_MS });
  }

  async mustCommand(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.command(...words);
    if (code !== 0) throw new Error(`lethe ${words.join(" ")} → ${code}\n${stdout}${stderr}\n${this.output}`);
    return stdout;
  }

  /** `lethe restart`; resolves when each process of ours is a new one, and the site and every service answer again. */
  async restart(): Promise<void> {
    const own = /src\/(office|exit)\//;
    const before = await this.#world.office.pidsMatching(own);
    // It says so where that takes long; then it is waited for here.
    const { code, stdout, stderr } = await this.command("restart");
    if (code !== 0 && !/not up yet/.test(stdout + stderr))
      throw new Error(`lethe restart → ${code}\n${stdout}${stderr}\n${this.output}`);
    await until("new processes", PATIENCE_MS, async () => {
      const now = await this.#world.office.pidsMatching(own);
      return now.length > 0 && !now.some((pid) => before.includes(pid));
    });
    await until(
      "the services",
      2 * PATIENCE_MS,
      async () => {
        const { code, stdout } = await this.command("--json", "status");
        return code === 0 && (JSON.parse(stdout) as { settled: boolean }).settled;
      },
      250,
    );
  }

  async servers(): Promise<ServerView[]> {
    return JSON.parse(await this.mustCommand("--json", "server", "list"));
  }

  /** Every process of the office's software: the supervisor, office, its own exit, nats-server. */
  pids(): Promise<number[]> {
    return this.#world.office.pidsMatching(/src\/(cli|office|exit)\/|nats-server|openvpn|unbound/);
  }

  /** SIGTERM to the supervisor; resolves when it has ended. */
  async stop(): Promise<void> {
    const child = this.#process;
    if (child === undefined || !this.running) return;
    // `child` is nsenter, which passes no signal on.
    for (const pid of await this.#world.office.pidsMatching(/src\/cli\/main\.ts up/)) {
      signalIfAlive(pid, "SIGTERM");
    }
    await until("the office to end", PATIENCE_MS, () => !this.running);
  }

  async remove(): Promise<void> {
    await this.#world.office.powerOff();
    await this.#postgres?.stop();
  }
}
