import { Socket, type SocketConstructorOpts } from "node:net";
import type { DuplexOptions } from "node:stream";
import { SOCKET_HIGH_WATER_MARK_BYTES } from "../proxy/relay.ts";

/**
 * What one read takes at least and at most. Large ones make the throughput of a single download: with 64 KiB at one time it had 0.84
 * of what plain `ssh2` has, with 512 KiB 1.07 (`npm run bench:tunnels -- --only ssh`).
 */
export const READ_LEAST_BYTES = 64 * 1024;
export const READ_MOST_BYTES = 512 * 1024;

/** What all upstreams of the process are read into. */
const buffer = Buffer.allocUnsafeSlow(READ_MOST_BYTES);

/** Gets what was read. The bytes are good until it returns. */
export type OnBytes = (bytes: Buffer) => void;

/**
 * A connection to a tunnel's target. It emits no `data` but calls `onBytes`: a buffer of its own for each read would be garbage as
 * soon as it is encrypted, and that costs more than the encryption does.
 */
export class UpstreamSocket extends Socket {
  readonly #reader: { onBytes: OnBytes; wantedBytes: () => number };

  constructor() {
    const reader = { onBytes: (_: Buffer): void => {}, wantedBytes: () => READ_LEAST_BYTES };
    const options: SocketConstructorOpts & DuplexOptions = {
      allowHalfOpen: true,
      // Below each limit of forward.ts, so that what is held back there is told of by `drain`.
      highWaterMark: SOCKET_HIGH_WATER_MARK_BYTES,
      onread: {
        // Asked behind each read for what the next one goes into.
        buffer: () =>
          buffer.subarray(0, Math.max(READ_LEAST_BYTES, Math.min(reader.wantedBytes(), READ_MOST_BYTES))),
        callback: (bytes) => {
          reader.onBytes(buffer.subarray(0, bytes));
          return true;
        },
      },
    };
    super(options);
    this.#reader = reader;
  }

  set onBytes(onBytes: OnBytes) {
    this.#reader.onBytes = onBytes;
  }

  /** Asked how much the next read should take; what it says is kept between the least and the most. */
  set wantedBytes(wantedBytes: () => number) {
    this.#reader.wantedBytes = wantedBytes;
  }
}
