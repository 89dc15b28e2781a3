import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { commandLine } from "../machine.ts";
import { PATIENCE_MS, until } from "../namespace.ts";
import { OpenVpnClient } from "../openvpn-client.ts";
import { seenAddress } from "../probes.ts";
import type { ServicesScene } from "../services-scene.ts";

const sender = fileURLToPath(new URL("../garbage-sender.ts", import.meta.url));

const DATAGRAMS = 100_000;
const CONNECTIONS = 2000;
/** Before the first measurement, so that what a process makes once (caches, a larger heap) is there. */
const WARM_UP_SHARE = 0.1;
/** What garbage may cost, with what a garbage collector leaves lying about: it runs when some 40 MB have gathered. */
const GROWTH_MOST_MB = 80;
/**
 * And what as much of it again may: what is lost a message grows on and on. Not of our own processes, where nothing tells that from
 * what is collected later: src/exit/garbage.test.ts asks their heaps.
 */
const GROWTH_AGAIN_MOST_MB = 5;
/** An allocator may take its room in one step late; what leaks does so each time. */
const AGAIN_MOST = 4;
const OURS = /^\S*node /;
/**
 * What listens at the ports of an exit, and what runs it: each has to be there, and the same one afterwards. Not the exit's tests of
 * itself nor the programs that it calls for a moment, which come and go.
 */
const ENGINES = [
  /openvpn .*--config (?!stdin)/,
  /wireguard-go -f /,
  /charon-systemd --lethe=/,
  /stunnel4 .*stealth-tls\.conf/,
  /obfs4proxy .*stealth-obfs4-/,
  /unbound -d /,
  /exit\.mjs run\b/,
  /exit\.mjs keeper\b/,
  /exit\.mjs proxy\b/,
  /exit\.mjs ssh\b/,
  /exit\.mjs radius\b/,
];

/** Garbage at every port of an exit: nothing ends, nothing grows, and members get in afterwards. */
export function garbageCases(scene: () => ServicesScene): void {
  describe("garbage at every port", () => {
    test(`${DATAGRAMS} datagrams and ${CONNECTIONS} connections at each, over IPv4 and IPv6: no process ends, and none grows on`, async (context) => {
      const { world, oslo, office } = scene();
      const { machine } = oslo;
      /** Every process of those and what it holds in memory. */
      const look = async (): Promise<Map<number, Process>> => {
        const found = (await machine.pids()).map((pid) => [pid, processOf(pid)] as const);
        return new Map(found.filter(([, { what }]) => ENGINES.some((engine) => engine.test(what))));
      };
      const { services } = (await office.servers()).find(({ name }) => name === oslo.name)!;
      assert.ok(services.length > 0);
      const { stdout } = await machine.run(["ss", "-Hlntu"]);
      const places = [
        ...new Set(
          stdout
            .split("\n")
            .map((line) => /^(tcp|udp)\s+\S+\s+\S+\s+\S+\s+(\S+):(\d+)\s/.exec(`${line} `))
            .filter((found) => found !== null && !/^(127\.|\[::1\]|10\.|\[fd)/.test(found[2]!))
            .map((found) => `${found![1]} ${found![3]}`),
        ),
      ];
      context.diagnostic(places.join(", "));
      assert.ok(places.length >= 4, stdout);
      /** So much of it over each of the two. */
      const send = (share: number, seed: string) =>
        Promise.all(
          [oslo.v4, oslo.v6].flatMap((address) =>
            places.map((place) => {
              const [protocol = "", port = ""] = place.split(" ");
              const count = Math.round(share * (protocol === "udp" ? DATAGRAMS : CONNECTIONS));
              const words = [address, port, protocol, String(count), `${seed} ${address} ${place}`];
              return world.client2.must([process.execPath, "--no-warnings", sender, ...words], {
                timeoutMs: 900_000,
              });
            }),
          ),
        );
      const atFirst = await look();
      for (const engine of ENGINES)
        assert.ok(
          [...atFirst.values()].some(({ what }) => engine.test(what)),
          `control: ${engine} is seen`,
        );
      await send(WARM_UP_SHARE, "warm-up");
      const before = await look();
      await send(0.25, "garbage");
      let once = await look();
      for (let again = 1; ; again++) {
        await send(0.25, `garbage again ${again}`);
        const twice = await look();
        const growing: string[] = [];
        for (const [pid, { what }] of atFirst) {
          const [warm, then, now] = [before, once, twice].map((seen) => seen.get(pid)?.mb);
          if (warm === undefined || then === undefined || now === undefined) assert.fail(`ended: ${what}`);
          const words = `${what.slice(0, 80)}: from ${warm.toFixed(1)} MB to ${then.toFixed(1)}, and by as much garbage again to ${now.toFixed(1)}`;
          if (now - warm > 3) context.diagnostic(words);
          assert.ok(now - warm <= GROWTH_MOST_MB, words);
          if (!OURS.test(what) && now - then > GROWTH_AGAIN_MOST_MB) growing.push(words);
        }
        if (growing.length === 0) break;
        assert.ok(again < AGAIN_MOST, growing.join("; "));
        once = twice;
      }
      await until("every service to be well", 2 * PATIENCE_MS, async () =>
        (await office.servers())
          .find(({ name }) => name === oslo.name)!
          .services.every(({ healthy }) => healthy),
      );
      const member = await scene().member("anna-garbage.lab");
      const client = OpenVpnClient.start(world.client, world.folder, await member.vpn(oslo.name));
      try {
        await client.online();
        assert.equal(await seenAddress(world.client), oslo.v4);
      } finally {
        await client.stop();
      }
    });
  });
}

interface Process {
  /** Its command line; "" where it has ended. */
  what: string;
  /** Resident memory without what it shares with files (proc(5), status). */
  mb: number;
}

function processOf(pid: number): Process {
  try {
    const kb = /^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
    return { what: commandLine(pid), mb: Number(kb ?? 0) / 1024 };
  } catch {
    return { what: "", mb: 0 };
  }
}
