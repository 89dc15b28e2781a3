import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  randomBytes,
} from "node:crypto";
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import { blake2s } from "@noble/hashes/blake2.js";
import { type WireguardKey, wireguardKey } from "../wireguard/own-key.ts";

/**
 * The initiator's half of WireGuard's handshake (the WireGuard paper, section 5.4; Noise IKpsk2), enough to see whether an
 * engine answers a device that it knows: an answer that opens was made with the server's private key.
 *
 *   initiation, 148 bytes   1, 0, 0, 0 · sender 4 · ephemeral 32 · static 32+16 · timestamp 12+16 · mac1 16 · mac2 16
 *   response, 92 bytes      2, 0, 0, 0 · sender 4 · receiver 4 · ephemeral 32 · empty 16 · mac1 16 · mac2 16
 */

const CONSTRUCTION = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
const IDENTIFIER = "WireGuard v1 zx2c4 Jason@zx2c4.com";
const RESPONSE_BYTES = 92;
const COOKIE_BYTES = 64;

const hash = (...parts: (Uint8Array | string)[]): Buffer => {
  const made = createHash("blake2s256");
  for (const part of parts) made.update(part);
  return made.digest();
};
const hmac = (key: Uint8Array, ...parts: Uint8Array[]): Buffer => {
  const made = createHmac("blake2s256", key);
  for (const part of parts) made.update(part);
  return made.digest();
};

/** Section 5.4: HKDF with so many outputs. */
function kdf(count: 1 | 2 | 3, key: Uint8Array, input: Uint8Array): [Buffer, Buffer, Buffer] {
  const zero = hmac(key, input);
  const outputs = [hmac(zero, Buffer.of(1))];
  for (let at = 2; at <= count; at++) outputs.push(hmac(zero, outputs.at(-1)!, Buffer.of(at)));
  const none = Buffer.alloc(0);
  return [outputs[0] ?? none, outputs[1] ?? none, outputs[2] ?? none];
}

/** RFC 8410, section 7, up to a key's 32 bytes. */
const PKCS8 = Buffer.from("302e020100300506032b656e04220420", "hex");
const SPKI = Buffer.from("302a300506032b656e032100", "hex");

/** Throws for a public key that leads to nothing but zeros. */
function dh(own: WireguardKey, other: Uint8Array): Buffer {
  const privateKey = createPrivateKey({
    key: Buffer.concat([PKCS8, own.privateKey]),
    format: "der",
    type: "pkcs8",
  });
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI, other]), format: "der", type: "spki" });
  return diffieHellman({ privateKey, publicKey });
}

/** Each key seals one message, with nonce 0. */
const NONCE = Buffer.alloc(12);

function seal(key: Uint8Array, text: Uint8Array, bound: Uint8Array): Buffer {
  const cipher = createCipheriv("chacha20-poly1305", key, NONCE, { authTagLength: 16 });
  cipher.setAAD(bound, { plaintextLength: text.length });
  return Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]);
}

/** Throws where it was not sealed with that key. */
function open(key: Uint8Array, sealed: Uint8Array, bound: Uint8Array): void {
  const cipher = createDecipheriv("chacha20-poly1305", key, NONCE, { authTagLength: 16 });
  cipher.setAAD(bound, { plaintextLength: sealed.length - 16 });
  cipher.setAuthTag(sealed.subarray(-16));
  cipher.update(sealed.subarray(0, -16));
  cipher.final();
}

/** An engine takes no timestamp twice or from before, whatever the machine's clock does: ours only ever rises. */
let lastTimestamp = 0n;
function timestamp(nowMs: number): Buffer {
  const now = BigInt(Math.floor(nowMs)) * 1_000_000n;
  lastTimestamp = now > lastTimestamp ? now : lastTimestamp + 1n;
  const bytes = Buffer.alloc(12);
  // TAI64N: seconds with their first bit set, nanoseconds (cr.yp.to/libtai/tai64.html).
  bytes.writeBigUInt64BE(0x4000_0000_0000_000an + lastTimestamp / 1_000_000_000n);
  bytes.writeUInt32BE(Number(lastTimestamp % 1_000_000_000n), 8);
  return bytes;
}

