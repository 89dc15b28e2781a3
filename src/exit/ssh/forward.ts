import type { ServerChannel } from "ssh2";
import type { Expiring, Sweeper } from "../proxy/sweeper.ts";
import type { UpstreamSocket } from "./upstream.ts";

/** What may wait in our memory for a slow reader before its source is paused: one tunnel's, and all of a connection's together. */
const QUEUE_LIMIT_BYTES = 256 * 1024;
const QUEUES_LIMIT_BYTES = 16 * 1024 * 1024;

/** A tunnel's share, each way, of what a connection with so many of them may keep waiting. */
export const queueLimitBytes = (tunnels: number): number =>
  Math.min(QUEUE_LIMIT_BYTES, Math.floor(QUEUES_LIMIT_BYTES / Math.max(tunnels, 1)));

/** What a tunnel needs of the connection that it runs in. */
export interface Carrier {
  /** Bytes that wait for the client's kernel; all its tunnels share that socket. Without end while keys are exchanged. */
  unsentBytes(): number;
  /** What may wait for a slow reader of one tunnel. */
  queueLimitBytes(): number;
  /** A tunnel holds back what the client sends it, or has let go. */
  heldChanged(): void;
  closed(tunnel: Forward): void;
}

/**
 * One `direct-tcpip` channel and the connection behind it. `ssh2`'s channels close both ways at `end()`; here the end of one
 * direction is passed on as EOF alone (RFC 4254 section 5.3) and the channel is closed when both have ended.
 */
export class Forward implements Expiring {
  deadlineMs: number;
  readonly #channel: ServerChannel;
  readonly #upstream: UpstreamSocket;
  readonly #carrier: Carrier;
  readonly #sweeper: Sweeper;
  readonly #idleMs: number;
  #clientHeld = false;
  #upstreamHeld = false;
  #clientEnded = false;
  #upstreamEnded = false;
  #over = false;

  constructor(options: {
    channel: ServerChannel;
    /** Connected; its bytes wait until now. */
    upstream: UpstreamSocket;
    carrier: Carrier;
    sweeper: Sweeper;
    /** Without a byte either way for so long it ends. */
    idleMs: number;
  }) {
    const { channel, upstream } = options;
    this.#channel = channel;
    this.#upstream = upstream;
    this.#carrier = options.carrier;
    this.#sweeper = options.sweeper;
    this.#idleMs = options.idleMs;
    this.deadlineMs = performance.now() + options.idleMs;
    options.sweeper.add(this);

    channel.on("data", (chunk: Buffer) => this.#fromClient(chunk));
    channel.on("end", () => {
      this.#clientEnded = true;
      upstream.end();
      this.#passEnd();
    });
    channel.on("close", () => this.#channelClosed());
    channel.on("error", () => this.abort());
    upstream.onBytes = (bytes) => this.#fromUpstream(bytes);
    // One read may go over a limit by its size, so many tunnels read less each. Not less where the window is small: keeping a copy
    // costs less than many small reads.
    upstream.wantedBytes = () => 2 * this.#carrier.queueLimitBytes();
    upstream.on("drain", () => {
      if (!this.#clientHeld) return;
      this.#clientHeld = false;
      channel.resume();
      this.#carrier.heldChanged();
    });
    upstream.on("end", () => {
      this.#upstreamEnded = true;
      this.#passEnd();
    });
    upstream.on("error", () => upstream.destroy());
    upstream.on("close", () => this.#upstreamClosed());
    if (upstream.destroyed) this.abort();
    else upstream.resume();
  }

  /** What the client has sent and the upstream's kernel has not taken. */
  get heldBytes(): number {
    return this.#clientHeld ? this.#channel.readableLength : 0;
  }

  #fromClient(chunk: Buffer): void {
    this.deadlineMs = this.#sweeper.nowMs + this.#idleMs;
    if (this.#over) return;
    this.#upstream.write(chunk);
    if (this.#upstream.writableLength <= this.#carrier.queueLimitBytes()) return;
    this.#clientHeld = true;
    this.#channel.pause();
    this.#carrier.heldChanged();
  }

  #fromUpstream(bytes: Buffer): void {
    this.deadlineMs = this.#sweeper.nowMs + this.#idleMs;
    if (this.#over) return;
    this.#channel.write(this.#leavesAtOnce(bytes) ? bytes : Buffer.from(bytes), this.#onWritten);
    if (!this.#clogged()) return;
    this.#upstreamHeld = true;
    this.#upstream.pause();
  }

  /** The client's window has room for it, and nothing waits before it: the channel encrypts it and keeps none of it. */
  #leavesAtOnce(bytes: Buffer): boolean {
    const { outgoing } = this.#channel as unknown as { outgoing?: { window: number } };
    return this.#channel.writableLength === 0 && outgoing !== undefined && outgoing.window >= bytes.length;
  }

  /** The client's window is used up, its kernel does not take what is encrypted, or there are no keys to encrypt it with yet. */
  #clogged(): boolean {
    return (
      this.#channel.writableLength > this.#carrier.queueLimitBytes() ||
      this.#carrier.unsentBytes() > QUEUE_LIMIT_BYTES
    );
  }

  readonly #onWritten = (): void => {
    this.release();
    if (this.#upstreamEnded) this.#passEnd();
  };

  /** Goes on reading where nothing stands in the way any more. */
  release(): void {
    if (!this.#upstreamHeld || this.#clogged()) return;
    this.#upstreamHeld = false;
    this.#upstream.resume();
  }

  #passEnd(): void {
    if (this.#over || !this.#upstreamEnded || this.#channel.writableLength > 0) return;
    // Not in ssh2's types: sends EOF and leaves the other direction open.
    (this.#channel as ServerChannel & { eof(): void }).eof();
    if (this.#clientEnded || this.#upstream.destroyed) this.#channel.close();
  }

  #channelClosed(): void {
    if (this.#over) return;
    this.#finish();
    this.#upstream.destroySoon();
  }

  #upstreamClosed(): void {
    if (this.#over) return;
    if (this.#upstreamEnded) this.#passEnd();
    else this.abort();
  }

  expire(): void {
    this.abort();
  }

  /** Ends both at once. Idempotent. */
  abort(): void {
    if (this.#over) return;
    this.#finish();
    this.#channel.close();
    // So that no half of an upload looks like the whole. Only TCP knows resets, and only before its FIN (relay.ts).
    const { writableEnded, remoteFamily } = this.#upstream;
    if (writableEnded || remoteFamily === undefined) this.#upstream.destroy();
    else this.#upstream.resetAndDestroy();
  }

  #finish(): void {
    this.#over = true;
    this.#sweeper.delete(this);
    this.#carrier.closed(this);
  }
}
