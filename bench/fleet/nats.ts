import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { siteTag } from "../../src/link/nats-subjects.ts";
import { generateSiteKey, siteKeyToPem } from "../../src/link/site-key.ts";
import { natsBench } from "../../src/office/nats-testing.ts";
import type { ExitsStart } from "./exits.ts";
import { serverName } from "./fill.ts";
import type { LinkStart } from "./office.ts";

/** A nats-server with the configuration that the product renders and supervises, and everybody's keys. */
export interface Link {
  port: number;
  version: string;
  /** The exits' names; beside them there is `probe1`. */
  exits: string[];
  pid(): number;
  /** What an exits' process and the office need to start. */
  start(exits: string[]): ExitsStart;
  office: LinkStart;
  /** SIGKILL; it is back, empty, when this resolves: its supervisor starts it again. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

export async function startLink(count: number, jitterMs: number): Promise<Link> {
  const key = generateSiteKey();
  const site = siteTag(key.publicKey);
  const bench = await natsBench({ site });
  const exits = Array.from({ length: count }, (_, index) => serverName(index));
  await bench.add(...exits, "probe1");
  const running = async (not?: number): Promise<void> => {
    for (let tries = 0; bench.server.pid === undefined || bench.server.pid === not; tries++) {
      if (tries > 600) throw new Error("nats-server does not run");
      await wait(50);
    }
  };
  await running();
  // It outlives whoever started it; where a signal ends us, it goes too.
  const end = () => {
    if (bench.server.pid !== undefined) process.kill(bench.server.pid, "SIGKILL");
    rmSync(bench.folder, { recursive: true, force: true });
  };
  process.once("exit", end);
  const link = { servers: [bench.address], site, ca: bench.ca };
  return {
    port: bench.listen.port,
    version: execFileSync("/usr/sbin/nats-server", ["--version"], { encoding: "utf8" })
      .replace(/^.*:\s*v?/, "")
      .trim(),
    exits,
    pid: () => bench.server.pid!,
    start: (names) => ({
      exits: names.map((server) => ({ server, seed: bench.keyOf(server).seed })),
      link,
      publicKey: key.publicKey,
      jitterMs,
    }),
    office: { ...link, seed: bench.office.seed, siteKeyPem: siteKeyToPem(key), exits: [...exits, "probe1"] },
    async kill() {
      const { pid } = bench.server;
      process.kill(pid!, "SIGKILL");
      await running(pid);
    },
    async stop() {
      process.off("exit", end);
      await bench[Symbol.asyncDispose]();
    },
  };
}
