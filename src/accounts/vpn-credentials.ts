import { createHmac, hash, type KeyObject, randomBytes } from "node:crypto";
import { base32 } from "../lib/base32.ts";
import { ntHash } from "../lib/nt-hash.ts";

/** What a member types into any client: 12 and 20 base32 characters (60 and 100 bits). */
export interface VpnCredentials {
  username: string;
  password: string;
}

/** A credential as the roster wants it. */
export interface RosterCredential {
  vpnUsername: string;
  /** SHA-256 of the VPN password, 32 bytes. */
  passwordDigest: Uint8Array;
  /** UTC minutes since 1970. */
  untilMinutes: number;
  /** The password's NT hash, 16 bytes; computed when asked for: only rosters with IKEv2 have it. */
  ntHash: () => Uint8Array;
}

/** A fresh salt, 16 random bytes as hex, as it stands in the store. A new one means new credentials. */
export const newVpnSalt = (): string => randomBytes(16).toString("hex");

/**
 * VPN username and password are HMAC-SHA256(site secret, salt ‖ "name" or "password"), in base32: neither stands in the
 * store, and whoever has the store alone, without the site secret, can make neither.
 */
export function deriveVpnCredentials(siteSecret: KeyObject, salt: string): VpnCredentials {
  const derive = (what: "name" | "password", characters: number) =>
    base32(createHmac("sha256", siteSecret).update(salt, "hex").update(what).digest(), characters);
  return { username: derive("name", 12), password: derive("password", 20) };
}

/**
 * A keyed hash of a VPN username, 16 bytes as hex: keeps two accounts from getting the same one, and finds the account
 * whose credentials somebody has published.
 */
export const vpnTag = (siteSecret: KeyObject, username: string): string =>
  createHmac("sha256", siteSecret).update(`vpn tag ${username}`).digest("hex").slice(0, 32);

/** What the roster carries of credentials that are good until `paidUntil`, UTC seconds. */
export function rosterCredential(vpn: VpnCredentials, paidUntil: number): RosterCredential {
  return {
    vpnUsername: vpn.username,
    passwordDigest: new Uint8Array(hash("sha256", vpn.password, "buffer")),
    untilMinutes: Math.floor(paidUntil / 60),
    ntHash: () => ntHash(vpn.password),
  };
}
