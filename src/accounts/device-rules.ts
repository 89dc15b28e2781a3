import { createPrivateKey, createPublicKey, diffieHellman } from "node:crypto";
import { fail, ok, type Result } from "../lib/result.ts";

export const DEVICE_NAME_CHARACTERS_MOST = 40;

/** SubjectPublicKeyInfo and PKCS #8 of an X25519 key up to the key's own 32 bytes (RFC 8410 sections 4 and 7). */
const SPKI_HEAD = Buffer.from("302a300506032b656e032100", "hex");
const PKCS8_HEAD = Buffer.from("302e020100300506032b656e04220420", "hex");
const anyPrivateKey = createPrivateKey({
  key: Buffer.concat([PKCS8_HEAD, Buffer.alloc(32, 0x40)]),
  format: "der",
  type: "pkcs8",
});

/**
 * A WireGuard public key in its one spelling: base64 of 32 bytes that are the number of a point (RFC 7748 section 5), in the only
 * form in which a client sends it, and not one of those with which every secret comes out as zero (section 6.1).
 */
export function acceptPublicKey(text: string): Result<string, "key-invalid"> {
  const trimmed = text.trim();
  // The last character carries four bits of the key and two that are zero.
  if (!/^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(trimmed)) return fail("key-invalid");
  const bytes = Buffer.from(trimmed, "base64");
  const reduced =
    bytes[31]! < 0x7f ||
    (bytes[31] === 0x7f && (bytes[0]! < 0xed || bytes.subarray(1, 31).some((byte) => byte !== 0xff)));
  if (!reduced) return fail("key-invalid");
  const publicKey = createPublicKey({
    key: Buffer.concat([SPKI_HEAD, bytes]),
    format: "der",
    type: "spki",
  });
  try {
    diffieHellman({ privateKey: anyPrivateKey, publicKey });
  } catch {
    return fail("key-invalid");
  }
  return ok(trimmed);
}

/** A device's name: one line, up to 40 characters; blank is none. */
export function acceptDeviceName(
  name: string | undefined,
): Result<string | undefined, "device-name-invalid"> {
  const trimmed = name?.trim().normalize("NFC") ?? "";
  if (trimmed === "") return ok(undefined);
  // \p{Cc} and \p{Cf}: control characters, and those that turn the direction of what is beside them.
  if ([...trimmed].length > DEVICE_NAME_CHARACTERS_MOST || /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(trimmed))
    return fail("device-name-invalid");
  return ok(trimmed);
}
