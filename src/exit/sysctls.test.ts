import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { Sysctls, setConntrack } from "./sysctls.ts";

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lethe-sysctls-"));
  file = join(folder, "before.json");
  mkdirSync(join(folder, "net"));
  writeFileSync(join(folder, "net/forward"), "0\n");
  writeFileSync(join(folder, "net/already"), "1\n");
});
afterEach(() => rmSync(folder, { recursive: true }));

const read = (name: string): string => readFileSync(join(folder, name), "utf8").trim();

test("what is set is as it was after a restore, and what was so already is not touched", () => {
  const sysctls = new Sysctls(file, folder);
  assert.ok(sysctls.set("net/forward", "1"));
  assert.ok(sysctls.set("net/already", "1"));
  assert.equal(read("net/forward"), "1");
  writeFileSync(join(folder, "net/already"), "7");
  sysctls.restore();
  assert.equal(read("net/forward"), "0");
  assert.equal(read("net/already"), "7");
  assert.ok(!existsSync(file));
});

test("a later life restores what an earlier one changed, and remembers the first value, not its own", () => {
  new Sysctls(file, folder).set("net/forward", "1");
  const later = new Sysctls(file, folder);
  later.set("net/forward", "2");
  later.restore();
  assert.equal(read("net/forward"), "0");
});

test("a setting that is not there is answered with no", () => {
  const sysctls = new Sysctls(file, folder);
  assert.equal(sysctls.set("net/nothing", "1"), false);
  sysctls.restore();
  assert.ok(!existsSync(join(folder, "net/nothing")));
});

test("silent connections are forgotten after two hours, and there is room for as many as the memory allows", () => {
  const conntrack = "net/netfilter/nf_conntrack";
  mkdirSync(join(folder, "net/netfilter"));
  const set = (values: Record<string, number>) => {
    for (const [name, value] of Object.entries(values))
      writeFileSync(join(folder, `${conntrack}_${name}`), `${value}\n`);
  };
  const names = ["tcp_timeout_established", "max", "buckets"];
  const now = () => names.map((name) => Number(read(`${conntrack}_${name}`)));
  set({ tcp_timeout_established: 432_000, max: 65_536, buckets: 65_536 });
  const sysctls = new Sysctls(file, folder);
  setConntrack(sysctls, 2 ** 31 - 1);
  assert.deepEqual(now(), [7440, 524_288, 131_072]);
  sysctls.restore();
  assert.deepEqual(now(), [432_000, 65_536, 65_536]);
  // What is better already stays.
  set({ tcp_timeout_established: 600, max: 4_000_000, buckets: 1_000_000 });
  setConntrack(sysctls, 2 ** 40);
  assert.deepEqual(now(), [600, 4_000_000, 1_000_000]);
  assert.ok(!existsSync(file));
});
