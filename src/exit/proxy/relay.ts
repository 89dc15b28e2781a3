import { Socket, type SocketConstructorOpts } from "node:net";
import type { DuplexOptions } from "node:stream";
import type { Expiring, Sweeper } from "./sweeper.ts";

/**
 * The bytes behind a proxy's handshake. The handshake (policy) knows this file by `connectUpstream`, `relay` and the
 * `Relay` it returns only, so that native code may take its place.
 *
 * What makes it fast: the upstream is read into a buffer that is kept (net's `onread`), no stream in between, no copy of
 * large reads, and backpressure by `writableLength`, which is 0 whenever the kernel took all at once.
 */
export interface Relay {
  /** Both sockets are closed. Never rejects. */
  done: Promise<void>;
  /** Ends both at once. Idempotent. */
  abort(): void;
}

export interface RelayOptions {
  /** Without a byte either way for so long both are destroyed. */
  idleMs: number;
  /** What the client sent behind its handshake; goes to the upstream first. */
  head: Buffer;
  sweeper: Sweeper;
}

/** Every socket of the proxy is made with it: each write of so many bytes then announces `drain`. */
export const SOCKET_HIGH_WATER_MARK_BYTES = 16 * 1024;
/** What may wait in our memory for a slow reader before its source is paused. */
const QUEUE_LIMIT_BYTES = 128 * 1024;
/** Reads below this are copied: the buffer is free again at once. */
const COPY_BELOW_BYTES = SOCKET_HIGH_WATER_MARK_BYTES;
const SHARED_BUFFER_BYTES = 64 * 1024;
const LARGE_BUFFER_BYTES = 256 * 1024;
/** 32 MiB of large buffers a process; tunnels beyond share one buffer and pay a copy. */
const LARGE_BUFFERS = 128;
/** A large buffer goes back after so many small reads in a row. */
const SMALL_READS_UNTIL_RETURN = 32;

/** Read into and copied out of within one call, so that all quiet tunnels can have the same one. */
const sharedBuffer = Buffer.allocUnsafeSlow(SHARED_BUFFER_BYTES);
const freeLargeBuffers: Buffer<ArrayBuffer>[] = [];
let largeBuffersMade = 0;

function takeLargeBuffer(): Buffer<ArrayBuffer> | undefined {
  const free = freeLargeBuffers.pop();
  if (free || largeBuffersMade >= LARGE_BUFFERS) return free;
  largeBuffersMade += 1;
  return Buffer.allocUnsafeSlow(LARGE_BUFFER_BYTES);
}

/** The reading side of one upstream socket. */
class UpstreamReader {
  buffer: Buffer<ArrayBuffer> = sharedBuffer;
  sink: Tunnel | undefined;
  #fullReads = 0;
  #smallReads = 0;

  /** `onread.callback`: `buffer` holds `bytes` new bytes and is ours again when this returns, unless it was lent. */
  read(bytes: number, buffer: Uint8Array): boolean {
    if (bytes < COPY_BELOW_BYTES) {
      this.#fullReads = 0;
      this.#smallReads += 1;
    } else {
      this.#smallReads = 0;
      if (bytes === buffer.length) this.#fullReads += 1;
    }
    this.sink?.fromUpstream(buffer, bytes, buffer !== sharedBuffer);
    return true;
  }

