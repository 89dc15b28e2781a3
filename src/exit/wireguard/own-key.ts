import { createPrivateKey, createPublicKey, randomBytes } from "node:crypto";
import { ensureSecret } from "../../lib/atomic-file.ts";

/** A WireGuard key pair: 32 bytes, and the public key as everybody writes it. */
export interface WireguardKey {
  privateKey: Uint8Array;
  /** Base64, 44 characters. */
  publicKey: string;
}

/** PKCS #8 of an X25519 key up to its 32 bytes (RFC 8410, section 7). */
const PKCS8 = Buffer.from("302e020100300506032b656e04220420", "hex");

/** The exit's own key: made once (0600), kept in its folder, since it stands in every member's profile. Throws the file system's error. */
export function ownWireguardKey(folder: string): WireguardKey {
  return wireguardKey(ensureSecret(`${folder}/wireguard.key`, () => randomBytes(32)));
}

/** The pair of these 32 bytes. Throws RangeError for another length: such a file is not overwritten, nor used. */
export function wireguardKey(privateKey: Uint8Array): WireguardKey {
  if (privateKey.length !== 32) throw new RangeError("a WireGuard key has 32 bytes");
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, privateKey]), format: "der", type: "pkcs8" });
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  return { privateKey, publicKey: spki.subarray(-32).toString("base64") };
}
