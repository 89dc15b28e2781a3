import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { it } from "node:test";
import { newKey, openssl } from "../lib/openssl.ts";
import { certificateRequestFor, readCertificateRequest } from "./request.ts";

const NAME = "london1.example.net";
const key = newKey();

it("a request is one that openssl reads, for its name and by its key", () => {
  for (const name of [NAME, `${"long-".repeat(12)}name.${"more-".repeat(12)}of.it.example.net`]) {
    const request = certificateRequestFor(name, key);
    const text = openssl((path) => ["req", "-in", path!, "-noout", "-verify", "-text"], request);
    assert.match(text, /Subject: *\n/);
    assert.match(text, new RegExp(`DNS:${name}\\n`));
    const publicKey = createPublicKey(key).export({ type: "spki", format: "der" });
    assert.deepEqual(readCertificateRequest(request, name), publicKey);
  }
});

it("a request for another name, for more names, or with a subject is none", () => {
  const asked = (...extra: string[]) => openssl((path) => ["req", "-new", "-key", path!, ...extra], key);
  const san = (names: string) => ["-addext", `subjectAltName=${names}`];
  assert.equal(readCertificateRequest(certificateRequestFor("vpn.example.net", key), NAME), undefined);
  // The control: what openssl makes in the same form is taken.
  assert(readCertificateRequest(asked("-subj", "/", ...san(`DNS:${NAME}`)), NAME));
  for (const request of [
    asked("-subj", "/", ...san(`DNS:${NAME},DNS:vpn.example.net`)),
    asked("-subj", "/", ...san("DNS:*.example.net")),
    asked("-subj", "/CN=vpn.example.net", ...san(`DNS:${NAME}`)),
    asked("-subj", `/CN=${NAME}`),
    asked("-subj", "/", ...san(`DNS:${NAME}`), "-addext", "basicConstraints=CA:true"),
  ])
    assert.equal(readCertificateRequest(request, NAME), undefined);
});

it("a request that its key did not sign, or that is not whole, is none", () => {
  const request = certificateRequestFor(NAME, key);
  const [head, ...lines] = request.split("\n");
  const bytes = Buffer.from(lines.slice(0, -2).join(""), "base64");
  const pem = (changed: Buffer) =>
    [head, ...(changed.toString("base64").match(/.{1,64}/g) ?? []), ...lines.slice(-2)].join("\n");
  assert(readCertificateRequest(pem(bytes), NAME));
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Buffer.from(bytes);
    changed[at]! ^= 1;
    assert.equal(readCertificateRequest(pem(changed), NAME), undefined, `byte ${at}`);
    assert.equal(readCertificateRequest(pem(bytes.subarray(0, at)), NAME), undefined);
  }
  assert.equal(readCertificateRequest(pem(Buffer.concat([bytes, Buffer.of(0)])), NAME), undefined);
  assert.equal(readCertificateRequest(`${request}${request}`, NAME), undefined);
  assert.equal(readCertificateRequest("", NAME), undefined);
});