  /** `onread.buffer`: what to read into next. */
  next(): Buffer<ArrayBuffer> {
    if (this.buffer === sharedBuffer) {
      if (this.#fullReads >= 2) this.buffer = takeLargeBuffer() ?? sharedBuffer;
    } else if (this.#smallReads >= SMALL_READS_UNTIL_RETURN) this.release();
    return this.buffer;
  }

  /** Only where no write from the large buffer is under way: after a small read, or when both sockets are closed. */
  release(): void {
    this.#fullReads = 0;
    if (this.buffer === sharedBuffer) return;
    freeLargeBuffers.push(this.buffer);
    this.buffer = sharedBuffer;
  }
}

/** A socket that knows its reader: a WeakMap between the two would cost the garbage collector dear. */
class UpstreamSocket extends Socket {
  readonly reader: UpstreamReader;

  constructor(reader: UpstreamReader) {
    const options: SocketConstructorOpts & DuplexOptions & { noDelay: boolean } = {
      allowHalfOpen: true,
      noDelay: true,
      highWaterMark: SOCKET_HIGH_WATER_MARK_BYTES,
      onread: { buffer: () => reader.next(), callback: (bytes, buffer) => reader.read(bytes, buffer) },
    };
    super(options);
    this.reader = reader;
  }
}

/** Starts a TCP connection to an address (never a name) whose bytes wait until `relay` takes them. */
export function connectUpstream(host: string, port: number): Socket {
  const socket = new UpstreamSocket(new UpstreamReader());
  socket.connect({ host, port, autoSelectFamily: false });
  socket.pause();
  return socket;
}

/** The same to a socket file. */
export function connectUpstreamFile(path: string): Socket {
  const socket = new UpstreamSocket(new UpstreamReader());
  socket.connect({ path });
  socket.pause();
  return socket;
}

class Tunnel implements Expiring, Relay {
  deadlineMs: number;
  readonly done: Promise<void>;
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #reader: UpstreamReader;
  readonly #sweeper: Sweeper;
  readonly #idleMs: number;
  readonly #lendFromBytes: number;
  #clientHeld = false;
  #upstreamHeld = false;
  #open = 2;
  #resolve: () => void = () => {};

  constructor(client: Socket, upstream: Socket, options: RelayOptions) {
    if (!(upstream instanceof UpstreamSocket)) {
      throw new TypeError("relay: the upstream is not connectUpstream's");
    }
    const { reader } = upstream;
    this.#client = client;
    this.#upstream = upstream;
    this.#reader = reader;
    this.#sweeper = options.sweeper;
    this.#idleMs = options.idleMs;
    this.#lendFromBytes = Math.max(COPY_BELOW_BYTES, client.writableHighWaterMark);
    this.deadlineMs = performance.now() + options.idleMs;
    this.done = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    reader.sink = this;
    options.sweeper.add(this);

    client.removeAllListeners("data");
    client.on("data", (chunk: Buffer) => this.#fromClient(chunk));
    client.on("end", () => passEnd(client, upstream));
    upstream.on("end", () => passEnd(upstream, client));
    client.on("drain", () => {
      if (!this.#upstreamHeld) return;
      this.#upstreamHeld = false;
      upstream.resume();
    });
    upstream.on("drain", () => {
      if (!this.#clientHeld) return;
      this.#clientHeld = false;
      client.resume();
    });
    this.#watch(client, upstream);
    this.#watch(upstream, client);

    if (client.destroyed || upstream.destroyed) this.abort();
    else {
      if (options.head.length > 0) this.#fromClient(options.head);
      if (client.readableEnded) upstream.end();
      upstream.resume();
      if (!this.#clientHeld) client.resume();
    }
  }

  #watch(one: Socket, other: Socket): void {
    one.on("error", () => breakOff(other));
    const closed = (): void => {
      if (!one.readableEnded) other.destroy();
      this.#open -= 1;
      if (this.#open > 0) return;
      this.#sweeper.delete(this);
      this.#reader.sink = undefined;
      this.#reader.release();
      this.#resolve();
    };
    if (one.closed) queueMicrotask(closed);
    else one.on("close", closed);
  }

  #fromClient(chunk: Buffer): void {
    this.deadlineMs = this.#sweeper.nowMs + this.#idleMs;
    this.#upstream.write(chunk);
    if (this.#upstream.writableLength <= QUEUE_LIMIT_BYTES) return;
    this.#clientHeld = true;
    this.#client.pause();
  }

  /** `kept`: the buffer is this tunnel's own, and may be lent to a write. */
  fromUpstream(buffer: Uint8Array, bytes: number, kept: boolean): void {
    this.deadlineMs = this.#sweeper.nowMs + this.#idleMs;
    // A lent buffer must rest until the client's kernel has it all, and only a write of this size is followed by `drain`.
    const lent = kept && bytes >= this.#lendFromBytes;
    const view = (buffer as Buffer).subarray(0, bytes);
    this.#client.write(lent ? view : Buffer.from(view));
    if (this.#client.writableLength <= (lent ? 0 : QUEUE_LIMIT_BYTES)) return;
    this.#upstreamHeld = true;
    this.#upstream.pause();
  }

  expire(): void {
    this.abort();
  }

  abort(): void {
    this.#client.destroy();
    this.#upstream.destroy();
  }
}

/**
 * `from` has sent all it will. Where `to` has as well, and nothing waits for it, closing says the same as FIN and closing
 * (the kernel still delivers what it holds) and spares a system call a tunnel.
 */
function passEnd(from: Socket, to: Socket): void {
  if (from.readableEnded && to.readableEnded && to.writableLength === 0) to.destroy();
  else to.end();
}

/**
 * The peer of `socket` broke off. So does `socket` then (RST), so that no half of a file looks like the whole; but where it
 * has been given everything and its FIN, that may still arrive. (A reset while a FIN is under way would also fail with
 * EINVAL, uv_tcp_close_reset, and leave the socket open and reading for good.)
 */
function breakOff(socket: Socket): void {
  if (!socket.writableEnded) {
    socket.resetAndDestroy();
    return;
  }
  socket.pause();
  socket.destroySoon();
}

/**
 * Carries bytes both ways until both ends are closed: a FIN goes on to the other side while the opposite direction stays
 * open (RFC 9293 section 3.6), a reset resets the other side. Takes over the client's `data` listeners; `upstream` comes
 * from `connectUpstream` and is connected.
 */
export function relay(client: Socket, upstream: Socket, options: RelayOptions): Relay {
  return new Tunnel(client, upstream, options);
}
