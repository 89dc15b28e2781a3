import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { gzipSync } from "node:zlib";
import { recordingLog, until } from "../../link/testing.ts";
import type { ExitReport } from "../messages.ts";
import { Releases, type WantedRelease } from "./releases.ts";
import { Upgrade } from "./upgrade.ts";

let folder = "";
let releases: Releases;
const code = () => join(folder, "code");
const fetched = (name: string) => join(folder, "fetched", name);
const read = (name: string) => readFileSync(join(code(), name), "utf8");

const fileOf = (content: Uint8Array) => ({
  sha256: createHash("sha256").update(content).digest("hex"),
  bytes: content.length,
});
const OLD = "a".repeat(12);
const bundle = Buffer.from("new bundle");
const runtime = gzipSync("new node");
const wanted: WantedRelease = { bundle: fileOf(bundle), runtimes: { x64: fileOf(runtime) } };
const NEW = wanted.bundle.sha256.slice(0, 12);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lethe-releases-"));
  mkdirSync(join(code(), "releases", OLD), { recursive: true });
  mkdirSync(join(folder, "fetched"));
  symlinkSync(`releases/${OLD}`, join(code(), "current"));
  releases = new Releases({ code: code(), fetched: join(folder, "fetched") });
});
afterEach(() => rmSync(folder, { recursive: true }));

const bring = (): void => {
  writeFileSync(fetched(wanted.bundle.sha256), bundle);
  writeFileSync(fetched(wanted.runtimes.x64!.sha256), runtime);
};

test("what was fetched is unpacked beside the release that runs, and put on trial", async () => {
  assert.equal(releases.missing(wanted, "x64")!.length, 2);
  assert.equal(releases.missing(wanted, "riscv64"), undefined);
  bring();
  assert.deepEqual(releases.missing(wanted, "x64"), []);
  await releases.install(wanted, ["socks5", "http"], "x64");
  assert.equal(releases.current, NEW);
  assert.equal(read("current/exit.mjs"), "new bundle");
  assert.equal(read("current/node"), "new node");
  assert.equal(read("trial"), "0\nsocks5 http\n");
  assert.deepEqual(releases.trial(NEW), ["socks5", "http"]);
  releases.keep();
  assert.ok(!existsSync(join(code(), "trial")));
  assert.ok(existsSync(join(code(), "releases", OLD)));
  assert.ok(!existsSync(fetched(wanted.bundle.sha256)));
});

test("a runtime that a release has already is not fetched again", async () => {
  bring();
  await releases.install(wanted, [], "x64");
  releases.keep();
  const next = { ...wanted, bundle: fileOf(Buffer.from("next")) };
  assert.deepEqual(releases.missing(next, "x64"), [next.bundle]);
  writeFileSync(fetched(next.bundle.sha256), "next");
  await releases.install(next, [], "x64");
  assert.equal(read("current/node"), "new node");
  releases.keep();
  assert.ok(!existsSync(join(code(), "releases", OLD)));
});

test("what is not the signed file is not installed: other bytes, another length, a link, a folder", async () => {
  const tricks: Record<string, (path: string) => void> = {
    bytes: (path) => writeFileSync(path, "NEW bundle"),
    length: (path) => writeFileSync(path, "new bundle and more"),
    link: (path) => {
      writeFileSync(join(folder, "elsewhere"), bundle);
      symlinkSync(join(folder, "elsewhere"), path);
    },
    folder: (path) => mkdirSync(path),
  };
  for (const [name, trick] of Object.entries(tricks)) {
    bring();
    rmSync(fetched(wanted.bundle.sha256));
    trick(fetched(wanted.bundle.sha256));
    await assert.rejects(releases.install(wanted, [], "x64"), name);
    assert.equal(releases.current, OLD, name);
    assert.ok(!existsSync(join(code(), "trial")), name);
    assert.deepEqual(releases.missing(wanted, "x64"), [wanted.bundle], name);
  }
});

/** An exit whose upgrades are watched. */
function upgradeOf(running: string, trialMs = 60_000) {
  const asked: string[] = [];
  const { log, events } = recordingLog();
  const counts = { restarts: 0, kept: 0 };
  const upgrade = new Upgrade({
    releases,
    running,
    fetch: (sha256) => asked.push(sha256),
    restart: () => counts.restarts++,
    onKept: () => counts.kept++,
    log,
    trialMs,
  });
  return { upgrade, asked, events, counts };
}

const report = (failed?: "EADDRINUSE", settled = true): ExitReport => ({
  type: "report",
  settled,
  services: [
    { service: "socks5", protocol: "tcp", address: "0.0.0.0", port: 1080 },
    { service: "http", protocol: "tcp", address: "0.0.0.0", port: 3128, ...(failed && { failed }) },
  ],
  warnings: [],
});

const here = (): WantedRelease => ({ ...wanted, runtimes: { [process.arch]: wanted.runtimes.x64 } });

test("an exit fetches the release that its settings name, and starts it once all is there", async () => {
  const { upgrade, asked, counts } = upgradeOf(OLD);
  upgrade.reported(report("EADDRINUSE"));
  upgrade.want(undefined);
  assert.deepEqual(asked, []);
  upgrade.want(here());
  assert.deepEqual(asked, [wanted.bundle.sha256, wanted.runtimes.x64!.sha256]);
  bring();
  upgrade.fetched();
  await until(() => counts.restarts === 1, "the restart");
  assert.equal(releases.current, NEW);
  assert.equal(read("trial"), "0\nsocks5\n");
});

test("a release is kept once it has reached the office and what was well before is well again", async () => {
  bring();
  await releases.install(here(), ["socks5", "http"]);
  const { upgrade, counts } = upgradeOf(NEW);
  upgrade.reported(report());
  assert.equal(counts.kept, 0);
  upgrade.reported(report("EADDRINUSE"));
  upgrade.linked();
  assert.equal(counts.kept, 0);
  upgrade.reported(report(undefined, false));
  assert.equal(counts.kept, 0);
  upgrade.reported(report());
  assert.equal(counts.kept, 1);
  assert.equal(counts.restarts, 0);
  assert.equal(releases.trial(NEW), undefined);
});

test("a release that is not well in time is given up, and not tried again until the office names another", async () => {
  bring();
  await releases.install(here(), ["socks5", "http"]);
  const { upgrade, counts } = upgradeOf(NEW, 30);
  upgrade.linked();
  upgrade.reported(report("EADDRINUSE"));
  await until(() => counts.restarts === 1, "giving up");
  assert.equal(read("trial"), "9\n");
  // What the launcher does then.
  writeFileSync(join(code(), "failed"), `${NEW}\n`);
  rmSync(join(code(), "trial"));
  rmSync(join(code(), "current"));
  symlinkSync(`releases/${OLD}`, join(code(), "current"));

  const former = upgradeOf(OLD);
  former.upgrade.want(here());
  assert.deepEqual(former.asked, []);
  const other = fileOf(Buffer.from("other"));
  former.upgrade.want({ ...here(), bundle: other });
  assert.deepEqual(former.asked, [other.sha256]);
});
