import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { join } from "node:path";
import { ensureSecret } from "../../lib/atomic-file.ts";

/**
 * The exit's SSH host keys: made here, 0600, never sent anywhere and kept for good, since clients remember them. On disk
 * they are PKCS #8; `ssh2` wants OpenSSH's own form (PROTOCOL.key of OpenSSH) and PKCS #1.
 */
const ED25519 = "ssh_ed25519.key";
const RSA = "ssh_rsa.key";
const RSA_BITS = 3072;

export interface HostKeys {
  /** For `ssh2`, the preferred one first. */
  private: string[];
  /** `ssh-ed25519 AAAA…` and `ssh-rsa AAAA…`, as they stand in known_hosts and .pub files. */
  public: string[];
}

/** Those in `folder`, made first where they are missing. Throws the file system's error, or where a file holds no such key. */
export function hostKeys(folder: string): HostKeys {
  const pem = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }) as string;
  const ed25519 = createPrivateKey(
    ensureSecret(join(folder, ED25519), () => pem(generateKeyPairSync("ed25519").privateKey)),
  );
  const rsa = createPrivateKey(
    ensureSecret(join(folder, RSA), () =>
      pem(generateKeyPairSync("rsa", { modulusLength: RSA_BITS }).privateKey),
    ),
  );
  return {
    private: [opensshForm(ed25519), rsa.export({ type: "pkcs1", format: "pem" }) as string],
    public: [ed25519Public(ed25519), rsaPublic(rsa)].map(
      (blob) => `${typeOf(blob)} ${blob.toString("base64")}`,
    ),
  };
}

/** RFC 4251 section 5: uint32 length, bytes. */
function string(bytes: Uint8Array | string): Buffer {
  const content = Buffer.from(bytes as string);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  return Buffer.concat([length, content]);
}

/** RFC 4251 section 5, of a positive number: a leading zero where the first bit would say negative. */
const mpint = (bytes: Buffer): Buffer =>
  string(bytes[0]! & 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes);

const typeOf = (blob: Buffer): string => blob.toString("latin1", 4, 4 + blob.readUInt32BE(0));

const part = (key: KeyObject, name: "x" | "d" | "n" | "e"): Buffer =>
  Buffer.from(key.export({ format: "jwk" })[name] as string, "base64url");

/** RFC 8709 section 4. */
const ed25519Public = (key: KeyObject): Buffer =>
  Buffer.concat([string("ssh-ed25519"), string(part(key, "x"))]);

/** RFC 4253 section 6.6. */
const rsaPublic = (key: KeyObject): Buffer =>
  Buffer.concat([string("ssh-rsa"), mpint(part(key, "e")), mpint(part(key, "n"))]);

/** OpenSSH's PROTOCOL.key, without a passphrase. */
function opensshForm(key: KeyObject): string {
  const check = randomBytes(4);
  const pair = Buffer.concat([part(key, "d"), part(key, "x")]);
  const secret = Buffer.concat([check, check, ed25519Public(key), string(pair), string("")]);
  // Padded with 1, 2, 3 … to the cipher's block, which is 8 for none.
  const padding = Buffer.from(Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, at) => at + 1));
  const count = Buffer.of(0, 0, 0, 1);
  const body = Buffer.concat([
    Buffer.from("openssh-key-v1\0"),
    string("none"),
    string("none"),
    string(""),
    count,
    string(ed25519Public(key)),
    string(Buffer.concat([secret, padding])),
  ]);
  const lines = body.toString("base64").match(/.{1,70}/g)!;
  return ["-----BEGIN OPENSSH PRIVATE KEY-----", ...lines, "-----END OPENSSH PRIVATE KEY-----", ""].join(
    "\n",
  );
}
