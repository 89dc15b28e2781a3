import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { FleetServer } from "../fleet/fleet-server.ts";
import { openAuthority } from "./authority.ts";
import { certificateList } from "./certificate-list.ts";
import { ensureLinkCertificate } from "./link-certificate.ts";

const folder = mkdtempSync(join(tmpdir(), "lethe-certificates-"));
after(() => rmSync(folder, { recursive: true }));
const authority = openAuthority(folder)!;
ensureLinkCertificate(folder);
const DAY_S = 86_400;
const nowS = Math.floor(Date.now() / 1000);
const server = (name: string, certificateUntil?: number) =>
  ({ name, identity: certificateUntil === undefined ? undefined : { certificateUntil } }) as FleetServer;
const office = {
  folder,
  authority,
  ownLink: true,
  site: { source: "acme" as const, notAfterMs: (nowS + 60 * DAY_S) * 1000 },
  servers: [server("london1", nowS + 800 * DAY_S), server("oslo1")],
  publicCertificate: ({ name }: FleetServer) =>
    name === "london1" ? { until: nowS + 60 * DAY_S } : undefined,
  nowS,
};

test("every certificate there is, with its end, and nothing to say where all is well", () => {
  const list = certificateList(office);
  assert.deepEqual(
    list.map(({ kind, server: whose, until }) => [kind, whose, until && Math.round((until - nowS) / DAY_S)]),
    [
      ["authority", undefined, 7300],
      ["link", undefined, 825],
      ["site", undefined, 60],
      ["exit", "london1", 800],
      ["exit", "oslo1", undefined],
      ["public", "london1", 60],
    ],
  );
  assert.ok(list.every(({ warning }) => warning === undefined));
});

test("what is known to have gone wrong, and what is late, is warned of", () => {
  const warnings = certificateList({
    ...office,
    site: { source: "acme", notAfterMs: (nowS + 20 * DAY_S) * 1000, problem: "challenge" },
    servers: [server("london1", nowS + 100 * DAY_S)],
    publicCertificate: () => ({ problem: "port-taken" }),
  }).flatMap(({ kind, warning }) => (warning === undefined ? [] : [`${kind}: ${warning}`]));
  assert.equal(warnings.length, 3);
  assert.match(warnings[0]!, /^site: The next one cannot be ordered/);
  assert.match(warnings[1]!, /^exit: It should have been renewed by now/);
  assert.match(warnings[2]!, /^public: Another program has its port 80/);
});

test("without openssl there is no authority, and it is said", () => {
  const [first] = certificateList({ ...office, authority: undefined, ownLink: false });
  assert.equal(first!.until, undefined);
  assert.match(first!.warning!, /openssl is missing/);
});
