import { connect, type Socket } from "node:net";
import { type Answer, BAD_BODY, BAD_RESPONSE, NO_RESPONSE, NOT_OPENED } from "./http-answer.ts";
import { type BodyReader, chunkHead, createBodyReader, LAST_CHUNK } from "./http-body.ts";
import {
  endToEnd,
  type Field,
  HeadReader,
  listOf,
  parseResponseHead,
  type RequestHead,
  type ResponseHead,
  valuesOf,
  writeHead,
} from "./http-head.ts";
import type { Target } from "./http-target.ts";
import type { Open, Opening } from "./open.ts";

type AbsoluteTarget = Extract<Target, { kind: "absolute" }>;

/** What may wait for a slow reader before its source is paused. */
const QUEUE_LIMIT_BYTES = 128 * 1024;
/** May be sent a second time where the first try met a connection that the server was closing (RFC 9110 section 9.2.2). */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

interface ExchangeOptions {
  client: Socket;
  open: Open;
  /** More of the client's body can be taken. */
  resume(): void;
  /** Bytes came or went. */
  onActivity(): void;
  /** The proxy has to answer itself. */
  onAnswer(answer: Answer, request: RequestHead): void;
  /** The server's answer has been passed on. */
  onDone(keepAlive: boolean): void;
}

interface Exchange {
  request: RequestHead;
  target: AbsoluteTarget;
  keepAlive: boolean;
  requestBody: BodyReader | undefined;
  responseHead: HeadReader;
  response: ResponseHead | undefined;
  responseBody: BodyReader | undefined;
  /** Bytes of an answer have come. */
  touched: boolean;
  /** The connection had served another request before: it may die under this one through nobody's fault. */
  reused: boolean;
}

/**
 * Requests of one client to origin servers, one at a time: the request's head and body rewritten on their way there, the
 * response's on their way back. The server's connection is kept for the client's next request to the same place, and for
 * nobody else.
 */
export class HttpExchange {
  readonly #options: ExchangeOptions;
  #current: Exchange | undefined;
  #upstream: { socket: Socket; key: string } | undefined;
  #opening: Opening | undefined;
  /** Parts of the request's body that came before the server's connection stood. */
  #waiting: (Buffer | string)[] = [];
  #waitingBytes = 0;

  constructor(options: ExchangeOptions) {
    this.#options = options;
  }

  get requestDone(): boolean {
    return this.#current?.requestBody === undefined;
  }

  /** Whether the client has had any of the answer: then no other may be sent. */
  get answered(): boolean {
    return this.#current?.response !== undefined;
  }

