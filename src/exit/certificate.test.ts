import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { newKey, openssl } from "../lib/openssl.ts";
import { certificateName } from "../link/certificate-name.ts";
import { certificateRequest, installCertificate } from "./certificate.ts";

const folder = mkdtempSync(join(tmpdir(), "lethe-exit-"));
after(() => rmSync(folder, { recursive: true }));
const read = (name: string) => readFileSync(join(folder, name), "utf8");

const authorityOf = (key: string) =>
  openssl((path) => ["req", "-x509", "-key", path!, "-subj", "/CN=Authority", "-days", "9999"], key);
const key = newKey();
const authority = authorityOf(key);
const sign = (request: string, server: string): string =>
  openssl(
    (ca, caKey, csr, extensions) => [
      "x509",
      "-req",
      "-in",
      csr!,
      "-CA",
      ca!,
      "-CAkey",
      caKey!,
      "-set_serial",
      "1",
      "-days",
      "825",
      "-extfile",
      extensions!,
    ],
    authority,
    key,
    request,
    `subjectAltName = DNS:${certificateName(server)}\n`,
  );

test("a good certificate is kept; a near end, a new name or a new authority asks for another with the same key", () => {
  const first = certificateRequest(folder, certificateName("exit1"), authority, Date.now());
  assert.ok(first);
  installCertificate(folder, sign(first, "exit1"), authority);
  assert.equal(statSync(join(folder, "tls.key")).mode & 0o777, 0o600);
  const before = read("tls.key");
  assert.equal(certificateRequest(folder, certificateName("exit1"), authority, Date.now()), undefined);
  assert.ok(certificateRequest(folder, certificateName("exit1"), authority, Date.now() + 700 * 86_400_000));
  assert.ok(certificateRequest(folder, certificateName("london1"), authority, Date.now()));
  assert.ok(certificateRequest(folder, certificateName("exit1"), authorityOf(newKey()), Date.now()));
  assert.equal(read("tls.key"), before);
});

test("a certificate for another key or of another authority is not installed", () => {
  const standing = read("tls.crt");
  const foreign = openssl((path) => ["req", "-new", "-key", path!, "-subj", "/CN=x"], newKey());
  assert.throws(() => installCertificate(folder, sign(foreign, "exit1"), authority), /another key/);
  const own = certificateRequest(folder, certificateName("exit1"), authority, Date.now() + 700 * 86_400_000)!;
  assert.throws(
    () => installCertificate(folder, sign(own, "exit1"), authorityOf(newKey())),
    /another authority/,
  );
  assert.equal(new X509Certificate(read("tls.crt")).toString(), standing);
});
