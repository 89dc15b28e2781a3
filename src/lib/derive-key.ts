import { hkdfSync } from "node:crypto";

/**
 * 32 bytes that follow from a secret for one use alone (HKDF with SHA-256, RFC 5869); the keys of other uses say nothing of them.
 * `use` is the `info` of the RFC; no two uses of one secret share it. `salt`: what a key belongs to, where each has its own.
 */
export const deriveKey = (secret: Uint8Array | string, use: string, salt = ""): Uint8Array<ArrayBuffer> =>
  new Uint8Array(hkdfSync("sha256", secret, salt, use, 32));
