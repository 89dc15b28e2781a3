import { formatIp, type Ip } from "../../lib/ip.ts";

/**
 * The client's side of a SOCKS5 handshake (RFC 1928) with username and password (RFC 1929), read incrementally:
 *
 *   greeting  05 | nmethods | methods…
 *   login     01 | ulen | username… | plen | password…
 *   request   05 | command | 00 | address type | address… | port (2)
 *     address type 01: 4 bytes · 03: length byte, name… · 04: 16 bytes
 */
export type SocksMessage =
  | { kind: "greeting"; offersPassword: boolean }
  | { kind: "login"; username: string; password: string }
  | { kind: "request"; command: number; host: string; port: number }
  /** Not SOCKS5 (`version`), or an address type that is none (`address-type`). Nothing more can be read. */
  | { kind: "malformed"; what: "version" | "address-type" };

const STAGES = ["greeting", "login", "request", "done"] as const;

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** One client's handshake. Give it bytes with `push`, take messages with `next` until it has none, then `rest`. */
export class SocksReader {
  #bytes: Buffer = Buffer.alloc(0);
  #stage: (typeof STAGES)[number] = "greeting";

  push(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
  }

  /** The next whole message, or undefined where bytes are missing. After `request` or `malformed` there is none. */
  next(): SocksMessage | undefined {
    switch (this.#stage) {
      case "greeting":
        return this.#greeting();
      case "login":
        return this.#login();
      case "request":
        return this.#request();
      case "done":
        return undefined;
    }
  }

  /** Whether bytes of a message that is not whole yet are held. */
  get partial(): boolean {
    return this.#stage !== "done" && this.#bytes.length > 0;
  }

  /** What came behind the messages taken so far. */
  rest(): Buffer {
    const bytes = this.#bytes;
    this.#bytes = Buffer.alloc(0);
    return bytes;
  }

  #take(length: number): void {
    this.#bytes = this.#bytes.subarray(length);
    this.#stage = STAGES[STAGES.indexOf(this.#stage) + 1]!;
  }

  #malformed(what: "version" | "address-type"): SocksMessage {
    this.#stage = "done";
    return { kind: "malformed", what };
  }

  #greeting(): SocksMessage | undefined {
    const bytes = this.#bytes;
    if (bytes.length >= 1 && bytes[0] !== 5) return this.#malformed("version");
    if (bytes.length < 2) return undefined;
    const end = 2 + bytes[1]!;
    if (bytes.length < end) return undefined;
    const offersPassword = bytes.subarray(2, end).includes(2);
    this.#take(end);
    return { kind: "greeting", offersPassword };
  }

  #login(): SocksMessage | undefined {
    const bytes = this.#bytes;
    if (bytes.length >= 1 && bytes[0] !== 1) return this.#malformed("version");
    if (bytes.length < 2) return undefined;
    const passwordAt = 2 + bytes[1]! + 1;
    if (bytes.length < passwordAt) return undefined;
    const end = passwordAt + bytes[passwordAt - 1]!;
    if (bytes.length < end) return undefined;
    const username = utf8.decode(bytes.subarray(2, passwordAt - 1));
    const password = utf8.decode(bytes.subarray(passwordAt, end));
    this.#take(end);
    return { kind: "login", username, password };
  }

  #request(): SocksMessage | undefined {
    const bytes = this.#bytes;
    if (bytes.length >= 1 && bytes[0] !== 5) return this.#malformed("version");
    if (bytes.length < 5) return undefined;
    const [, command, , type, first] = bytes as unknown as number[];
    const addressAt = type === 3 ? 5 : 4;
    const length = type === 1 ? 4 : type === 4 ? 16 : type === 3 ? first! : undefined;
    if (length === undefined) return this.#malformed("address-type");
    const end = addressAt + length + 2;
    if (bytes.length < end) return undefined;
    const address = bytes.subarray(addressAt, addressAt + length);
    const host = type === 3 ? address.toString("latin1") : formatIp(address);
    const port = bytes.readUInt16BE(end - 2);
    this.#take(end);
    return { kind: "request", command: command!, host, port };
  }
}

/** METHOD of the answer to a greeting, RFC 1928 section 3. */
export const SOCKS_METHOD = { password: 0x02, noneAcceptable: 0xff } as const;

/** REP, RFC 1928 section 6. */
export const SOCKS_REPLY = {
  succeeded: 0x00,
  generalFailure: 0x01,
  notAllowed: 0x02,
  networkUnreachable: 0x03,
  hostUnreachable: 0x04,
  connectionRefused: 0x05,
  ttlExpired: 0x06,
  commandNotSupported: 0x07,
  addressTypeNotSupported: 0x08,
} as const;

export type SocksReply = (typeof SOCKS_REPLY)[keyof typeof SOCKS_REPLY];

/** The reply to UDP ASSOCIATE: where the client's datagrams are to go. */
export const socksBound = (ip: Ip, port: number): Buffer =>
  Buffer.concat([Buffer.of(5, 0, 0, ip.length === 4 ? 1 : 4), ip, Buffer.of(port >> 8, port & 255)]);

/** A reply with BND.ADDR 0.0.0.0:0: after CONNECT no client uses it, and the exit's inner address is nobody's business. */
export function socksReply(reply: SocksReply): Buffer {
  return Buffer.from([5, reply, 0, 1, 0, 0, 0, 0, 0, 0]);
}
