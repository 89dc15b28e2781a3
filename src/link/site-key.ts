import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { sha256 } from "./packed-table.ts";

/** The office's signing key (Ed25519, RFC 8032). Its public half is all that an exit has to be told. */
export interface SiteKey {
  privateKey: KeyObject;
  /** Raw, 32 bytes. */
  publicKey: Uint8Array;
}

export function generateSiteKey(): SiteKey {
  return siteKeyOf(generateKeyPairSync("ed25519").privateKey);
}

/** PKCS #8 PEM, for a 0600 file. */
export const siteKeyToPem = (key: SiteKey): string =>
  key.privateKey.export({ format: "pem", type: "pkcs8" }).toString();

/** Throws where the text is no Ed25519 private key. */
export const siteKeyFromPem = (pem: string): SiteKey => siteKeyOf(createPrivateKey(pem));

/** Throws where the bytes are no public key. */
export function verifyingKey(publicKey: Uint8Array): KeyObject {
  const x = Buffer.from(publicKey).toString("base64url");
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
}

/** What names a site in signed documents: the first 16 bytes of SHA-256 of its public key. */
export const siteId = (publicKey: Uint8Array): Uint8Array => sha256(publicKey).subarray(0, 16);

function siteKeyOf(privateKey: KeyObject): SiteKey {
  if (privateKey.asymmetricKeyType !== "ed25519") throw new TypeError("site key: not Ed25519");
  const { x } = createPublicKey(privateKey).export({ format: "jwk" });
  return { privateKey, publicKey: Buffer.from(x!, "base64url") };
}
