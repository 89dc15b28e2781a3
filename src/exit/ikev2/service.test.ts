import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Engines } from "../../lib/engines.ts";
import { findProgram } from "../../lib/run-command.ts";
import { skipFor } from "../../lib/testing.ts";
import { recordingLog, settingsFor, until } from "../../link/testing.ts";
import { exitRunFolders } from "../run-folders.ts";
import { CHARON } from "./engine.ts";
import { EAP_RADIUS, Ikev2Service } from "./service.ts";

const missing =
  findProgram(CHARON) === undefined || !existsSync(EAP_RADIUS)
    ? "strongSwan is not installed"
    : !existsSync("/dev/net/tun") && "there is no /dev/net/tun";

test("a strongSwan that does not take what it is told is told again and again, and that is said once", {
  skip: skipFor(missing),
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-ikev2-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const run = exitRunFolders(folder);
  for (const path of [run.engines, run.management]) mkdirSync(path, { recursive: true });
  for (const name of ["tls.key", "tls.crt"]) writeFileSync(join(folder, name), "");
  // Its device is of the kind that needs no trial of the kernel.
  writeFileSync(join(run.engines, "ikev2.placeholder"), "ipsec0");
  const nobody = { uid: 65_534, gid: 65_534 };
  const engines = new Engines({ folder: run.engines, log: () => {}, onChange: () => {} });
  t.mock.method(engines, "view", () => ({ state: "running", pid: 1, refused: undefined }));
  const { log, events } = recordingLog();
  let tries = 0;
  const service: Ikev2Service = new Ikev2Service({
    start: {
      ...{ type: "start", folder, sealKey: "", run, server: "one", sitePublicKey: "", proxies: 1 },
      link: { kind: "unix", path: join(folder, "link.sock") },
      accounts: { keeper: nobody, proxy: nobody, vpn: nobody },
    },
    engines,
    log,
    publicPair: () => undefined,
    onChange: () => {
      tries++;
      if (tries < 2) service.attach();
    },
  });
  const hashKey = Buffer.alloc(32).toString("base64");
  await service.prepare(settingsFor("one", { services: { ikev2: { hashKey } } }), true);
  service.attach();
  await until(() => tries === 2, "the second try");
  assert.equal(events.length, 1);
});
