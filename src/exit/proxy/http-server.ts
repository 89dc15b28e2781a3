import type { Socket } from "node:net";
import type { Session } from "../authorise.ts";
import { parseBasic } from "./basic-auth.ts";
import { clientAddress, type ProxyContext } from "./context.ts";
import {
  type Answer,
  BAD_HEAD,
  LOGIN_NEEDED,
  LOGIN_REFUSED,
  MALFORMED_TARGET,
  NEEDS_CONNECT,
  NO_TRACE,
  NOT_OPENED,
  ORIGIN_FORM,
  TOO_SLOW,
  writeAnswer,
} from "./http-answer.ts";
import { HttpExchange } from "./http-exchange.ts";
import { HeadReader, listOf, parseRequestHead, type RequestHead, valuesOf } from "./http-head.ts";
import { parseTarget, type Target } from "./http-target.ts";
import type { Guest } from "./lobby.ts";
import type { Opening } from "./open.ts";
import { connectUpstream, relay } from "./relay.ts";
import type { Expiring } from "./sweeper.ts";

/** What a client may send ahead while its request is worked on. */
const EARLY_LIMIT_BYTES = 64 * 1024;
/** Answers that wait for a client who does not read them; with more, his next request is not looked at. */
const ANSWERS_LIMIT_BYTES = 128 * 1024;
const CONNECTED = Buffer.from("HTTP/1.1 200 Connection established\r\n\r\n");

/**
 * One client's connection to the HTTP proxy: its requests one after the other, each with a login, until it closes or turns
 * into a tunnel. `head`: reads the next request. `busy`: logs in or dials. `exchange`: a request is with its server.
 */
class HttpConnection implements Expiring {
  deadlineMs = Number.POSITIVE_INFINITY;
  readonly #client: Socket;
  readonly #context: ProxyContext;
  readonly #guest: Guest;
  readonly #service: "http" | "https";
  #state: "head" | "busy" | "exchange" | "over" = "head";
  #head = new HeadReader();
  #early: Buffer[] = [];
  #earlyBytes = 0;
  /** The next request waits until the answers before it are with the client. */
  #held = false;
  #session: Session | undefined;
  /** The Proxy-Authorization that `#session` was admitted with. */
  #credentials: string | undefined;
  #selfTest = false;
  #opening: Opening | undefined;
  #exchange: HttpExchange | undefined;

  constructor(client: Socket, context: ProxyContext, service: "http" | "https") {
    this.#client = client;
    this.#context = context;
    this.#service = service;
    this.#guest = context.lobby.enter(client, context.limits.handshakeMs, () => this.expire());
    context.sweeper.add(this);
    client.on("data", (chunk: Buffer) => this.#onData(chunk));
    client.on("drain", () => this.#onDrain());
    client.on("error", () => client.destroy());
    client.once("end", () => this.#onEnd());
    client.once("close", () => {
      this.#state = "over";
      context.sweeper.delete(this);
      this.#opening?.abort();
      this.#exchange?.close();
      this.#session?.close();
    });
  }

  #onData(chunk: Buffer): void {
    switch (this.#state) {
      case "head":
        this.#readHead(chunk);
        return;
      case "exchange": {
        const rest = this.#exchange!.fromClient(chunk);
        if (rest === undefined || rest.length === 0) return;
        this.#keep(rest);
        return;
      }
      case "busy":
        this.#keep(chunk);
        return;
      case "over":
        return;
    }
  }

  #keep(chunk: Buffer): void {
    this.#early.push(chunk);
    this.#earlyBytes += chunk.length;
    if (this.#earlyBytes > EARLY_LIMIT_BYTES) this.#client.pause();
  }

  /** Reads on, unless that would only heap up requests that have to wait. */
  #resume(): void {
    if (this.#earlyBytes <= EARLY_LIMIT_BYTES) this.#client.resume();
  }

  #takeEarly(): Buffer {
    const early = this.#early.length === 1 ? this.#early[0]! : Buffer.concat(this.#early);
    this.#early = [];
    this.#earlyBytes = 0;
    return early;
  }

  #renew(): void {
    this.deadlineMs = this.#context.sweeper.nowMs + this.#context.limits.idleMs;
  }

