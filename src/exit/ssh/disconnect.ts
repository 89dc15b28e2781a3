import type { Connection } from "ssh2";

/**
 * The two messages with a text for the person at the other end that `ssh2` has no call for: a banner (RFC 4252 section 5.4) and
 * a disconnection with a description (RFC 4253 section 11.1). They are written with the means its own messages are written
 * with (`Protocol.js`, `sendPacket`); `disconnect.test.ts` sees them arrive at a real client.
 */

/** RFC 4250 section 4.1.2. */
const MESSAGE = { disconnect: 1, banner: 53 } as const;
/** RFC 4250 section 4.2.2. */
export const DISCONNECT = {
  serviceNotAvailable: 7,
  byApplication: 11,
  tooManyConnections: 12,
  noMoreMethods: 14,
};

interface Internals {
  /** Set while keys are being exchanged: nothing else may be sent then. */
  _kexinit: unknown;
  _packetRW: {
    write: { allocStart: number; alloc(bytes: number): Buffer; finalize(packet: Buffer): Buffer | null };
  };
  _cipher: { encrypt(packet: Buffer): void };
}

const internals = (client: Connection): Internals =>
  (client as unknown as { _protocol: Internals })._protocol;

/** Whether keys are being exchanged: `ssh2` then keeps all that it is given to send, for as long as the client takes. */
export const exchangesKeys = (client: Connection): boolean => internals(client)._kexinit !== undefined;

/** Sends nothing while keys are exchanged: the text is a courtesy. */
function send(client: Connection, payload: Buffer): void {
  const protocol = internals(client);
  if (exchangesKeys(client)) return;
  const { write } = protocol._packetRW;
  const packet = write.alloc(payload.length);
  payload.copy(packet, write.allocStart);
  const final = write.finalize(packet);
  if (final !== null) protocol._cipher.encrypt(final);
}

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

const text = (value: string): Buffer => {
  const bytes = Buffer.from(value);
  // The second string is the language tag.
  return Buffer.concat([uint32(bytes.length), bytes, uint32(0)]);
};

/** Before the login is decided; clients show it to the person. */
export function sendBanner(client: Connection, line: string): void {
  send(client, Buffer.concat([Buffer.of(MESSAGE.banner), text(`${line}\r\n`)]));
}

/** What the client says of the end; the caller closes the connection. `reason` is one of `DISCONNECT`. */
export function sendDisconnect(client: Connection, reason: number, description: string): void {
  send(client, Buffer.concat([Buffer.of(MESSAGE.disconnect), uint32(reason), text(description)]));
}
