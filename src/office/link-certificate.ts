import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../lib/atomic-file.ts";
import { newKey, openssl } from "../lib/openssl.ts";
import { NATS_SERVER_NAME } from "../link/nats-connection.ts";
import { authorityCertificate, signExitRequest } from "./authority.ts";

/**
 * Key and certificate of the office's own nats-server in the office's folder, made where they are missing and anew in the last
 * third of their time. Returns their paths, and whether they are new. Throws where openssl is missing or fails.
 */
export function ensureLinkCertificate(
  folder: string,
  nowMs = Date.now(),
): { certificate: string; key: string; renewed: boolean } {
  const [certificate, key] = [join(folder, "nats.crt"), join(folder, "nats.key")];
  if (existsSync(certificate) && isGood(readFileSync(certificate, "utf8"), folder, nowMs))
    return { certificate, key, renewed: false };
  if (!existsSync(key)) writeFileAtomic(key, newKey());
  const request = openssl(() => ["req", "-new", "-key", key, "-subj", `/CN=${NATS_SERVER_NAME}`]);
  const signed = signExitRequest(folder, NATS_SERVER_NAME, request);
  if (signed === undefined) throw new Error("the authority did not sign");
  writeFileAtomic(certificate, signed, 0o644);
  return { certificate, key, renewed: true };
}

function isGood(pem: string, folder: string, nowMs: number): boolean {
  const certificate = new X509Certificate(pem);
  const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  const authority = new X509Certificate(authorityCertificate(folder));
  return certificate.verify(authority.publicKey) && to - nowMs > (to - from) / 3;
}
