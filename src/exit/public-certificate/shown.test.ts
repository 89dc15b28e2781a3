import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
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
import type { Pair } from "../../certificates/pair.ts";
import { selfSigned } from "../../certificates/testing.ts";
import { until } from "../../link/testing.ts";
import { installPublicCertificate, standingOf } from "./pair.ts";
import { ShownCertificate } from "./shown.ts";

const NAME = "london1.example.net";
const DAY_MS = 86_400_000;
const now = Date.now();
let folder: string;
let shown: ShownCertificate;
let changes = 0;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lethe-shown-"));
  changes = 0;
  shown = new ShownCertificate(folder, () => {
    changes += 1;
  });
  shown.start(20);
});
afterEach(() => {
  shown.close();
  rmSync(folder, { recursive: true });
});

const settings = { publicName: NAME, host: NAME };
/** As certbot leaves it: two files, of which the key is written first. */
function put({ certificate, key }: Pair): void {
  mkdirSync(join(folder, "public"), { recursive: true });
  writeFileSync(join(folder, "public", "privkey.pem"), key, { mode: 0o600 });
  writeFileSync(join(folder, "public", "fullchain.pem"), certificate);
}
/** Until the files have been looked at. */
async function taken(): Promise<void> {
  const before = changes;
  await until(() => changes > before, "a look at the files");
}
const endOf = ({ certificate }: Pair): number => Date.parse(new X509Certificate(certificate).validTo) / 1000;

test("files that the operator puts on the exit are shown, nothing is asked for, and the next ones follow", async () => {
  assert.equal(shown.find(settings, now), undefined);
  assert.equal(shown.standing(NAME, now).files, undefined);
  rmSync(join(folder, "public.key"));
  const pair = selfSigned([NAME], 60);
  put(pair);
  await until(() => shown.find(settings, now) !== undefined, "the files");
  assert.deepEqual(shown.find(settings, now), pair);
  assert.deepEqual(shown.standing(NAME, now), { until: endOf(pair), files: "used" });
  assert.equal(existsSync(join(folder, "public.key")), false, "no key is made that nobody needs");
  assert.equal(shown.find({ host: NAME }, now), undefined, "where the settings name none");

  const next = selfSigned([NAME], 90);
  put(next);
  await until(() => shown.find(settings, now)?.key === next.key, "the next ones");
  assert.deepEqual(shown.standing(NAME, now), { until: endOf(next), files: "used" });

  // The next key is there, its certificate is not yet; then that one is somebody else's.
  put({ ...next, key: selfSigned([NAME]).key });
  await until(() => shown.standing(NAME, now).files === "key-mismatch", "half written");
  assert.deepEqual(shown.find(settings, now), next);
  put(selfSigned(["paris1.example.net"]));
  await until(() => shown.standing(NAME, now).files === "names", "another's");
  assert.deepEqual(shown.standing(NAME, now), { until: endOf(next), files: "names" });
  rmSync(join(folder, "public"), { recursive: true });
  await until(() => shown.find(settings, now) === undefined, "taken away on purpose");
});

test("a link to the folder where certbot keeps them does, too", async () => {
  const elsewhere = mkdtempSync(join(tmpdir(), "lethe-live-"));
  const pair = selfSigned(["*.example.net"]);
  writeFileSync(join(elsewhere, "privkey.pem"), pair.key);
  writeFileSync(join(elsewhere, "fullchain.pem"), pair.certificate);
  symlinkSync(elsewhere, join(folder, "public"));
  await taken();
  assert.deepEqual(shown.find(settings, now), pair);
  rmSync(elsewhere, { recursive: true });
});

test("files that are no good are said, and what the office has ordered is shown in their place", async () => {
  standingOf(folder, NAME, now);
  const own = selfSigned([NAME], 90, readFileSync(join(folder, "public.key"), "utf8"));
  installPublicCertificate(folder, NAME, own.certificate, now);
  const shownOwn = () => shown.find(settings, now)?.certificate.trim() === own.certificate.trim();
  assert(shownOwn());

  const pair = selfSigned([NAME], 30);
  for (const [files, state] of [
    [{ ...pair, key: selfSigned([NAME]).key }, "key-mismatch"],
    [selfSigned(["paris1.example.net"]), "names"],
    [{ ...pair, certificate: "half a certificate" }, "malformed"],
  ] as const) {
    put(files);
    await until(() => shown.standing(NAME, now).files === state, state);
    assert(shownOwn(), state);
    assert.equal(shown.standing(NAME, now).until, endOf(own));
  }
  rmSync(join(folder, "public", "privkey.pem"));
  await until(() => shown.standing(NAME, now).files === "unreadable", "one of two");
  assert(shownOwn());

  put(pair);
  await until(() => shown.standing(NAME, now).files === "used", "the control");
  assert.deepEqual(shown.find(settings, now), pair);
  const later = now + 31 * DAY_MS;
  assert.equal(shown.standing(NAME, later).files, "outdated");
  assert.equal(shown.find(settings, later)?.key, own.key);

  rmSync(join(folder, "public"), { recursive: true });
  await until(() => shown.standing(NAME, now).files === undefined, "none");
  assert(shownOwn());
});

test("the site's is the proxies' alone, for its own name, and after the exit's own", async () => {
  const sites = selfSigned([NAME, "www.example.net"], 40);
  shown.takeSites(sites);
  assert.deepEqual(shown.find({ host: NAME }, now), sites);
  assert.equal(shown.find({ host: "paris1.example.net" }, now), undefined);
  assert.deepEqual(shown.find(settings, now), sites);
  assert.equal(shown.findOwn(settings, now), undefined, "IKEv2 does not get its key");
  const pair = selfSigned([NAME]);
  put(pair);
  await until(() => shown.findOwn(settings, now) !== undefined, "the files");
  assert.deepEqual(shown.find(settings, now), pair);
});