  #readHead(chunk: Buffer): void {
    const wasPartial = this.#head.partial;
    const read = this.#head.push(chunk);
    if (read === undefined) {
      // Counted from the head's first byte: a slow sender does not win time by sending a little.
      if (!wasPartial && this.#head.partial) {
        this.deadlineMs = performance.now() + this.#context.limits.handshakeMs;
      }
      return;
    }
    if (!read.ok) {
      this.#dismiss(BAD_HEAD[read.error]);
      return;
    }
    this.#state = "busy";
    this.deadlineMs = Number.POSITIVE_INFINITY;
    if (read.rest.length > 0) this.#keep(read.rest);
    const parsed = parseRequestHead(read.text);
    if (parsed.ok) void this.#onRequest(parsed.head);
    else this.#dismiss(BAD_HEAD[parsed.error]);
  }

  async #onRequest(request: RequestHead): Promise<void> {
    const target = parseTarget(request.method, request.target);
    if (target.kind === "origin") return this.#dismiss(ORIGIN_FORM, request);
    if (target.kind === "needs-connect") return this.#dismiss(NEEDS_CONNECT, request);
    if (target.kind === "malformed") return this.#dismiss(MALFORMED_TARGET, request);
    if (!(await this.#logIn(request))) return;
    this.#guest.leave();
    if (target.kind === "connect") return this.#tunnel(request, target);
    // The exit's own test has one target, by CONNECT.
    if (this.#selfTest) return this.#answer(NOT_OPENED.closed, request);
    if (request.method === "TRACE") return this.#answer(NO_TRACE, request);
    this.#forward(request, target);
  }

  /** Whether the request may go on; where not, it has been answered. */
  async #logIn(request: RequestHead): Promise<boolean> {
    const values = valuesOf(request.fields, "proxy-authorization");
    const [credentials] = values;
    if (this.#session && credentials === this.#credentials && values.length === 1) return true;
    const login = values.length === 1 && credentials !== undefined ? parseBasic(credentials) : undefined;
    if (!login) {
      this.#answer(LOGIN_NEEDED, request);
      return false;
    }
    const address = clientAddress(this.#client);
    const admission = await this.#context.authoriser.login({ service: this.#service, ...login, address });
    if (!admission.admitted) {
      if (this.#state !== "over") this.#answer(LOGIN_REFUSED[admission.reason], request);
      return false;
    }
    if (this.#client.destroyed) {
      admission.session.close();
      return false;
    }
    this.#session?.close();
    this.#session = admission.session;
    this.#selfTest = admission.selfTest === true;
    this.#credentials = credentials;
    this.#session.onCut(() => this.#abandon());
    return !this.#client.destroyed;
  }

  async #tunnel(request: RequestHead, target: Extract<Target, { kind: "connect" }>): Promise<void> {
    // Content of CONNECT has no meaning (RFC 9110 section 9.3.6), so it would be bytes that two readers take differently.
    const { framing } = request;
    if (framing.kind !== "none" && !(framing.kind === "length" && framing.bytes === 0)) {
      return this.#dismiss(BAD_HEAD.framing);
    }
    const { open, openSelfTest } = this.#context;
    this.#opening = (this.#selfTest ? openSelfTest : open)(target.host, target.port, connectUpstream);
    const opened = await this.#opening.opened;
    this.#opening = undefined;
    if (this.#state === "over") {
      if (opened.ok) opened.socket.destroy();
      return;
    }
    if (!opened.ok) return this.#answer(NOT_OPENED[opened.reason], request);
    this.#state = "over";
    this.#context.sweeper.delete(this);
    this.#client.write(CONNECTED);
    const { limits, sweeper } = this.#context;
    relay(this.#client, opened.socket, { idleMs: limits.idleMs, head: this.#takeEarly(), sweeper });
  }

  #forward(request: RequestHead, target: Extract<Target, { kind: "absolute" }>): void {
    this.#exchange ??= new HttpExchange({
      client: this.#client,
      open: this.#context.open,
      resume: () => this.#resume(),
      onActivity: () => this.#renew(),
      onAnswer: (answer, over) => this.#answer(answer, over),
      onDone: (keepAlive) => this.#next(keepAlive),
    });
    this.#state = "exchange";
    this.#renew();
    this.#exchange.start(request, target, wantsKeepAlive(request) && !this.#client.readableEnded);
    // The body's first bytes may have come with the head, and behind the body the next request.
    if (this.#early.length > 0 && this.#state === "exchange") {
      const early = this.#takeEarly();
      this.#onData(early);
      this.#resume();
    }
    // Its end may have come while it was logged in: the rest of the body never will.
    if (this.#state === "exchange" && this.#client.readableEnded) this.#onEnd();
  }

  /** The answer has been written: on with its next request, or goodbye. */
  #next(keepAlive: boolean): void {
    if (this.#state === "over") return;
    if (!keepAlive) {
      this.#state = "over";
      this.#takeEarly();
      this.#renew();
      // A slow client still has the last of it to read: only then is he given seconds to hang up.
      this.#client.end(() => this.#context.lobby.dismiss(this.#client));
      this.#client.resume();
      return;
    }
    if (this.#session) this.#renew();
    else this.deadlineMs = Number.POSITIVE_INFINITY;
    if (this.#earlyBytes > 0 || this.#client.writableLength > ANSWERS_LIMIT_BYTES) {
      this.#state = "busy";
      // Not from within the answer's own events: a hundred pipelined requests would be a hundred calls deep.
      setImmediate(() => this.#goOn());
      return;
    }
    this.#state = "head";
    this.#client.resume();
    if (this.#client.readableEnded) this.#client.end();
  }

  /** Takes up the request that came early, once the answers before it have been taken. */
  #goOn(): void {
    if (this.#state !== "busy") return;
    this.#held = this.#client.writableLength > ANSWERS_LIMIT_BYTES;
    if (this.#held) return;
    this.#state = "head";
    this.#readHead(this.#takeEarly());
    this.#resume();
    if (this.#state === "head" && this.#client.readableEnded) this.#client.end();
  }

  #onDrain(): void {
    this.#exchange?.onClientDrain();
    if (!this.#held) return;
    this.#held = false;
    this.#goOn();
  }

  /** Answers a request; the connection stays where no body is to come. */
  #answer(answer: Answer, request: RequestHead): void {
    if (request.framing.kind !== "none" || !wantsKeepAlive(request) || this.#client.readableEnded) {
      this.#dismiss(answer, request);
      return;
    }
    this.#client.write(writeAnswer(answer, { close: false, head: request.method === "HEAD" }));
    this.#next(true);
  }

  #dismiss(answer: Answer, request?: RequestHead): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#guest.leave();
    this.#context.sweeper.delete(this);
    this.#exchange?.close();
    this.#context.lobby.dismiss(
      this.#client,
      writeAnswer(answer, { close: true, head: request?.method === "HEAD" }),
    );
  }

  #onEnd(): void {
    if (this.#state === "head") this.#client.end();
    else if (this.#state === "exchange" && !this.#exchange!.requestDone) this.#client.destroy();
  }

  expire(): void {
    if (this.#state === "head" && this.#head.partial) this.#dismiss(TOO_SLOW);
    else if (this.#state === "exchange" && !this.#exchange!.answered) this.#dismiss(NOT_OPENED["timed-out"]);
    else this.#abandon();
  }

  /** Ends what the client has part of by a reset: without a length, half an answer would look like the whole. */
  #abandon(): void {
    if (this.#state === "exchange" && this.#exchange!.answered) this.#client.resetAndDestroy();
    else this.#client.destroy();
  }
}

/** RFC 9112 section 9.3; an HTTP/1.0 client is answered and left. `Proxy-Connection` is what old clients say instead. */
function wantsKeepAlive({ fields, minorVersion }: RequestHead): boolean {
  return (
    minorVersion === 1 &&
    !listOf(fields, "connection").includes("close") &&
    !listOf(fields, "proxy-connection").includes("close")
  );
}

/** Serves one accepted connection for as long as it lasts. */
export function serveHttp(client: Socket, context: ProxyContext, service: "http" | "https" = "http"): void {
  new HttpConnection(client, context, service);
}
