import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from "node:crypto";

/**
 * Requests for a public certificate (PKCS #10, RFC 2986) in one form alone: no subject, one DNS name, a P-256 key, ECDSA with
 * SHA-256. Whoever reads one builds what it must be and compares the bytes, so that there is nothing in it to be read
 * otherwise by somebody else.
 */

/** X.690 tags; `attributes` is RFC 2986's [0], `dnsName` RFC 5280's [2]. */
const TAG = {
  integer: 2,
  bits: 3,
  octets: 4,
  oid: 6,
  sequence: 0x30,
  set: 0x31,
  attributes: 0xa0,
  dnsName: 0x82,
};
/** A SubjectPublicKeyInfo of P-256, its point uncompressed (RFC 5480). */
const PUBLIC_KEY_BYTES = 91;
const EXTENSION_REQUEST = Buffer.from("2a864886f70d01090e", "hex"); // 1.2.840.113549.1.9.14
const SUBJECT_ALT_NAME = Buffer.from("551d11", "hex"); // 2.5.29.17
const ECDSA_WITH_SHA256 = Buffer.from("2a8648ce3d040302", "hex"); // 1.2.840.10045.4.3.2

/** `key`: PEM of a P-256 key. Throws where it is no such key. */
export function certificateRequestFor(name: string, key: string): string {
  const privateKey = createPrivateKey(key);
  const publicKey = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  const info = requestInfo(name, publicKey);
  return toPem(requestOf(info, sign("sha256", info, privateKey)));
}

/** The request's public key (SubjectPublicKeyInfo, DER) where it is one for this name and nothing else; undefined where not. */
export function readCertificateRequest(request: string, name: string): Buffer | undefined {
  try {
    const body =
      /^-----BEGIN CERTIFICATE REQUEST-----\n([A-Za-z0-9+/=\n]+)-----END CERTIFICATE REQUEST-----\n$/;
    const whole = Buffer.from(body.exec(request)?.[1] ?? "", "base64");
    const size = requestInfo(name, Buffer.alloc(PUBLIC_KEY_BYTES)).length;
    const outer = whole[1]! < 0x80 ? 2 : 2 + (whole[1]! & 0x7f);
    const info = whole.subarray(outer, outer + size);
    // What stands behind the key is as long for every key.
    const keyAt = size - PUBLIC_KEY_BYTES - alternativeName(name).length;
    const publicKey = info.subarray(keyAt, keyAt + PUBLIC_KEY_BYTES);
    const signatureAt = outer + size + algorithm().length + 3;
    const signature = whole.subarray(signatureAt);
    if (!requestOf(requestInfo(name, publicKey), signature).equals(whole)) return undefined;
    if (toPem(whole) !== request) return undefined;
    const key = createPublicKey({ key: publicKey, type: "spki", format: "der" });
    if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") return undefined;
    return verify("sha256", info, key, signature) ? Buffer.from(publicKey) : undefined;
  } catch {
    return undefined;
  }
}

const requestInfo = (name: string, publicKey: Uint8Array): Buffer =>
  der(TAG.sequence, der(TAG.integer, Buffer.of(0)), der(TAG.sequence), publicKey, alternativeName(name));

const alternativeName = (name: string): Buffer => {
  const names = der(TAG.sequence, der(TAG.dnsName, Buffer.from(name, "latin1")));
  const extension = der(TAG.sequence, der(TAG.oid, SUBJECT_ALT_NAME), der(TAG.octets, names));
  const extensions = der(TAG.set, der(TAG.sequence, extension));
  return der(TAG.attributes, der(TAG.sequence, der(TAG.oid, EXTENSION_REQUEST), extensions));
};

const algorithm = (): Buffer => der(TAG.sequence, der(TAG.oid, ECDSA_WITH_SHA256));

const requestOf = (info: Uint8Array, signature: Uint8Array): Buffer =>
  der(TAG.sequence, info, algorithm(), der(TAG.bits, Buffer.of(0), signature));

/** X.690 section 8.1: tag, length, what is in it. */
function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const long = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...(length < 0x80 ? [length] : long)), content]);
}

function toPem(bytes: Buffer): string {
  const lines = bytes.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join("\n")}\n-----END CERTIFICATE REQUEST-----\n`;
}

/** P-256, PKCS #8: for accounts and certificates alike. */
export const newKeyPem = (): string =>
  generateKeyPairSync("ec", { namedCurve: "P-256" })
    .privateKey.export({ type: "pkcs8", format: "pem" })
    .toString();
