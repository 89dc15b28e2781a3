import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { certificateName, ensureAuthority, ensureExitCertificate } from "./certificates.ts";

const authority = mkdtempSync(join(tmpdir(), "lethe-ca-"));
const exit = mkdtempSync(join(tmpdir(), "lethe-exit-"));
after(() => [authority, exit].map((folder) => rmSync(folder, { recursive: true })));
const read = (name: string) => readFileSync(join(exit, name), "utf8");
const verify = (ca: string, certificate: string) =>
  execFileSync("openssl", ["verify", "-x509_strict", "-CAfile", ca, certificate], {
    encoding: "utf8",
    stdio: "pipe",
  });

test("an exit's certificate bears its name and the authority vouches for it", () => {
  ensureAuthority(authority);
  ensureExitCertificate(authority, exit, "exit1", Date.now());
  assert.match(verify(join(exit, "ca.crt"), join(exit, "tls.crt")), /OK/);
  assert.equal(
    new X509Certificate(read("tls.crt")).checkHost(certificateName("exit1")),
    certificateName("exit1"),
  );
  assert.equal(statSync(join(exit, "tls.key")).mode & 0o777, 0o600);
  assert.equal(statSync(join(authority, "ca.key")).mode & 0o777, 0o600);
});

test("a second start keeps key and certificate; a new name or a near end renews the certificate, not the key", () => {
  const [key, certificate] = [read("tls.key"), read("tls.crt")];
  ensureAuthority(authority);
  ensureExitCertificate(authority, exit, "exit1", Date.now());
  assert.equal(read("tls.crt"), certificate);
  ensureExitCertificate(authority, exit, "exit1", Date.now() + 700 * 86_400_000);
  assert.notEqual(read("tls.crt"), certificate);
  ensureExitCertificate(authority, exit, "london1", Date.now());
  assert.equal(new X509Certificate(read("tls.crt")).subject, `CN=${certificateName("london1")}`);
  assert.equal(read("tls.key"), key);
});

test("the authority cannot vouch for a website: the name constraint refuses it", () => {
  const extensions = join(exit, "evil.cnf");
  writeFileSync(extensions, "subjectAltName = DNS:bank.example.net\nextendedKeyUsage = serverAuth\n");
  const request = join(exit, "evil.csr");
  const evil = join(exit, "evil.crt");
  const openssl = (args: string[]) => execFileSync("openssl", args, { stdio: "pipe" });
  openssl(["req", "-new", "-key", join(exit, "tls.key"), "-subj", "/CN=bank.example.net", "-out", request]);
  const signer = ["-CA", join(authority, "ca.crt"), "-CAkey", join(authority, "ca.key"), "-set_serial", "1"];
  openssl(["x509", "-req", "-in", request, ...signer, "-days", "9", "-extfile", extensions, "-out", evil]);
  assert.throws(() => verify(join(authority, "ca.crt"), evil), /permitted subtree violation/);
});
