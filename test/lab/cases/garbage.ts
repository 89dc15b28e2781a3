import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { commandLine } from "../machine.ts";
import { until } from "../namespace.ts";
import { OpenVpnClient } from "../openvpn-client.ts";
import { seenAddress } from "../probes.ts";
import type { ServicesScene } from "../services-scene.ts";

const sender = fileURLToPath(new URL("../garbage-sender.ts", import.meta.url));

const DATAGRAMS = 100_000;
const CONNECTIONS = 2000;
/** Before the first measurement, so that what a process makes once (caches, a larger heap) is there. */
const WARM_UP_SHARE = 0.2;
/** What a garbage collector may leave lying about. */
const GROWTH_MOST_MB = 40;

/** Garbage at every port of an exit: nothing ends, nothing grows, and members get in afterwards. */
export function garbageCases(scene: () => ServicesScene): void {
  describe("garbage at every port", () => {
    test(`${DATAGRAMS} datagrams and ${CONNECTIONS} connections at each: no process ends or grows`, async (context) => {
      const { world, oslo, office } = scene();
      const { machine } = oslo;
      const ours = () => machine.pidsMatching(/.*/);
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
      const send = (share: number, seed: string) =>
        Promise.all(
          places.map((place) => {
            const [protocol = "", port = ""] = place.split(" ");
            const count = Math.round(share * (protocol === "udp" ? DATAGRAMS : CONNECTIONS));
            const words = [oslo.v4, port, protocol, String(count), `${seed} ${place}`];
            return world.client2.must([process.execPath, "--no-warnings", sender, ...words], {
              timeoutMs: 300_000,
            });
          }),
        );
      await send(WARM_UP_SHARE, "warm-up");
      const before = new Map((await ours()).map((pid) => [pid, memoryMb(pid)]));
      await send(1, "garbage");
      const after = new Map((await ours()).map((pid) => [pid, memoryMb(pid)]));
      for (const [pid, mb] of before) {
        const what = commandLine(pid) || "(ended)";
        // The exit's tests of itself come and go.
        if (/--config stdin|self-test|^tcpdump|^ss /.test(what) || what === "(ended)") continue;
        const grown = (after.get(pid) ?? Number.NaN) - mb;
        if (grown > 5) context.diagnostic(`${grown.toFixed(1)} MB more: ${what.slice(0, 80)}`);
        assert.ok(grown <= GROWTH_MOST_MB, `${what}: from ${mb} MB by ${grown} MB`);
      }
      const engines = [...before].filter(([pid]) =>
        /openvpn|wireguard|charon|stunnel|obfs4|unbound|src\//.test(commandLine(pid)),
      );
      for (const [pid] of engines) assert.ok(after.has(pid), `ended: ${commandLine(pid)}`);
      await until("every service to be well", 90_000, async () =>
        (await office.servers())
          .find(({ name }) => name === oslo.name)!
          .services.every(({ healthy }) => healthy),
      );
      const member = await scene().member("anna-garbage.lab");
      const client = OpenVpnClient.start(world.client, world.folder, await member.vpn(oslo.name));
      try {
        await client.online(60_000);
        assert.equal(await seenAddress(world.client), oslo.v4);
      } finally {
        await client.stop();
      }
    });
  });
}

/** Resident memory of a process without what it shares with files (proc(5), status). */
function memoryMb(pid: number): number {
  try {
    const kb = /^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
    return Number(kb ?? 0) / 1024;
  } catch {
    return 0;
  }
}
