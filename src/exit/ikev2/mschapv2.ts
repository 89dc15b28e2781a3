import { createCipheriv, createHash, timingSafeEqual } from "node:crypto";
import { md4 } from "../../lib/md4.ts";

/** What RFC 2759 (MS-CHAP-V2) and RFC 3079 (its keys) compute of an NT hash. The server's side: nothing here knows a password. */

/** What a client answers, and what it was asked. */
export interface MsChapV2Answer {
  /** 16 bytes each. */
  authenticatorChallenge: Uint8Array;
  peerChallenge: Uint8Array;
  /** 24 bytes. */
  ntResponse: Uint8Array;
  /** As the client wrote it into its answer, without a domain in front: it is part of what is hashed. */
  username: string;
}

export interface MsChapV2Proof {
  /** `S=` and 40 hex digits: shows the client that the exit knows the NT hash, too. */
  authenticatorResponse: string;
  /** RFC 3079's MasterSendKey and MasterReceiveKey as the server names them, 16 bytes each. */
  sendKey: Uint8Array;
  receiveKey: Uint8Array;
}

/** Nothing where the answer is not this NT hash's. */
export function provedBy(ntHash: Uint8Array, answer: MsChapV2Answer): MsChapV2Proof | undefined {
  const challenge = challengeHash(answer);
  if (!timingSafeEqual(challengeResponse(challenge, ntHash), answer.ntResponse)) return undefined;
  const hashHash = md4(ntHash);
  const master = masterKey(hashHash, answer.ntResponse);
  return {
    authenticatorResponse: authenticatorResponse(hashHash, answer.ntResponse, challenge),
    sendKey: startKey(master, "send"),
    receiveKey: startKey(master, "receive"),
  };
}

const sha1 = (...parts: (Uint8Array | string)[]): Buffer => {
  const hash = createHash("sha1");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** RFC 2759 section 8.2. */
export const challengeHash = (
  answer: Pick<MsChapV2Answer, "peerChallenge" | "authenticatorChallenge" | "username">,
): Buffer => sha1(answer.peerChallenge, answer.authenticatorChallenge, answer.username).subarray(0, 8);

/** Section 8.5: the hash, filled up with zeros, is three DES keys. */
export function challengeResponse(challenge: Uint8Array, ntHash: Uint8Array): Buffer {
  const keys = Buffer.alloc(21);
  keys.set(ntHash);
  return Buffer.concat([0, 7, 14].map((at) => desEncrypt(challenge, keys.subarray(at, at + 7))));
}

/** Section 8.6. OpenSSL 3 has single DES in its legacy provider only; triple DES with one key thrice is the same. */
export function desEncrypt(clear: Uint8Array, key7: Uint8Array): Buffer {
  const key = Buffer.alloc(8);
  // Seven bits a byte; the eighth is parity, which nobody looks at.
  const bits = BigInt(`0x${Buffer.from(key7).toString("hex")}`);
  for (let index = 0; index < 8; index++) key[index] = Number((bits >> BigInt(49 - 7 * index)) & 0x7fn) << 1;
  const cipher = createCipheriv("des-ede3-ecb", Buffer.concat([key, key, key]), null).setAutoPadding(false);
  return Buffer.concat([cipher.update(clear), cipher.final()]);
}

/** Section 8.7. */
function authenticatorResponse(hashHash: Uint8Array, ntResponse: Uint8Array, challenge: Uint8Array): string {
  const digest = sha1(hashHash, ntResponse, "Magic server to client signing constant");
  const final = sha1(digest, challenge, "Pad to make it do more than one iteration");
  return `S=${final.toString("hex").toUpperCase()}`;
}

/** RFC 3079 section 3.4, GetMasterKey. */
export const masterKey = (hashHash: Uint8Array, ntResponse: Uint8Array): Buffer =>
  sha1(hashHash, ntResponse, "This is the MPPE Master Key").subarray(0, 16);

/** GetAsymmetricStartKey for a server and keys of 128 bits. */
export function startKey(master: Uint8Array, direction: "send" | "receive"): Buffer {
  const magic =
    direction === "send"
      ? "On the client side, this is the receive key; on the server side, it is the send key."
      : "On the client side, this is the send key; on the server side, it is the receive key.";
  return sha1(master, Buffer.alloc(40), magic, Buffer.alloc(40, 0xf2)).subarray(0, 16);
}
