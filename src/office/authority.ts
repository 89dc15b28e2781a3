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
/**
 * Certificates begin so long before they are made: clocks are wrong by an hour or a day, at members' devices more often than
 * at servers, and to a clock that is slow a fresh certificate would not be good yet.
 */
const DAYS_BEFORE = 2;
const DAY_MS = 86_400_000;

/**
 * strongSwan refuses a certificate whose constraints speak of addresses (5.9.8; its openssl plugin knows no constraints at all). So
 * its app gets another certificate of the same authority, same name and key, which leaves that line out: an app that believes it
 * for this one profile, and no system that believes it for websites.
 */
const AUTHORITY_FOR_STRONGSWAN = `
[certificate]
basicConstraints = critical, CA:true, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
nameConstraints = critical, permitted;DNS:${EXIT_DOMAIN}
`;

/**
 * Members' systems are told to believe it (profiles/mobileconfig.ts, profiles/windows.ts): names alone would leave it programs and
 * letters to vouch for, which bear none.
 */
const AUTHORITY = `
[certificate]
basicConstraints = critical, CA:true, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
nameConstraints = critical, permitted;DNS:${EXIT_DOMAIN}, excluded;IP:0.0.0.0/0.0.0.0, excluded;IP:0:0:0:0:0:0:0:0/0:0:0:0:0:0:0:0
`;

const exitExtensions = (name: string): string => `
[certificate]
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
  const request = openssl(() => ["req", "-new", "-key", key, "-subj", "/CN=Exit authority"]);
  const certificate = signed(["-selfsign", "-keyfile", key], AUTHORITY_DAYS, request, AUTHORITY);
  writeFileAtomic(join(folder, "ca.crt"), certificate, 0o644);
}

/** The authority's certificate for strongSwan's app, made where it is not there yet. Throws where openssl is missing or fails. */
export function authorityForStrongswan(folder: string): string {
  const path = join(folder, "ca-strongswan.crt");
  if (existsSync(path)) return readFileSync(path, "utf8");
  const key = join(folder, "ca.key");
  const request = openssl(() => ["req", "-new", "-key", key, "-subj", "/CN=Exit authority"]);
  const certificate = signed(
    ["-selfsign", "-keyfile", key],
    AUTHORITY_DAYS,
    request,
    AUTHORITY_FOR_STRONGSWAN,
  );
  writeFileAtomic(path, certificate, 0o644);
  return certificate;
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
export function signExitRequest(
  folder: string,
  name: string,
  request: string,
  nowMs = Date.now(),
): string | undefined {
  try {
    const shown = openssl(
      (path) => ["req", "-in", path!, "-noout", "-verify", "-subject", "-nameopt", "RFC2253"],
      request,
    );
    if (!shown.trim().endsWith(`subject=CN=${name}`)) return undefined;
    const signer = ["-cert", join(folder, "ca.crt"), "-keyfile", join(folder, "ca.key")];
    return signed(signer, EXIT_DAYS, request, exitExtensions(name), nowMs);
  } catch {
    return undefined;
  }
}

/** openssl-ca(1) signs with a beginning of our choice (x509 learns it in 3.4 only); its list of what it signed is thrown away. */
const SIGNING = `
[ca]
default_ca = signing
[signing]
database = 1
new_certs_dir = .
default_md = sha256
rand_serial = yes
unique_subject = no
email_in_dn = no
policy = any
[any]
commonName = supplied
`;

function signed(
  signer: string[],
  days: number,
  request: string,
  extensions: string,
  nowMs = Date.now(),
): string {
  const form = [
    "-startdate",
    asn1Time(nowMs - DAYS_BEFORE * DAY_MS),
    "-enddate",
    asn1Time(nowMs + days * DAY_MS),
  ];
  return openssl(
    (settings, _list, csr, extfile) => [
      ...["ca", "-batch", "-notext", "-config", settings!, "-in", csr!, ...signer, ...form],
      ...["-extensions", "certificate", "-extfile", extfile!],
    ],
    SIGNING,
    "",
    request,
    extensions,
  );
}

/** `20310501120000Z`. */
const asn1Time = (ms: number): string =>
  `${new Date(ms).toISOString().replaceAll(/[-:T]/g, "").slice(0, 14)}Z`;
