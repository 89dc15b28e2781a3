import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { findByArguments, identify, stillRuns } from "./detached.ts";
import { type EngineSpec, Engines } from "./engines.ts";
import type { EventCode } from "./event-log.ts";
import { skipFor } from "./testing.ts";

let folder: string;
let events: EventCode[];
const made: Engines[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lethe-engines-"));
  events = [];
});
afterEach(async () => {
  for (const engines of made.splice(0)) await engines.stopAll();
  // Whatever a test let go of is taken up once more, and ended.
  await new Engines({ folder, log: () => {}, onChange: () => {} }).stopAll();
  rmSync(folder, { recursive: true });
});

const start = (): Engines => {
  const engines = new Engines({
    folder,
    log: (code) => events.push(code),
    onChange: () => {},
    shortestDelayMs: 20,
  });
  made.push(engines);
  return engines;
};
/** An engine that does nothing for a while; the configuration is not read, only compared. */
const spec = (id: string, configuration = "one", more: Partial<EngineSpec> = {}): EngineSpec => ({
  id,
  part: "unbound",
  argv: ["/usr/bin/tail", "-f", `${folder}/${id}.conf`],
  configuration,
  ...more,
});
const until = async (condition: () => boolean): Promise<void> => {
  const endMs = performance.now() + 30_000;
  while (!condition()) {
    assert.ok(performance.now() < endMs, `waited in vain; ${events.join(" ")}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};
const running = async (engines: Engines, id: string): Promise<number> => {
  await until(() => engines.view(id)?.state === "running");
  return engines.view(id)!.pid!;
};

test("an engine runs in a session of its own, with an empty environment and nothing to write to", async () => {
  const engines = start();
  await engines.want([spec("a")]);
  const pid = await running(engines, "a");
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(" ");
  assert.equal(Number(fields[5]), pid, "session id");
  const names = readFileSync(`/proc/${pid}/environ`, "latin1")
    .split("\0")
    .map((pair) => pair.split("=")[0]);
  assert.deepEqual(names.filter(Boolean).sort(), ["LC_ALL", "PATH"]);
});

test("a killed engine is back soon", async () => {
  const engines = start();
  await engines.want([spec("a")]);
  const first = await running(engines, "a");
  process.kill(first, "SIGKILL");
  await until(() => engines.view("a")?.pid !== undefined && engines.view("a")!.pid !== first);
  assert.deepEqual(events, ["engine-started", "engine-exited", "engine-backing-off", "engine-started"]);
});

test("only what has changed is restarted, and what is not wanted ends without a trace", async () => {
  const engines = start();
  await engines.want([spec("a"), spec("b"), spec("c")]);
  const before = [await running(engines, "a"), await running(engines, "b"), await running(engines, "c")];
  const leaves = join(folder, "c.sock");
  writeFileSync(leaves, "");
  await engines.want([spec("a"), spec("b", "two")]);
  assert.equal(await running(engines, "a"), before[0]);
  assert.notEqual(await running(engines, "b"), before[1]);
  assert.equal(identify(before[1]!), undefined);
  assert.equal(identify(before[2]!), undefined);
  assert.equal(readFileSync(join(folder, "b.conf"), "utf8"), "two");
  assert.ok(!existsSync(join(folder, "c.conf")) && !existsSync(join(folder, "c.pid")));
});

test("released engines live on; the next start takes over what matches and ends the rest", async () => {
  const first = start();
  await first.want([
    spec("same"),
    spec("changed"),
    spec("dropped", "one", { leaves: [join(folder, "left.sock")] }),
  ]);
  const pids = {
    same: await running(first, "same"),
    changed: await running(first, "changed"),
    dropped: await running(first, "dropped"),
  };
  first.release();
  writeFileSync(join(folder, "left.sock"), "");
  events = [];

  const second = start();
  await second.want([spec("same"), spec("changed", "two")]);
  assert.equal(await running(second, "same"), pids.same);
  assert.notEqual(await running(second, "changed"), pids.changed);
  assert.equal(identify(pids.changed), undefined);
  assert.equal(identify(pids.dropped), undefined);
  assert.ok(!existsSync(join(folder, "left.sock")));
  assert.deepEqual(events.sort(), ["engine-adopted", "engine-started"]);

  process.kill(pids.same, "SIGKILL");
  await until(() => second.view("same")?.pid !== undefined && second.view("same")!.pid !== pids.same);
});

test("a pid that was given to another process is not taken over, and that process is left alone", async () => {
  const first = start();
  await first.want([spec("a")]);
  const pid = await running(first, "a");
  first.release();
  const record = JSON.parse(readFileSync(join(folder, "a.pid"), "utf8"));
  for (const identity of [
    { ...record.identity, startTime: "1" },
    { ...record.identity, argv: ["/usr/bin/tail", "other"] },
  ]) {
    assert.ok(!stillRuns(identity));
  }
  assert.ok(stillRuns(record.identity));
  record.identity.pid = process.pid;
  writeFileSync(join(folder, "a.pid"), JSON.stringify(record));
  const second = start();
  await second.want([]);
  assert.ok(identify(process.pid) !== undefined);
  process.kill(pid, "SIGKILL");
});

test("an engine whose record was lost is found by its arguments and ended before a new one starts", async () => {
  const first = start();
  await first.want([spec("a")]);
  const lost = await running(first, "a");
  first.release();
  rmSync(join(folder, "a.pid"));
  const second = start();
  let stillThere: unknown = "never asked";
  const prepare = async (): Promise<undefined> => {
    stillThere = identify(lost);
  };
  await second.want([spec("a", "one", { prepare })]);
  assert.notEqual(await running(second, "a"), lost);
  assert.equal(stillThere, undefined);
  assert.equal(findByArguments(spec("a").argv).length, 1);
});

test("the same engine in a container on this machine is another machine's, and is left alone", async (t) => {
  if (process.getuid!() !== 0) return t.skip(skipFor("needs root"));
  const { argv } = spec("a");
  writeFileSync(join(folder, "a.conf"), "one");
  const container = spawn("unshare", ["--pid", "--fork", "--kill-child=KILL", ...argv], { stdio: "ignore" });
  const ended = new Promise((resolve) => container.once("exit", resolve));
  try {
    // With its number here, whoever looks: the only child of unshare.
    const inside = () =>
      Number(readFileSync(`/proc/${container.pid}/task/${container.pid}/children`, "utf8").trim());
    await until(() => identify(inside())?.argv[0] === argv[0]);
    const pid = inside();
    const engines = start();
    await engines.want([spec("a")]);
    await running(engines, "a");
    assert.notEqual(identify(pid), undefined);
  } finally {
    container.kill("SIGKILL");
    await ended;
  }
});

test("a broken record is passed over", async () => {
  for (const text of ["", "{", "{}", '{"identity":{"pid":-1}}', '{"identity":{"pid":"1"}}', "[]", "null"]) {
    writeFileSync(join(folder, "a.pid"), text);
    const engines = start();
    await engines.want([spec("a")]);
    await running(engines, "a");
    await engines.stopAll();
    assert.deepEqual(readdirSync(folder), []);
  }
});

test("a refused start says why and is tried again; readiness is waited for", async () => {
  let taken = true;
  let ready = false;
  const engines = start();
  await engines.want([
    spec("a", "one", {
      prepare: async () => (taken ? "EADDRINUSE" : undefined),
      ready: async () => ready,
    }),
  ]);
  await until(() => engines.view("a")?.refused === "EADDRINUSE");
  taken = false;
  await until(() => events.includes("engine-started"));
  assert.equal(engines.view("a")?.state, "starting");
  ready = true;
  await running(engines, "a");
  assert.equal(engines.view("a")?.refused, undefined);
});

test("a launcher becomes the engine, and is known by the engine's arguments", async () => {
  const launched = spec("a", "one", { launcher: ["/usr/bin/nice"] });
  const first = start();
  await first.want([launched]);
  const pid = await running(first, "a");
  assert.deepEqual(identify(pid)?.argv, launched.argv);
  first.release();
  const second = start();
  await second.want([launched]);
  assert.equal(await running(second, "a"), pid);
});

test("a program that is not there is tried again without end, and harms nothing", async () => {
  const engines = start();
  await engines.want([spec("a", "one", { argv: ["/nonexistent/engine"] })]);
  await until(() => events.filter((code) => code === "engine-backing-off").length >= 2);
  await engines.stopAll();
  assert.deepEqual(readdirSync(folder), []);
});

test("a program that ends with its standard input has one that never does, and is left nothing on the disk for it", async () => {
  const engines = start();
  await engines.want([spec("a", "one", { argv: ["/usr/bin/cat", "-"], holdsInput: true })]);
  const pid = await running(engines, "a");
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(engines.view("a")?.pid, pid);
  assert.match(readlinkSync(`/proc/${pid}/fd/0`), /\(deleted\)$/);
  engines.release();
  assert.ok(identify(pid), "it goes on without us");
});

test("what an engine that was killed left behind ends before it starts again, deaf to SIGTERM or not", async () => {
  const engines = start();
  const deaf = spawn("/bin/sh", ["-c", "trap '' TERM; exec tail -f /dev/null --pid=1"], { stdio: "ignore" });
  await until(() => identify(deaf.pid!)?.argv[0] === "tail");
  await engines.want([spec("a", "one", { argv: [...identify(deaf.pid!)!.argv] })]);
  await running(engines, "a");
  assert.equal(identify(deaf.pid!), undefined);
});
