import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { authorityCertificate, ensureAuthority } from "./authority.ts";
import { ensureLinkCertificate } from "./link-certificate.ts";

const folder = mkdtempSync(join(tmpdir(), "lethe-link-certificate-"));
after(() => rmSync(folder, { recursive: true }));

test("nats-server's certificate bears a name that no server's can, is kept, and is made anew in its last third", () => {
  ensureAuthority(folder);
  const first = ensureLinkCertificate(folder);
  assert.equal(first.renewed, true);
  const certificate = new X509Certificate(readFileSync(first.certificate));
  assert.equal(certificate.checkHost("nats.link.exits.lethe.internal"), "nats.link.exits.lethe.internal");
  assert.equal(certificate.checkHost("link.exits.lethe.internal"), undefined);
  assert.ok(certificate.verify(new X509Certificate(authorityCertificate(folder)).publicKey));
  assert.equal(statSync(first.key).mode & 0o777, 0o600);
  assert.equal(ensureLinkCertificate(folder).renewed, false);
  const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  assert.equal(ensureLinkCertificate(folder, to - (to - from) / 4).renewed, true);
  assert.notEqual(
    new X509Certificate(readFileSync(first.certificate)).serialNumber,
    certificate.serialNumber,
  );
});
