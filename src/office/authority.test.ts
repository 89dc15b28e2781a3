import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { certificateName } from "../link/certificate-name.ts";
import { authorityCertificate, ensureAuthority, signExitRequest } from "./authority.ts";

const folder = mkdtempSync(join(tmpdir(), "lethe-authority-"));
after(() => rmSync(folder, { recursive: true }));
const path = (name: string) => join(folder, name);
const openssl = (...args: string[]) => execFileSync("openssl", args, { encoding: "utf8", stdio: "pipe" });

openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path("exit.key"));
const request = (name: string) => openssl("req", "-new", "-key", path("exit.key"), "-subj", `/CN=${name}`);
const verify = (certificate: string) => {
  writeFileSync(path("exit.crt"), certificate);
  return openssl("verify", "-x509_strict", "-CAfile", path("ca.crt"), path("exit.crt"));
};
ensureAuthority(folder);

test("an exit's request is signed for its own name, and the authority vouches for it", () => {
  const certificate = signExitRequest(folder, certificateName("exit1"), request(certificateName("exit1")));
  assert.ok(certificate);
  assert.match(verify(certificate), /OK/);
  assert.equal(
    new X509Certificate(certificate).checkHost(certificateName("exit1")),
    certificateName("exit1"),
  );
  assert.equal(statSync(path("ca.key")).mode & 0o777, 0o600);
});

test("a clock that is a day slow or fast takes fresh certificates, and their serial numbers are random", () => {
  const name = certificateName("exit1");
  const certificates = [authorityCertificate(folder), signExitRequest(folder, name, request(name))!].map(
    (pem) => new X509Certificate(pem),
  );
  for (const certificate of certificates) {
    assert.ok(Date.parse(certificate.validFrom) < Date.now() - 86_400_000);
    assert.ok(Date.parse(certificate.validTo) > Date.now() + 824 * 86_400_000);
    assert.ok(certificate.serialNumber.length >= 32);
  }
  assert.notEqual(certificates[0]!.serialNumber, certificates[1]!.serialNumber);
});

test("a request for another name, a mangled one and garbage are not signed", () => {
  const good = request(certificateName("exit1"));
  assert.equal(
    signExitRequest(folder, certificateName("exit1"), request(certificateName("exit2"))),
    undefined,
  );
  assert.equal(
    signExitRequest(folder, certificateName("exit1"), request(`x/CN=${certificateName("exit1")}`)),
    undefined,
  );
  const middle = Math.floor(good.length / 2);
  const other = good[middle] === "A" ? "B" : "A";
  assert.equal(
    signExitRequest(folder, certificateName("exit1"), good.slice(0, middle) + other + good.slice(middle + 1)),
    undefined,
  );
  assert.equal(signExitRequest(folder, certificateName("exit1"), "no request"), undefined);
});

test("a second start keeps the authority", () => {
  const before = authorityCertificate(folder);
  ensureAuthority(folder);
  assert.equal(authorityCertificate(folder), before);
});

test("the authority cannot vouch for a website: the name constraint refuses it", () => {
  writeFileSync(path("evil.cnf"), "subjectAltName = DNS:bank.example.net\nextendedKeyUsage = serverAuth\n");
  writeFileSync(path("evil.csr"), request("bank.example.net"));
  const signer = [
    "-CA",
    path("ca.crt"),
    "-CAkey",
    path("ca.key"),
    "-set_serial",
    "1",
    "-extfile",
    path("evil.cnf"),
  ];
  openssl("x509", "-req", "-in", path("evil.csr"), "-days", "9", ...signer, "-out", path("evil.crt"));
  assert.throws(() => verify(readFileSync(path("evil.crt"), "utf8")), /permitted subtree violation/);
});

test("the authority cannot vouch for a program or a letter either, where a member's system believes it", () => {
  const csr = openssl("req", "-new", "-key", path("exit.key"), "-subj", "/CN=Some Body");
  writeFileSync(path("person.csr"), csr);
  for (const [usage, purpose] of [
    ["emailProtection", "smimesign"],
    ["clientAuth", "sslclient"],
  ] as const) {
    writeFileSync(path("person.cnf"), `keyUsage = critical, digitalSignature\nextendedKeyUsage = ${usage}\n`);
    const signer = ["-CA", path("ca.crt"), "-CAkey", path("ca.key"), "-set_serial", "2"];
    const made = ["x509", "-req", "-in", path("person.csr"), "-days", "9", "-extfile", path("person.cnf")];
    openssl(...made, ...signer, "-out", path("person.crt"));
    assert.throws(
      () => openssl("verify", "-purpose", purpose, "-CAfile", path("ca.crt"), path("person.crt")),
      /(invalid|unsuitable|unsupported)[^\n]*(CA certificate|purpose)/i,
      purpose,
    );
  }
  // OpenSSL before 3.2 knows no purpose "codesign"; systems go by the same extension (RFC 5280 section 4.2.1.12).
  const { keyUsage } = new X509Certificate(authorityCertificate(folder));
  assert.deepEqual(keyUsage, ["1.3.6.1.5.5.7.3.1"], "TLS servers alone");
});
