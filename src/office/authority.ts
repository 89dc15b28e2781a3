import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../lib/atomic-file.ts";
import { newKey, openssl } from "../lib/openssl.ts";
import { EXIT_DOMAIN } from "../link/certificate-name.ts";

/**
 * The provider's own certificate authority for its exits. It is name-constrained (RFC 5280 section 4.2.1.10) to the exits'
 * domain: whoever steals it can impersonate an exit, and no website.
 */
const AUTHORITY_DAYS = 7300;
const EXIT_DAYS = 825;

const AUTHORITY = `
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
nameConstraints = critical, permitted;DNS:${EXIT_DOMAIN}, excluded;IP:0.0.0.0/0.0.0.0, excluded;IP:0:0:0:0:0:0:0:0/0:0:0:0:0:0:0:0
`;

const exitExtensions = (name: string): string => `
[exit]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:${name}
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
`;

/** Makes `ca.key` and `ca.crt` in `folder` where they are not there yet. Throws where openssl is missing or fails. */
export function ensureAuthority(folder: string): void {
  const key = join(folder, "ca.key");
  if (existsSync(join(folder, "ca.crt"))) return;
  writeFileAtomic(key, newKey());
  const form = ["-sha256", "-days", String(AUTHORITY_DAYS), "-key", key];
  const certificate = openssl((settings) => ["req", "-x509", "-config", settings!, ...form], AUTHORITY);
  writeFileAtomic(join(folder, "ca.crt"), certificate, 0o644);
}

/** The authority's own certificate, PEM. */
export const authorityCertificate = (folder: string): string => readFileSync(join(folder, "ca.crt"), "utf8");

/** The same, made where it is not there yet; undefined where openssl is missing: then there is no VPN either. */
export function openAuthority(folder: string): string | undefined {
  try {
    ensureAuthority(folder);
    return authorityCertificate(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * Signs an exit's request (PKCS #10, PEM). The name is ours to give (link/certificate-name.ts): undefined where the request
 * asks for another than this, or where openssl cannot read it.
 */
export function signExitRequest(folder: string, name: string, request: string): string | undefined {
  try {
    const shown = openssl(
      (path) => ["req", "-in", path!, "-noout", "-verify", "-subject", "-nameopt", "RFC2253"],
      request,
    );
    if (!shown.trim().endsWith(`subject=CN=${name}`)) return undefined;
    const signer = [
      "-CA",
      join(folder, "ca.crt"),
      "-CAkey",
      join(folder, "ca.key"),
      "-set_serial",
      randomSerial(),
    ];
    const form = ["-sha256", "-days", String(EXIT_DAYS), "-extensions", "exit"];
    return openssl(
      (path, extensions) => ["x509", "-req", "-in", path!, ...signer, ...form, "-extfile", extensions!],
      request,
      exitExtensions(name),
    );
  } catch {
    return undefined;
  }
}

/** 127 random bits, positive (RFC 5280 section 4.1.2.2). */
const randomSerial = (): string =>
  `0x4${Buffer.from(crypto.getRandomValues(new Uint8Array(15))).toString("hex")}`;