  start(request: RequestHead, target: AbsoluteTarget, keepAlive: boolean): void {
    const requestBody = createBodyReader(request.framing);
    this.#current = {
      request,
      target,
      keepAlive,
      requestBody,
      responseHead: new HeadReader(),
      response: undefined,
      responseBody: undefined,
      touched: false,
      reused: false,
    };
    void this.#send(this.#current);
  }

  async #send(exchange: Exchange): Promise<void> {
    const { request, target } = exchange;
    const key = `${target.host.toLowerCase()} ${target.port}`;
    if (
      this.#upstream?.key === key &&
      this.#upstream.socket.writable &&
      !this.#upstream.socket.readableEnded
    ) {
      exchange.reused = true;
    } else {
      this.#dropUpstream();
      this.#opening = this.#options.open(target.host, target.port, connectOrigin);
      const opened = await this.#opening.opened;
      this.#opening = undefined;
      if (this.#current !== exchange) {
        if (opened.ok) opened.socket.destroy();
        return;
      }
      if (!opened.ok) {
        this.#fail(NOT_OPENED[opened.reason]);
        return;
      }
      this.#adopt(opened.socket, key);
    }
    const { socket } = this.#upstream!;
    socket.write(writeHead(`${request.method} ${target.path} HTTP/1.1`, requestFields(request, target)));
    for (const part of this.#waiting) socket.write(part, "latin1");
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#options.resume();
  }

  #adopt(socket: Socket, key: string): void {
    this.#upstream = { socket, key };
    const mine = (): boolean => this.#upstream?.socket === socket;
    socket.on("data", (chunk: Buffer) => {
      if (mine()) this.#fromOrigin(chunk);
    });
    socket.on("drain", () => {
      if (mine()) this.#options.resume();
    });
    socket.on("end", () => {
      if (mine()) this.#originEnded(true);
    });
    socket.on("error", () => {
      if (mine()) this.#originEnded(false);
    });
    socket.on("close", () => {
      if (mine()) this.#originEnded(false);
    });
  }

  /** Bytes of the request's body. Gives back what stands behind the body, once it is over. */
  fromClient(chunk: Buffer): Buffer | undefined {
    const exchange = this.#current;
    if (!exchange?.requestBody) return chunk;
    this.#options.onActivity();
    const step = exchange.requestBody.push(chunk);
    if (!step.ok) {
      if (exchange.response) this.#breakOff();
      else this.#fail(BAD_BODY);
      return undefined;
    }
    const chunked = exchange.request.framing.kind === "chunked";
    for (const part of step.content) this.#toOrigin(part, chunked);
    if (!step.done) return undefined;
    if (chunked) this.#write(LAST_CHUNK);
    exchange.requestBody = undefined;
    return step.rest;
  }

  #toOrigin(part: Buffer, chunked: boolean): void {
    if (chunked) this.#write(chunkHead(part.length));
    this.#write(part);
    if (chunked) this.#write("\r\n");
  }

  #write(part: Buffer | string): void {
    const socket = this.#upstream?.socket;
    if (this.#opening || !socket) {
      this.#waiting.push(part);
      this.#waitingBytes += part.length;
      if (this.#waitingBytes > QUEUE_LIMIT_BYTES) this.#options.client.pause();
      return;
    }
    socket.write(part, "latin1");
    if (socket.writableLength > QUEUE_LIMIT_BYTES) this.#options.client.pause();
  }

  #fromOrigin(chunk: Buffer): void {
    const exchange = this.#current;
    // A server that speaks without being asked: whatever that is, it is no answer to the next request.
    if (!exchange) {
      this.#dropUpstream();
      return;
    }
    exchange.touched = true;
    this.#options.onActivity();
    let rest = chunk;
    while (!exchange.response) {
      const read = exchange.responseHead.push(rest);
      if (read === undefined) {
        this.#holdBack();
        return;
      }
      const parsed = read.ok ? parseResponseHead(read.text, exchange.request.method) : undefined;
      // Upgrade was not passed on, so 101 answers nothing; a server's own 407 would ask for the login to this proxy.
      if (!read.ok || !parsed?.ok || parsed.head.status === 101 || parsed.head.status === 407) {
        this.#fail(BAD_RESPONSE);
        return;
      }
      const { head } = parsed;
      rest = read.rest;
      if (head.status < 200) {
        if (exchange.request.minorVersion === 1) {
          this.#options.client.write(
            writeHead(`HTTP/1.1 ${head.status} ${head.reason}`, endToEnd(head.fields)),
          );
        }
        continue;
      }
      this.#beginResponse(exchange, head);
    }
    this.#passBody(exchange, rest);
  }

  #beginResponse(exchange: Exchange, response: ResponseHead): void {
    exchange.response = response;
    exchange.responseBody = createBodyReader(response.framing);
    const old = exchange.request.minorVersion === 0;
    if (response.framing.kind === "until-close") exchange.keepAlive = false;
    const fields = endToEnd(response.fields).filter(([name]) => name.toLowerCase() !== "content-length");
    // Once, however often the server said it; answers to HEAD and 304 tell the length of what they leave out.
    const length = valuesOf(response.fields, "content-length")[0]?.split(",")[0];
    if (length !== undefined && response.status !== 204) fields.push(["Content-Length", length.trim()]);
    if (response.framing.kind === "chunked" && !old) fields.push(["Transfer-Encoding", "chunked"]);
    if (!exchange.keepAlive) fields.push(["Connection", "close"]);
    this.#options.client.write(writeHead(`HTTP/1.1 ${response.status} ${response.reason}`, fields));
  }

  #passBody(exchange: Exchange, chunk: Buffer): void {
    const { client } = this.#options;
    if (!exchange.responseBody) {
      this.#finish(exchange, chunk.length === 0);
      return;
    }
    if (chunk.length === 0) return;
    const step = exchange.responseBody.push(chunk);
    if (!step.ok) {
      this.#breakOff();
      return;
    }
    const chunked = exchange.response!.framing.kind === "chunked" && exchange.request.minorVersion === 1;
    if (chunked) client.cork();
    for (const part of step.content) {
      if (chunked) client.write(chunkHead(part.length), "latin1");
      client.write(part);
      if (chunked) client.write("\r\n", "latin1");
    }
    if (step.done && chunked) client.write(LAST_CHUNK, "latin1");
    if (chunked) client.uncork();
    if (step.done) this.#finish(exchange, step.rest.length === 0);
    else this.#holdBack();
  }

  #holdBack(): void {
    if (this.#options.client.writableLength > QUEUE_LIMIT_BYTES) this.#upstream?.socket.pause();
  }

  onClientDrain(): void {
    this.#upstream?.socket.resume();
  }

  /** The response is whole. `clean`: nothing came behind it. */
  #finish(exchange: Exchange, clean: boolean): void {
    const response = exchange.response!;
    const requestDone = exchange.requestBody === undefined;
    this.#current = undefined;
    const reusable =
      clean &&
      requestDone &&
      response.minorVersion === 1 &&
      response.framing.kind !== "until-close" &&
      !listOf(response.fields, "connection").includes("close");
    if (!reusable) this.#dropUpstream();
    this.#options.onDone(exchange.keepAlive && requestDone);
  }

  #originEnded(cleanly: boolean): void {
    const exchange = this.#current;
    this.#dropUpstream();
    if (!exchange) return;
    if (exchange.response) {
      if (cleanly && exchange.responseBody?.endsAtClose) this.#finish(exchange, true);
      else this.#breakOff();
      return;
    }
    const again = exchange.reused && !exchange.touched && exchange.request.framing.kind === "none";
    if (again && IDEMPOTENT.has(exchange.request.method)) {
      exchange.reused = false;
      void this.#send(exchange);
      return;
    }
    this.#fail(NO_RESPONSE);
  }

  /** The proxy answers in the server's place. */
  #fail(answer: Answer): void {
    const exchange = this.#current!;
    this.#current = undefined;
    this.#dropUpstream();
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#options.onAnswer(answer, exchange.request);
  }

  /** Part of an answer is with the client and the rest will not come: a reset says so (RFC 9112 section 8). */
  #breakOff(): void {
    this.#current = undefined;
    this.#dropUpstream();
    this.#options.client.resetAndDestroy();
  }

  #dropUpstream(): void {
    const socket = this.#upstream?.socket;
    this.#upstream = undefined;
    socket?.destroy();
  }

  close(): void {
    this.#current = undefined;
    this.#opening?.abort();
    this.#dropUpstream();
  }
}

function connectOrigin(host: string, port: number): Socket {
  return connect({ host, port, autoSelectFamily: false, noDelay: true });
}

/**
 * What the origin server gets: the client's end-to-end fields in their order, Host from the target (RFC 9112 section 3.2.2),
 * the body's length as the proxy understood it, and nothing of the proxy's own.
 */
function requestFields(request: RequestHead, target: AbsoluteTarget): Field[] {
  const fields: Field[] = [];
  let hostWritten = false;
  for (const [name, value] of endToEnd(request.fields)) {
    const key = name.toLowerCase();
    if (key === "host") {
      fields.push([name, target.authority]);
      hostWritten = true;
    } else if (key === "content-length" || (key === "expect" && request.minorVersion === 0)) {
      // Written below; and an HTTP/1.0 client understands no 100 (RFC 9110 section 10.1.1).
    } else fields.push([name, value]);
  }
  if (!hostWritten) fields.unshift(["Host", target.authority]);
  if (request.framing.kind === "length") fields.push(["Content-Length", String(request.framing.bytes)]);
  if (request.framing.kind === "chunked") fields.push(["Transfer-Encoding", "chunked"]);
  return fields;
}
