import assert from "node:assert/strict";
import { fork, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import ssh2 from "ssh2";
import { hostKeys } from "../exit/ssh/host-keys.ts";
import { buildExitBundle } from "./exit-bundle.ts";

/** What an exit runs beside our own code. A new name here is code on every exit: a decision (docs/dependencies.md). */
const ALLOWED = [
  "@nats-io/nats-core",
  "@nats-io/nkeys",
  "@nats-io/nuid",
  "@nats-io/transport-node",
  "@noble/hashes",
  "asn1",
  "bcrypt-pbkdf",
  "safer-buffer",
  "ssh2",
  "tweetnacl",
  "zod",
];

const bundle = buildExitBundle();
const text = Buffer.from(bundle.bytes).toString();

test("the bundle has no package inside but those on the list", () => {
  assert.ok(bundle.packages.includes("zod"));
  assert.deepEqual(
    bundle.packages.filter((name) => !ALLOWED.includes(name)),
    [],
  );
});

test("the same sources make the same bytes, and nothing of this machine stands in them", () => {
  assert.deepEqual(buildExitBundle().bytes, bundle.bytes);
  assert.equal(bundle.sha256, createHash("sha256").update(bundle.bytes).digest("hex"));
  assert.ok(!text.includes(process.cwd()));
});

test("the exit's code stands in the bundle, and none of the office's: no store, no accounts, no page", () => {
  const rooms = new Set([...text.matchAll(/^ *\/\/ src\/([a-z]+)\//gm)].map(([, room]) => room));
  assert.deepEqual([...rooms].sort(), ["certificates", "exit", "lib", "link"]);
});

test("the bundle runs alone, far from the checkout", () => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-bundle-"));
  try {
    const file = join(folder, "exit.mjs");
    writeFileSync(file, bundle.bytes);
    const run = spawnSync(process.execPath, [file, "no-such-part"], { cwd: folder, encoding: "utf8" });
    assert.equal(run.status, 64);
    assert.equal(run.stderr, "lethe exit: no such part\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("SSH works from the bundle, where none of its own files are", { timeout: 300_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-bundle-"));
  const file = join(folder, "exit.mjs");
  writeFileSync(file, bundle.bytes);
  const child = fork(file, ["ssh"], { cwd: folder, env: {}, execArgv: ["--no-warnings"] });
  const client = new ssh2.Client();
  try {
    const account = { uid: process.getuid!(), gid: process.getgid!() };
    const keys = hostKeys(folder);
    const start = { type: "start", authoriseSocket: join(folder, "none.sock"), hostKeys: keys.private };
    // A worker that is root would have to become somebody: without root it runs as the caller.
    child.send({ ...start, account: account.uid === 0 ? { uid: 65_534, gid: 65_534 } : account });
    const settings = {
      services: { ssh: { listen: [{ address: "127.0.0.1", port: 0 }] } },
      egress: { allow: [], deny: [], denyPorts: [] },
      limits: { connectionsPerCredential: 10, handshakeMs: 20_000, idleMs: 20_000 },
      ownAddresses: [],
      sitePorts: [],
    };
    child.send({ type: "settings", settings, ownAddresses: [], resolvers: [] });
    const [{ services }] = await once(child, "message");
    const keySeen = Promise.withResolvers<string>();
    client.on("error", () => {});
    client.connect({
      host: "127.0.0.1",
      port: services[0].port,
      username: "nobody",
      password: "wrong",
      hostVerifier: (key: Buffer) => {
        keySeen.resolve(`ssh-ed25519 ${key.toString("base64")}`);
        return true;
      },
    });
    assert.equal(await keySeen.promise, keys.public[0]);
  } finally {
    client.destroy();
    child.kill();
    rmSync(folder, { recursive: true });
  }
});