export interface Handshake {
  initiation: Buffer;
  /** Whether these bytes are the server's answer to it. Never throws. */
  answers: (bytes: Uint8Array) => boolean;
}

/** `serverKey`: the server's public key, 32 bytes. Throws where it is none. */
export function beginHandshake(key: WireguardKey, serverKey: Uint8Array, nowMs = Date.now()): Handshake {
  const ephemeral = wireguardKey(randomBytes(32));
  const ephemeralPublic = Buffer.from(ephemeral.publicKey, "base64");
  const sender = randomBytes(4);
  let chain = hash(CONSTRUCTION);
  let transcript = hash(hash(chain, IDENTIFIER), serverKey);
  [chain] = kdf(1, chain, ephemeralPublic);
  transcript = hash(transcript, ephemeralPublic);
  let secret: Buffer;
  [chain, secret] = kdf(2, chain, dh(ephemeral, serverKey));
  const sealedKey = seal(secret, Buffer.from(key.publicKey, "base64"), transcript);
  transcript = hash(transcript, sealedKey);
  [chain, secret] = kdf(2, chain, dh(key, serverKey));
  const sealedTime = seal(secret, timestamp(nowMs), transcript);
  transcript = hash(transcript, sealedTime);
  const head = Buffer.concat([Buffer.of(1, 0, 0, 0), sender, ephemeralPublic, sealedKey, sealedTime]);
  const mac1 = blake2s(head, { key: hash("mac1----", serverKey), dkLen: 16 });

  const answers = (bytes: Uint8Array): boolean => {
    const answer = Buffer.from(bytes);
    // Under a flood an engine first asks for proof of the address: it is alive, and knows whom it speaks to (section 5.4.7).
    if (answer.length === COOKIE_BYTES) return answer[0] === 3 && answer.subarray(4, 8).equals(sender);
    if (answer.length !== RESPONSE_BYTES || answer[0] !== 2 || !answer.subarray(8, 12).equals(sender))
      return false;
    try {
      const theirs = answer.subarray(12, 44);
      let [ahead] = kdf(1, chain, theirs);
      [ahead] = kdf(1, ahead, dh(ephemeral, theirs));
      [ahead] = kdf(1, ahead, dh(key, theirs));
      const [, mixed, last] = kdf(3, ahead, Buffer.alloc(32));
      open(last, answer.subarray(44, 60), hash(hash(transcript, theirs), mixed));
      return true;
    } catch {
      return false;
    }
  };
  return { initiation: Buffer.concat([head, mac1, Buffer.alloc(16)]), answers };
}

/** Engines answer 50 initiations a second, and a datagram may be lost. */
const AGAIN_MS = 1000;

/** Whether the engine at this place answers the device with this key. Never rejects. */
export async function wireguardWorks(options: {
  address: string;
  port: number;
  /** Base64. */
  serverKey: string;
  key: WireguardKey;
  timeoutMs: number;
}): Promise<boolean> {
  const { address, port, serverKey, key, timeoutMs } = options;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
  const begun: Handshake[] = [];
  const ask = (): void => {
    try {
      const handshake = beginHandshake(key, Buffer.from(serverKey, "base64"));
      begun.push(handshake);
      socket.send(handshake.initiation, port, address, () => {});
    } catch {
      resolve(false);
    }
  };
  socket.on("error", () => resolve(false));
  socket.on("message", (bytes) => {
    if (begun.some((handshake) => handshake.answers(bytes))) resolve(true);
  });
  const again = setInterval(ask, AGAIN_MS);
  const end = setTimeout(() => resolve(false), timeoutMs);
  ask();
  const works = await promise;
  clearInterval(again);
  clearTimeout(end);
  socket.close();
  return works;
}
