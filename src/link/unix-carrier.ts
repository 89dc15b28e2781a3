import { connect, createServer, type Server, type Socket } from "node:net";
import { FrameReader, frame } from "../lib/frames.ts";
import { Backoff, listenOnSocketFile } from "../lib/unix-socket.ts";
import {
  type Audience,
  CarrierError,
  type ExitCarrier,
  MAX_MESSAGE_BYTES,
  MAX_REPORT_BYTES,
  type OfficeCarrier,
  type ReportHandler,
  type RequestHandler,
} from "./carrier.ts";
import { PROTOCOL, type Protocol } from "./documents.ts";

/**
 * The carrier between the processes of one machine: frames (lib/frames.ts) on a socket file, each
 *
 *   0  kind  uint8: one of KIND
 *   1  id    uint32, big-endian: the request that an answer is for; the protocol that an exit speaks; 0 elsewhere
 *   5  the message
 */
const KIND = { request: 1, answer: 2, refused: 3, broadcast: 4, report: 5, protocol: 6 } as const;
const HEAD_BYTES = 5;
const MAX_FRAME_BYTES = MAX_MESSAGE_BYTES + HEAD_BYTES;
/** A connection that has so much unsent is dropped; the exit connects again and asks for what it missed. */
const MAX_UNSENT_BYTES = 2 * MAX_MESSAGE_BYTES;
const REQUEST_TIMEOUT_MS = 10_000;
const MAX_REQUESTS_WAITING = 64;

/** Whoever may open the socket file is the exit of this machine, `server`: the file's permissions are the proof. */
export class UnixOfficeCarrier implements OfficeCarrier {
  #path: string;
  #server: string;
  #listener: Server;
  /** With the protocol that its exit has said it speaks; one that says nothing is older than that message. */
  #sockets = new Map<Socket, number>();
  #handler: RequestHandler | undefined;
  #report: ReportHandler = async () => {};

  constructor(options: { path: string; server: string }) {
    this.#path = options.path;
    this.#server = options.server;
    this.#listener = createServer((socket) => this.#accept(socket));
  }

  serve(handler: RequestHandler): void {
    this.#handler = handler;
  }

  onReport(callback: ReportHandler): void {
    this.#report = callback;
  }

  /** An exit that was not connected asks as soon as it is: nothing is missed. */
  onResumed(): void {}

