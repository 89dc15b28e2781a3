import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { ensureSecret } from "../lib/atomic-file.ts";
import { generateSiteKey, type SiteKey, siteKeyFromPem, siteKeyToPem } from "../link/site-key.ts";

/** The office's own secrets, each a file of its own (0600) in the office's folder; made once, on the first start. */
export interface OfficeKeys {
  /** 32 bytes: VPN credentials, cookies and keyed hashes derive from it. Whoever has it and the database has both. */
  siteSecret: Uint8Array;
  /** Ed25519: signs rosters. */
  siteKey: SiteKey;
  /** The tls-crypt key that stands in every profile (openvpn(8)): keeps strangers from talking to the engine at all. */
  tlsCrypt: string;
  /** 16 hex digits: tells this office from others on the same database, which have the same secrets. Not to be copied to them. */
  officeId: string;
}

/** Reads the keys in `folder`, making those that are missing. Throws the file system's error. */
export function ensureKeys(folder: string): OfficeKeys {
  const siteSecret = ensureSecret(join(folder, "site.secret"), () => randomBytes(32));
  const siteKey = ensureSecret(join(folder, "roster.key"), () => siteKeyToPem(generateSiteKey()));
  const tlsCrypt = ensureSecret(join(folder, "tls-crypt.key"), staticKey);
  const officeId = ensureSecret(join(folder, "office.id"), () => randomBytes(8).toString("hex")).toString();
  return { officeId, siteSecret, siteKey: siteKeyFromPem(siteKey.toString()), tlsCrypt: tlsCrypt.toString() };
}

/** 2,048 random bits in OpenVPN's own file format (openvpn(8), `--genkey`). */
function staticKey(): string {
  const lines = randomBytes(256).toString("hex").match(/.{32}/g)!;
  return ["-----BEGIN OpenVPN Static key V1-----", ...lines, "-----END OpenVPN Static key V1-----", ""].join(
    "\n",
  );
}
