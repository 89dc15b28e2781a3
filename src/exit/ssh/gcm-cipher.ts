import {
  type CipherGCMTypes,
  createCipheriv,
  createSecretKey,
  type KeyObject,
  randomFillSync,
} from "node:crypto";
import type { Socket } from "node:net";
import type { Connection } from "ssh2";

/** RFC 4253 section 6: the packet's length, and the least padding; RFC 5647 section 7.1: its text is whole blocks, the length is not in them. */
const LENGTH_BYTES = 4;
const PADDING_LEAST_BYTES = 4;
const BLOCK_BYTES = 16;
/** RFC 5647 section 7.1: behind the nonce's fixed part it counts packets. */
const COUNTER_AT = 4;
/** A channel's data as large as clients take it (OpenSSH: 32 KiB), and what goes around it. */
const SCRATCH_BYTES = 33 * 1024;
/** Below it one write with a copy costs less than three. */
const JOIN_BELOW_BYTES = 2048;

/** Where a packet is put together: it is encrypted, which copies it, before the next one is begun. */
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
/** The packet that is in there and not encrypted yet. */
let begun: Buffer | undefined;

/** What of `ssh2`'s own cipher (`Protocol/crypto.js`, `AESGCMCipherNative`) is needed to go on in its place. */
interface Ssh2GcmCipher {
  _encSSLName: CipherGCMTypes;
  _encKey: Buffer;
  _encIV: Buffer;
  outSeqno: number;
}

/**
 * AES-GCM as OpenSSH has it (PROTOCOL, section 1.6; RFC 5647), server to client, in the place of `ssh2`'s. Theirs without their native
 * addon, which is not built here, has Node look at the raw key anew for each packet, and allocates twice a packet's size.
 */
export class GcmCipher {
  outSeqno: number;
  readonly #name: CipherGCMTypes;
  readonly #key: KeyObject;
  readonly #nonce: Buffer;
  readonly #socket: Socket;
  #freed = false;

  constructor({ _encSSLName, _encKey, _encIV, outSeqno }: Ssh2GcmCipher, socket: Socket) {
    this.#name = _encSSLName;
    this.#key = createSecretKey(_encKey);
    this.#nonce = _encIV;
    this.outSeqno = outSeqno;
    this.#socket = socket;
  }

  free(): void {
    this.#freed = true;
  }

  /** A packet with room for so much at its sixth byte; good until it is encrypted. */
  allocPacket(payloadBytes: number): Buffer {
    let paddingBytes = BLOCK_BYTES - ((1 + payloadBytes) % BLOCK_BYTES);
    if (paddingBytes < PADDING_LEAST_BYTES) paddingBytes += BLOCK_BYTES;
    const textBytes = 1 + payloadBytes + paddingBytes;
    const packet = this.#room(LENGTH_BYTES + textBytes);
    packet.writeUInt32BE(textBytes);
    packet[LENGTH_BYTES] = paddingBytes;
    return randomFillSync(packet, packet.length - paddingBytes);
  }

  #room(bytes: number): Buffer {
    if (begun !== undefined || bytes > SCRATCH_BYTES) return Buffer.allocUnsafe(bytes);
    begun = scratch.subarray(0, bytes);
    return begun;
  }

  /** Sends it. */
  encrypt(packet: Buffer): void {
    if (packet === begun) begun = undefined;
    if (this.#freed) return;
    const cipher = createCipheriv(this.#name, this.#key, this.#nonce);
    const length = Buffer.from(packet.subarray(0, LENGTH_BYTES));
    cipher.setAAD(length);
    const text = cipher.update(packet.subarray(LENGTH_BYTES));
    cipher.final();
    this.#write(length, text, cipher.getAuthTag());
    const counter = this.#nonce.readBigUInt64BE(COUNTER_AT) + 1n;
    this.#nonce.writeBigUInt64BE(BigInt.asUintN(64, counter), COUNTER_AT);
    this.outSeqno = (this.outSeqno + 1) >>> 0;
  }

  #write(length: Buffer, text: Buffer<ArrayBuffer>, tag: Buffer): void {
    if (!this.#socket.writable) return;
    if (text.length < JOIN_BELOW_BYTES) {
      this.#socket.write(Buffer.concat([length, text, tag]));
      return;
    }
    this.#socket.write(length);
    // Given back as soon as the kernel has it: for so much garbage V8 would go through its whole heap several times a second. Only
    // where nothing else lies in the same memory.
    this.#socket.write(text, (error) => {
      if (!error && text.buffer.byteLength === text.length) text.buffer.transfer(0);
    });
    this.#socket.write(tag);
  }
}

/** Fields of `ssh2`'s ciphers that hold a raw key; those for CTR keep it in OpenSSL's hands, and only their HMAC's is here. */
const RAW_KEYS = ["_decipherKey", "_macKey"] as const;

interface Internals {
  _sock: Socket;
  _protocol: {
    _cipher: Partial<Ssh2GcmCipher> | GcmCipher;
    _decipher: object;
  };
}

/**
 * To be called after each exchange of keys: what is sent goes through `GcmCipher` where AES-GCM was agreed on, and other raw keys
 * become what Node does not look at again for each packet.
 */
export function quicken(client: Connection): void {
  const { _protocol: protocol, _sock: socket } = client as unknown as Internals;
  for (const side of [protocol._cipher, protocol._decipher] as Partial<Record<string, unknown>>[])
    for (const name of RAW_KEYS) {
      const key = side[name];
      if (Buffer.isBuffer(key)) side[name] = createSecretKey(key);
    }
  const own = protocol._cipher;
  if ("_encKey" in own) protocol._cipher = new GcmCipher(own as Ssh2GcmCipher, socket);
}