  broadcast(message: Uint8Array, to: Audience = {}): void {
    if ((to.server ?? this.#server) !== this.#server || message.length > MAX_MESSAGE_BYTES) return;
    const bytes = encode(KIND.broadcast, 0, message);
    for (const [socket, protocol] of this.#sockets) {
      if ((to.protocol ?? protocol) === protocol) send(socket, bytes);
    }
  }

  start(): Promise<void> {
    return listenOnSocketFile(this.#listener, this.#path);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#listener.close(() => resolve()));
    for (const socket of this.#sockets.keys()) socket.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    this.#sockets.set(socket, 1);
    const reader = new FrameReader(MAX_FRAME_BYTES, (payload) => this.#take(socket, payload));
    socket.on("data", (chunk) => {
      if (!reader.push(chunk)) socket.destroy();
    });
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
  }

  #take(socket: Socket, payload: Buffer): void {
    const message = decode(payload);
    if (message?.kind === KIND.report && message.body.length <= MAX_REPORT_BYTES)
      void this.#report(message.body, this.#server).catch(() => {});
    else if (message?.kind === KIND.protocol) this.#sockets.set(socket, message.id);
    else if (message?.kind === KIND.request) void this.#answer(socket, message.id, message.body);
    else socket.destroy();
  }

  async #answer(socket: Socket, id: number, request: Uint8Array): Promise<void> {
    try {
      const answer = await this.#handler!(request, this.#server);
      if (answer.length <= MAX_MESSAGE_BYTES) return send(socket, encode(KIND.answer, id, answer));
    } catch {
      // Refused, as one that is too long.
    }
    send(socket, encode(KIND.refused, id, new Uint8Array(0)));
  }
}

interface Waiting {
  resolve(answer: Uint8Array): void;
  reject(error: CarrierError): void;
  timer: NodeJS.Timeout;
}

export class UnixExitCarrier implements ExitCarrier {
  #path: string;
  #protocol: Protocol;
  #socket: Socket | undefined;
  #up = false;
  #closed = false;
  #backoff = new Backoff(50, 1000);
  #retry: NodeJS.Timeout | undefined;
  #nextId = 1;
  #waiting = new Map<number, Waiting>();
  #onBroadcast: (message: Uint8Array) => void = () => {};
  #onUp: () => void = () => {};
  #onDown: () => void = () => {};

  constructor(options: { path: string; protocol?: Protocol }) {
    this.#path = options.path;
    this.#protocol = options.protocol ?? PROTOCOL;
  }

  start(): void {
    if (this.#closed) return;
    const socket = connect(this.#path);
    this.#socket = socket;
    const reader = new FrameReader(MAX_FRAME_BYTES, (payload) => this.#take(payload));
    socket.on("connect", () => {
      this.#backoff.reset();
      this.#up = true;
      if (this.#protocol > 1) send(socket, encode(KIND.protocol, this.#protocol, new Uint8Array(0)));
      this.#onUp();
    });
    socket.on("data", (chunk) => {
      if (!reader.push(chunk)) socket.destroy();
    });
    socket.on("error", () => {});
    socket.on("close", () => this.#lost());
  }

  request(message: Uint8Array): Promise<Uint8Array> {
    if (message.length > MAX_MESSAGE_BYTES || this.#waiting.size >= MAX_REQUESTS_WAITING) {
      return Promise.reject(new CarrierError("too-long"));
    }
    if (!this.#up) return Promise.reject(new CarrierError("down"));
    const id = this.#nextId;
    this.#nextId = id === 0xffff_ffff ? 1 : id + 1;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new CarrierError("timeout"));
      }, REQUEST_TIMEOUT_MS);
      this.#waiting.set(id, { resolve, reject, timer });
      send(this.#socket!, encode(KIND.request, id, message));
    });
  }

  onBroadcast(callback: (message: Uint8Array) => void): void {
    this.#onBroadcast = callback;
  }

  onUp(callback: () => void): void {
    this.#onUp = callback;
  }

  onDown(callback: () => void): void {
    this.#onDown = callback;
  }

  publishReport(report: Uint8Array): void {
    if (this.#up && report.length <= MAX_REPORT_BYTES) send(this.#socket!, encode(KIND.report, 0, report));
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#socket?.destroy();
  }

  #take(payload: Buffer): void {
    const message = decode(payload);
    if (message === undefined) {
      this.#socket!.destroy();
    } else if (message.kind === KIND.broadcast) {
      this.#onBroadcast(message.body);
    } else {
      const waiting = this.#waiting.get(message.id);
      // An answer that comes after its time has run out is for nobody.
      if (waiting === undefined) return;
      this.#waiting.delete(message.id);
      clearTimeout(waiting.timer);
      if (message.kind === KIND.answer) waiting.resolve(message.body);
      else waiting.reject(new CarrierError("refused"));
    }
  }

  #lost(): void {
    const wasUp = this.#up;
    this.#up = false;
    for (const waiting of this.#waiting.values()) {
      clearTimeout(waiting.timer);
      waiting.reject(new CarrierError("down"));
    }
    this.#waiting.clear();
    if (wasUp) this.#onDown();
    if (!this.#closed) this.#retry = setTimeout(() => this.start(), this.#backoff.next());
  }
}

function encode(kind: number, id: number, message: Uint8Array): Buffer {
  const head = Buffer.allocUnsafe(HEAD_BYTES);
  head.writeUInt8(kind);
  head.writeUInt32BE(id, 1);
  return frame(head, message);
}

function decode(payload: Buffer): { kind: number; id: number; body: Uint8Array } | undefined {
  if (payload.length < HEAD_BYTES) return undefined;
  return { kind: payload.readUInt8(0), id: payload.readUInt32BE(1), body: payload.subarray(HEAD_BYTES) };
}

function send(socket: Socket, bytes: Buffer): void {
  if (socket.destroyed) return;
  socket.write(bytes);
  if (socket.writableLength > MAX_UNSENT_BYTES) socket.destroy();
}
