import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { skipFor } from "../../lib/testing.ts";
import { allowedOf, kernelControl, peerReader, type WireguardControl } from "./control.ts";
import { missingForWireguard, until, WireguardWorld } from "./testing.ts";

// `wg` speaks to wireguard-go with the same words as to the kernel: so the kernel's way can be tried where there is none.
describe("the kernel's way, by wg", {
  skip: skipFor(missingForWireguard()),
}, () => {
  let world: WireguardWorld;
  let control: WireguardControl;
  let life: ReturnType<WireguardWorld["life"]>;
  const keys = Array.from({ length: 5 }, () => randomBytes(32).toString("base64"));
  const [one, two, three, four] = keys as [string, string, string, string];
  const all = new Map(keys.map((key, at) => [key, at + 1]));

  before(async () => {
    world = new WireguardWorld();
    life = world.life();
    await life.peers.close();
    await life.engines.want([world.spec()]);
    await until("the engine", () => life.engines.view("wireguard")?.state === "running");
    control = kernelControl({ device: world.device, port: world.port, key: world.key });
  });
  after(async () => {
    await life?.end();
    world?.remove();
  });

  test("it gets its key and port, once", async () => {
    assert.equal(await control.configure(), undefined);
    await control.change({ remove: [], set: all }, all);
    assert.equal(await control.configure(), undefined);
    assert.equal((await control.peers())?.size, 5, "what is configured is left alone");
  });

  test("peers are added, moved and removed, and the others stay", async () => {
    assert.equal((await control.peers())?.get(one), allowedOf(1));
    const moved = new Map([...all].filter(([key]) => key !== two)).set(one, 77).set(three, 0);
    const changed = new Map([
      [one, 77],
      [three, 0],
    ]);
    assert.equal(await control.change({ remove: [one, two, three], set: changed }, moved), undefined);
    const peers = await control.peers();
    assert.equal(peers?.get(one), allowedOf(77));
    assert.equal(peers?.has(two), false);
    assert.equal(peers?.get(three), "(none)");
    assert.equal(peers?.get(four), allowedOf(4));
    assert.deepEqual([...(await control.reading())!.handshakes.values()], [0, 0, 0, 0]);
  });
});

test("a device that is not there has a word for it", async () => {
  const key = { privateKey: randomBytes(32), publicKey: randomBytes(32).toString("base64") };
  const control = kernelControl({ device: "lethe-none", port: 1, key });
  assert.notEqual(await control.configure(), undefined);
  assert.equal(await control.peers(), undefined);
  assert.equal(await control.reading(), undefined);
});

test("handshakes are asked for where something came since the last time, and not where nothing did", async () => {
  const [key, other] = [1, 2].map((byte) => Buffer.alloc(32, byte).toString("base64"));
  const asked: string[] = [];
  const says = { transfer: `${key}\t0\t0\n`, "latest-handshakes": `${key}\t0\n` };
  const read = peerReader(async (what) => {
    asked.push(what);
    return says[what];
  });
  assert.deepEqual([...(await read())!.handshakes], [[key, 0]]);
  assert.deepEqual([...(await read())!.handshakes], [[key, 0]]);
  assert.deepEqual(asked, ["transfer", "latest-handshakes", "transfer"]);
  says.transfer = `${key}\t148\t92\n`;
  says["latest-handshakes"] = `${key}\t1700000000\n`;
  const reading = await read();
  assert.deepEqual([...reading!.handshakes], [[key, 1_700_000_000]]);
  assert.deepEqual([...reading!.heard], [key]);
  says.transfer += `${other}\t0\t0\n`;
  says["latest-handshakes"] += `${other}\t0\n`;
  assert.equal((await read())!.handshakes.size, 2, "a peer more is seen");
});
