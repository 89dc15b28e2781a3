import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { Engines } from "../../lib/engines.ts";
import { findProgram } from "../../lib/run-command.ts";
import { freePort, skipFor } from "../../lib/testing.ts";
import { accepts } from "../accepts.ts";
import { obfs4Engine } from "./obfs4.ts";
import { obfs4Identity } from "./obfs4-identity.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lethe-obfs4-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("an exit's identity is made once, is root's alone, and stays; a damaged one is made anew", () => {
  const made = obfs4Identity(folder);
  assert.match(made.bridge, /^cert=[A-Za-z0-9+/]{70};iat-mode=0$/);
  assert.deepEqual(obfs4Identity(folder), made);
  const path = join(folder, "obfs4.json");
  assert.equal(statSync(path).mode & 0o777, 0o600);
  writeFileSync(path, '{"node-id":');
  assert.notEqual(obfs4Identity(folder).bridge, made.bridge);
});

test("obfs4proxy takes the identity as its own, says the same certificate, and writes nothing down elsewhere", async (t) => {
  const program = findProgram("obfs4proxy");
  if (program === undefined) return t.skip(skipFor("obfs4proxy is not installed"));
  const { state, bridge } = obfs4Identity(folder);
  const accept = { address: "127.0.0.1", port: await freePort() };
  const own = join(folder, "stealth-obfs4-0");
  const engines = new Engines({ folder, log: () => {}, onChange: () => {} });
  try {
    await engines.want([
      obfs4Engine({
        program,
        launcher: [],
        env: findProgram("env")!,
        door: {
          engine: "stealth-obfs4-0",
          service: "stealth-obfs4",
          listen: accept,
          accept,
          to: { address: "127.0.0.1", port: 9 },
        },
        state,
        folder: own,
        account: { uid: process.getuid!(), gid: process.getgid!() },
      }),
    ]);
    const end = performance.now() + 10_000;
    while (!(await accepts(accept))) {
      assert.ok(performance.now() < end, "obfs4proxy does not listen");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const said = readFileSync(join(own, "obfs4_bridgeline.txt"), "utf8");
    assert.ok(said.includes(bridge.replace(";", " ")), "it is known by another certificate");
    assert.equal(readFileSync(join(own, "obfs4_state.json"), "utf8"), state);
  } finally {
    await engines.stopAll();
  }
  assert.throws(() => statSync(own), { code: "ENOENT" });
});
