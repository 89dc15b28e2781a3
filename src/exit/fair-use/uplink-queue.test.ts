import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { findProgram } from "../../lib/run-command.ts";
import { skipFor } from "../../lib/testing.ts";
import { UplinkQueue, uplinks } from "./uplink-queue.ts";

/** A tc that has these kinds, and one device whose root queue is `root`. */
function fake(kinds: readonly string[], root = { kind: "pfifo_fast", handle: "0:" }) {
  const kernels = { ...root };
  let now = { ...root };
  const tc = async (...words: string[]) => {
    if (words[0] === "-j") return { code: 0, stdout: JSON.stringify([{ ...now, root: true, options: {} }]) };
    if (words[1] === "delete") now = { ...kernels };
    else if (!kinds.includes(words[7]!)) return { code: 2, stdout: "" };
    else now = { kind: words[7]!, handle: words[6]! };
    return { code: 0, stdout: "" };
  };
  return { queue: new UplinkQueue({ tc, devices: () => ["eth0"] }), now: () => now };
}

test("CAKE where the kernel has it, else fq_codel, else its own; and back as it was", async () => {
  for (const [kinds, expected] of [
    [["cake", "fq_codel"], "cake"],
    [["fq_codel"], "fq_codel"],
    [[], undefined],
  ] as const) {
    const { queue, now } = fake(kinds);
    assert.equal(await queue.set(), expected);
    assert.equal(await queue.set(), expected, "twice is once");
    assert.equal(now().kind, expected ?? "pfifo_fast");
    await queue.restore();
    assert.deepEqual(now(), { kind: "pfifo_fast", handle: "0:" });
  }
});

test("a queue that somebody set by hand is left alone, at the start and at the end", async () => {
  const { queue, now } = fake(["cake"], { kind: "htb", handle: "8001:" });
  assert.equal(await queue.set(), undefined);
  await queue.restore();
  assert.deepEqual(now(), { kind: "htb", handle: "8001:" });
});

test("without tc, and with one that speaks in riddles, nothing happens", async () => {
  assert.equal(await new UplinkQueue({ tc: undefined, devices: () => ["eth0"] }).set(), undefined);
  const tc = async () => ({ code: 0, stdout: "qdisc?" });
  assert.equal(await new UplinkQueue({ tc, devices: () => ["eth0"] }).set(), undefined);
});

test("uplinks are the devices of default routes", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-uplinks-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(
    join(folder, "route"),
    "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\neth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\neth1\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\n",
  );
  const zero = "0".repeat(32);
  writeFileSync(
    join(folder, "ipv6_route"),
    `${zero} 00 ${zero} 00 fe80 00000400 1 0 00000003 eth2\n${zero} 00 ${zero} 00 ${zero} ffffffff 1 0 00200200 lo\n`,
  );
  assert.deepEqual(uplinks(folder), ["eth0", "eth2"]);
  assert.deepEqual(uplinks(join(folder, "nowhere")), []);
});

test("the real tc: set, seen as ours, taken away, and another's left alone", async (t) => {
  const program = findProgram("tc");
  if (process.getuid!() !== 0 || program === undefined) return t.skip(skipFor("needs root and tc"));
  const name = `lethe-queue-${process.pid}`;
  const run = (...words: string[]) =>
    spawnSync("ip", ["netns", "exec", name, ...words], { encoding: "utf8" });
  spawnSync("ip", ["netns", "add", name]);
  t.after(() => spawnSync("ip", ["netns", "del", name]));
  run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1");
  run("ip", "link", "set", "eth0", "txqueuelen", "100", "up");
  const tc = async (...words: string[]) => {
    const { status, stdout } = run(program, ...words);
    return { code: status, stdout };
  };
  // htb stands for CAKE, which not every kernel has.
  const queue = new UplinkQueue({ tc, devices: () => ["eth0"], queues: [["no-such-queue"], ["htb"]] });
  const kind = () =>
    (JSON.parse(run(program, "-j", "qdisc", "show", "dev", "eth0").stdout) as { kind: string }[])[0]!.kind;
  const before = kind();
  assert.equal(await queue.set(), "htb");
  assert.equal(kind(), "htb");
  assert.equal(await queue.set(), "htb");
  await queue.restore();
  assert.equal(kind(), before);
  run(program, "qdisc", "replace", "dev", "eth0", "root", "handle", "8001:", "pfifo", "limit", "7");
  assert.equal(await queue.set(), undefined);
  await queue.restore();
  assert.equal(kind(), "pfifo");
});
