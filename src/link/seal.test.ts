import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { FakeClock } from "../lib/clock.ts";
import { MemoryCarrier } from "./memory-carrier.ts";
import { RosterReplica } from "./replica.ts";
import { digestOf, flip, nameOf, world } from "./replica-testing.ts";
import { generateSiteKey } from "./site-key.ts";
import { recordingLog, settingsFor, until } from "./testing.ts";

const digest = digestOf("pw");
const folder = mkdtempSync(join(tmpdir(), "lethe-seal-"));
after(() => rmSync(folder, { recursive: true }));

async function sealed() {
  const clock = new FakeClock();
  const path = join(folder, `sealed-${readdirSync(folder).length}`);
  const seal = { path, key: Buffer.alloc(32, 7) };
  {
    await using it = world({ clock, seal });
    it.publisher.setSettings("a1", settingsFor("a1"));
    for (let i = 0; i < 500; i++) it.publisher.setCredential(nameOf(i), digest, it.later);
    await it.start();
    await until(() => it.settings.length === 1, "settings");
  }
  return { clock, path, seal };
}

test("after a restart without the office the roster, the settings and the time are there", async () => {
  const { clock, seal } = await sealed();
  clock.advance(3_600_000);
  clock.jump(-50_000_000);
  await using it = world({ clock, seal });
  it.replica.start();
  assert.equal(it.replica.size, 500);
  assert.ok(it.replica.authorise(nameOf(499)));
  assert.equal(it.settings.length, 1);
  assert.deepEqual(it.changes, ["all"]);
  assert.equal(it.replica.timeMs(), clock.now() + 50_000_000);
  clock.advance(72 * 3_600_000);
  assert.equal(it.replica.timeMs(), undefined);
});

test("the sealed file shows no username, no digest and no settings", async () => {
  const { path } = await sealed();
  const bytes = readFileSync(path);
  assert.equal(bytes.indexOf(Buffer.from(digest)), -1);
  assert.equal(bytes.indexOf("bandwidthMbit"), -1);
  assert.equal(bytes.indexOf("credentials"), -1);
});

test("a sealed file that was changed anywhere, cut, or sealed with another key is not taken, and removed", async () => {
  const { clock, path, seal } = await sealed();
  const good = readFileSync(path);
  const load = async (bytes: Uint8Array, sealKey = seal.key) => {
    writeFileSync(path, bytes);
    await using it = world({ clock, seal: { path, key: sealKey } });
    it.replica.start();
    return it.replica.size;
  };
  assert.equal(await load(good), 500);
  assert.equal(await load(good, Buffer.alloc(32, 8)), 0);
  assert.equal(await load(good.subarray(0, 10)), 0);
  assert.equal(await load(new Uint8Array(0)), 0);
  for (const at of [0, 9, 25, 400, good.length >> 1, good.length - 1]) {
    assert.equal(await load(flip(good, at)), 0, `byte ${at}`);
  }
  assert.ok(!readdirSync(folder).includes(path.slice(folder.length + 1)));
});

test("a sealed roster of another site is refused", async () => {
  const { clock, seal } = await sealed();
  const { log, reasons } = recordingLog();
  const replica = new RosterReplica({
    server: "a1",
    publicKey: generateSiteKey().publicKey,
    carrier: new MemoryCarrier().connect(),
    clock,
    log,
    seal,
    uptimeMs: () => clock.monotonic(),
  });
  replica.start();
  assert.deepEqual(reasons("roster-refused"), ["foreign"]);
  assert.equal(replica.size, 0);
  replica.close();
});
