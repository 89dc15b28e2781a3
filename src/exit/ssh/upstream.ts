import { Socket, type SocketConstructorOpts } from "node:net";
import type { DuplexOptions } from "node:stream";
import { SOCKET_HIGH_WATER_MARK_BYTES } from "../proxy/relay.ts";

/** What all upstreams of the process are read into, as much at one time as it holds. */
const buffer = Buffer.allocUnsafeSlow(64 * 1024);

/** Gets what was read. The bytes are good until it returns. */
export type OnBytes = (bytes: Buffer) => void;

/**
 * A connection to a tunnel's target. It emits no `data` but calls `onBytes`: a buffer of its own for each read would be garbage as
 * soon as it is encrypted, and that costs more than the encryption does.
 */
export class UpstreamSocket extends Socket {
  readonly #reader: { onBytes: OnBytes };

  constructor() {
    const reader: { onBytes: OnBytes } = { onBytes: () => {} };
    const options: SocketConstructorOpts & DuplexOptions = {
      allowHalfOpen: true,
      // Below each limit of forward.ts, so that what is held back there is told of by `drain`.
      highWaterMark: SOCKET_HIGH_WATER_MARK_BYTES,
      onread: {
        buffer,
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
}
