import { createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../lib/atomic-file.ts";
import { newKey, openssl } from "../lib/openssl.ts";

/** An exit's TLS key is made on the exit and never leaves it; the office signs a request (PKCS #10). */

/**
 * The request for a certificate of this DNS name, with the key in `folder` (`tls.key`, made where it is missing). Undefined
 * while the certificate there is good: it bears the name, is this authority's, and a third of its life is still to come.
 * Throws where openssl is missing or fails.
 */
export function certificateRequest(
  folder: string,
  name: string,
  authority: string,
  nowMs: number,
): string | undefined {
  const key = join(folder, "tls.key");
  const certificate = join(folder, "tls.crt");
  if (existsSync(certificate) && isGood(readFileSync(certificate, "utf8"), authority, name, nowMs))
    return undefined;
  if (!existsSync(key)) writeFileAtomic(key, newKey());
  return openssl(() => ["req", "-new", "-key", key, "-subj", `/CN=${name}`]);
}

/** Puts what the office signed into `folder`: `tls.crt`, `ca.crt`. Throws where it is not for our key or not the authority's. */
export function installCertificate(folder: string, certificate: string, authority: string): void {
  const signed = new X509Certificate(certificate);
  const ours = createPrivateKey(readFileSync(join(folder, "tls.key")));
  if (!signed.checkPrivateKey(ours)) throw new Error("the certificate is for another key");
  if (!signed.verify(new X509Certificate(authority).publicKey))
    throw new Error("the certificate is another authority's");
  // Written anew from what was parsed: nothing but a certificate goes into the file.
  writeFileAtomic(join(folder, "ca.crt"), new X509Certificate(authority).toString(), 0o644);
  writeFileAtomic(join(folder, "tls.crt"), signed.toString(), 0o644);
}

function isGood(pem: string, authority: string, name: string, nowMs: number): boolean {
  const certificate = new X509Certificate(pem);
  const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  return (
    certificate.checkHost(name) !== undefined &&
    certificate.verify(new X509Certificate(authority).publicKey) &&
    to - nowMs > (to - from) / 3
  );
}
