import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { readCertificateRequest } from "../../certificates/request.ts";
import { newKey, openssl } from "../../lib/openssl.ts";
import { installPublicCertificate, standingOf } from "./pair.ts";

const NAME = "london1.example.net";
const DAY_MS = 86_400_000;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lethe-public-"));
});
afterEach(() => rmSync(folder, { recursive: true }));
const read = (name: string) => readFileSync(join(folder, name), "utf8");

/** Signed by the key itself: whose signature it is, is for clients to judge. */
const certificateFor = (key: string, name: string, days: number): string =>
  openssl(
    (path) => [
      ...["req", "-x509", "-new", "-subj", "/", "-key", path!, "-days", String(days)],
      ...["-addext", `subjectAltName=DNS:${name}`],
    ],
    key,
  );
const now = Date.now();

test("the key is made once and root's; a request follows where there is nothing good for long", () => {
  const { request, until } = standingOf(folder, NAME, now);
  assert.equal(until, undefined);
  assert(readCertificateRequest(request!, NAME));
  assert.equal(statSync(join(folder, "public.key")).mode & 0o777, 0o600);
  const key = read("public.key");
  installPublicCertificate(folder, NAME, certificateFor(key, NAME, 90), now);
  const end = Date.parse(new X509Certificate(read("public.crt")).validTo);
  assert.deepEqual(standingOf(folder, NAME, now + 50 * DAY_MS), { until: end / 1000 });
  // With a third left for certain, earlier by chance; still good, and not any more.
  assert(standingOf(folder, NAME, now + 60 * DAY_MS + 1000).request);
  assert.equal(standingOf(folder, NAME, now + 60 * DAY_MS + 1000).until, end / 1000);
  assert.equal(standingOf(folder, NAME, now + 91 * DAY_MS).until, undefined);
  assert(
    readCertificateRequest(standingOf(folder, "paris1.example.net", now).request!, "paris1.example.net"),
  );
  assert.equal(read("public.key"), key);
});

test("a certificate for another key or name, that is over, or that ends before the one there, takes nothing away", () => {
  standingOf(folder, NAME, now);
  const key = read("public.key");
  const install = (certificate: string) => installPublicCertificate(folder, NAME, certificate, now);
  assert.throws(() => install(certificateFor(newKey(), NAME, 90)), /key-mismatch/);
  assert.throws(() => install(certificateFor(key, "vpn.example.net", 90)), /names/);
  assert.throws(() => install("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
  assert.throws(() => install(""), /malformed/);
  assert.deepEqual(readdirSync(folder), ["public.key"]);
  // The control, with something behind it that does not get into the file.
  install(`${certificateFor(key, NAME, 90)}rm -rf /\n`);
  const standing = read("public.crt");
  assert.doesNotMatch(standing, /rm/);
  assert.throws(() => install(certificateFor(key, NAME, 30)), /before/);
  assert.throws(() => install(certificateFor(newKey(), NAME, 200)), /key-mismatch/);
  assert.throws(
    () => installPublicCertificate(folder, NAME, certificateFor(key, NAME, 30), now + 40 * DAY_MS),
    /outdated/,
  );
  assert.equal(read("public.crt"), standing);
});

test("what is broken on the disk is as good as not there", () => {
  standingOf(folder, NAME, now);
  writeFileSync(join(folder, "public.crt"), "half a certificate");
  assert(standingOf(folder, NAME, now).request);
});
