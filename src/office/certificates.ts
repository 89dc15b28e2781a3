import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeFileAtomic } from "../lib/atomic-file.ts";

/**
 * The provider's own certificate authority for its exits, made with openssl(1). It can vouch for nothing but names below
 * `exits.lethe.internal` (RFC 5280 section 4.2.1.10; `.internal` is reserved for private use), so whoever steals it can
 * impersonate an exit, and no website. The names do not depend on the host name: an operator may change that, and the
 * profiles that members hold stay valid.
 */
const DOMAIN = "exits.lethe.internal";
const DAY_MS = 86_400_000;
const EXIT_DAYS = 825;
const RENEW_BEFORE_DAYS = 180;

/** The name that an exit's certificate bears and that clients check. */
export const certificateName = (server: string): string => `${server}.${DOMAIN}`;

const CA_EXTENSIONS = `
[req]
distinguished_name = name
prompt = no
x509_extensions = ca
[name]
CN = Exit authority
[ca]
basicConstraints = critical, CA:true, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
nameConstraints = critical, permitted;DNS:${DOMAIN}, excluded;IP:0.0.0.0/0.0.0.0, excluded;IP:0:0:0:0:0:0:0:0/0:0:0:0:0:0:0:0
`;

const exitExtensions = (server: string): string => `
[exit]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:${certificateName(server)}
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
`;

const openssl = (args: string[]): Buffer =>
  execFileSync("openssl", args, { stdio: ["ignore", "pipe", "pipe"], env: { PATH: process.env.PATH } });

/** A folder of our own for openssl's requests and settings (no keys), gone afterwards. */
function withScratch<Value>(use: (folder: string) => Value): Value {
  const folder = mkdtempSync(join(tmpdir(), "lethe-x509-"));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Makes `ca.key` and `ca.crt` in `folder` where they are not there yet. P-256, since every OpenVPN and IKEv2 client
 * takes it. Throws where openssl is missing or fails.
 */
export function ensureAuthority(folder: string): void {
  const key = join(folder, "ca.key");
  const certificate = join(folder, "ca.crt");
  if (existsSync(certificate)) return;
  withScratch((scratch) => {
    writeFileAtomic(key, openssl(["ecparam", "-name", "prime256v1", "-genkey", "-noout"]));
    const settings = join(scratch, "ca.cnf");
    writeFileAtomic(settings, CA_EXTENSIONS);
    const days = ["-days", "7300"];
    writeFileAtomic(
      certificate,
      openssl(["req", "-x509", "-config", settings, "-sha256", "-key", key, ...days]),
      0o644,
    );
  });
}

/**
 * Sees to it that the exit's folder holds `tls.key`, `tls.crt` and `ca.crt` of this authority: a key made there, and a
 * certificate renewed when it ends within 180 days, bears another name, or is another authority's.
 */
export function ensureExitCertificate(authority: string, exit: string, server: string, nowMs: number): void {
  const key = join(exit, "tls.key");
  const certificate = join(exit, "tls.crt");
  const ca = readFileSync(join(authority, "ca.crt"));
  writeFileAtomic(join(exit, "ca.crt"), ca, 0o644);
  if (existsSync(certificate) && isGood(readFileSync(certificate), ca, server, nowMs)) return;
  withScratch((scratch) => {
    if (!existsSync(key))
      writeFileAtomic(key, openssl(["ecparam", "-name", "prime256v1", "-genkey", "-noout"]));
    const request = join(scratch, "exit.csr");
    const extensions = join(scratch, "exit.cnf");
    writeFileAtomic(extensions, exitExtensions(server));
    openssl(["req", "-new", "-key", key, "-subj", `/CN=${certificateName(server)}`, "-out", request]);
    const signer = ["-CA", join(authority, "ca.crt"), "-CAkey", join(authority, "ca.key")];
    const form = ["-sha256", "-days", String(EXIT_DAYS), "-extfile", extensions, "-extensions", "exit"];
    // Without a -CAserial file openssl wants one to be made beside the authority; a random serial needs none.
    const serial = ["-set_serial", `0x${randomSerial()}`];
    writeFileAtomic(
      certificate,
      openssl(["x509", "-req", "-in", request, ...signer, ...serial, ...form]),
      0o644,
    );
  });
}

const randomSerial = (): string =>
  `4${Buffer.from(crypto.getRandomValues(new Uint8Array(15))).toString("hex")}`;

function isGood(pem: Buffer, ca: Buffer, server: string, nowMs: number): boolean {
  const certificate = new X509Certificate(pem);
  const endsMs = Date.parse(certificate.validTo);
  return (
    certificate.checkHost(certificateName(server)) !== undefined &&
    certificate.checkIssued(new X509Certificate(ca)) &&
    certificate.verify(new X509Certificate(ca).publicKey) &&
    endsMs - nowMs > RENEW_BEFORE_DAYS * DAY_MS
  );
}
