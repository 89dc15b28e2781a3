import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ensureSecret } from "../lib/atomic-file.ts";
import { newLinkKey } from "../link/link-key.ts";
import { generateSiteKey, type SiteKey, siteKeyFromPem, siteKeyToPem } from "../link/site-key.ts";
import { OfficeStartError } from "./start-errors.ts";

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
  /** What the office connects to NATS with (an nkey seed): the same on every office. */
  linkSeed: string;
}

/**
 * Reads the keys in `folder`, making those that are missing. `given` (base64, by file name) are kept elsewhere, by systemd as
 * a rule, and never written. Throws the file system's error, and OfficeStartError where a key given is not the one in the folder.
 */
export function ensureKeys(folder: string, given: Record<string, string> = {}): OfficeKeys {
  const secret = (name: string, make: () => string | Uint8Array): Buffer => {
    const path = join(folder, name);
    if (given[name] === undefined) return ensureSecret(path, make);
    const elsewhere = Buffer.from(given[name], "base64");
    if (existsSync(path) && !readFileSync(path).equals(elsewhere))
      throw new OfficeStartError(
        `The credential ${name} is another one than the file ${path}. With it all VPN credentials and sessions would change: give the one that was used, or move the file away.`,
      );
    return elsewhere;
  };
  const siteSecret = secret("site.secret", () => randomBytes(32));
  if (siteSecret.length !== 32)
    throw new OfficeStartError(
      `The credential site.secret must have 32 bytes, not ${siteSecret.length}: head -c 32 /dev/urandom`,
    );
  const siteKey = secret("roster.key", () => siteKeyToPem(generateSiteKey()));
  const tlsCrypt = secret("tls-crypt.key", staticKey);
  const officeId = ensureSecret(join(folder, "office.id"), () => randomBytes(8).toString("hex")).toString();
  const linkSeed = secret("link.seed", () => newLinkKey().seed).toString();
  return {
    siteSecret,
    siteKey: siteKeyFromPem(siteKey.toString()),
    tlsCrypt: tlsCrypt.toString(),
    officeId,
    linkSeed,
  };
}

/** 2,048 random bits in OpenVPN's own file format (openvpn(8), `--genkey`). */
function staticKey(): string {
  const lines = randomBytes(256).toString("hex").match(/.{32}/g)!;
  return ["-----BEGIN OpenVPN Static key V1-----", ...lines, "-----END OpenVPN Static key V1-----", ""].join(
    "\n",
  );
}
