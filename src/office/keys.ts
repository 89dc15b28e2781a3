import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../lib/atomic-file.ts";

/** The office's own secrets, each a file of its own (0600) in the office's folder; made once, on the first start. */
export interface OfficeKeys {
  /** 32 bytes: VPN credentials, cookies and keyed hashes derive from it. Whoever has it and the database has both. */
  siteSecret: Uint8Array;
  /** Ed25519: signs rosters. */
  signingKey: KeyObject;
  /** The tls-crypt key that stands in every profile (openvpn(8)): keeps strangers from talking to the engine at all. */
  tlsCrypt: string;
}

/** Reads the keys in `folder`, making those that are missing. Throws the file system's error. */
export function ensureKeys(folder: string): OfficeKeys {
  const secret = ensure(join(folder, "site.secret"), () => randomBytes(32));
  const signing = ensure(join(folder, "roster.key"), () =>
    generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }),
  );
  const tlsCrypt = ensure(join(folder, "tls-crypt.key"), staticKey);
  return { siteSecret: secret, signingKey: createPrivateKey(signing), tlsCrypt: tlsCrypt.toString() };
}

/** The 32 bytes of an Ed25519 key's public half, base64: what exits check rosters with (RFC 8410: the last 32 of SPKI). */
export function rawPublicKey(key: KeyObject): string {
  return createPublicKey(key).export({ type: "spki", format: "der" }).subarray(-32).toString("base64");
}

/** Reads a secret file, or writes it whole first. */
export function ensure(path: string, make: () => string | Uint8Array): Buffer {
  if (!existsSync(path)) writeFileAtomic(path, make());
  return readFileSync(path);
}

/** 2,048 random bits in OpenVPN's own file format (openvpn(8), `--genkey`). */
function staticKey(): string {
  const lines = randomBytes(256).toString("hex").match(/.{32}/g)!;
  return ["-----BEGIN OpenVPN Static key V1-----", ...lines, "-----END OpenVPN Static key V1-----", ""].join(
    "\n",
  );
}
