import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { ServerSettings } from "../../link/settings.ts";
import type { Authoriser, LoginAttempt, Refusal } from "../authorise.ts";
import { SOCKET_HIGH_WATER_MARK_BYTES } from "./relay.ts";
import type { Resolve } from "./resolve.ts";
import { createProxyWorker } from "./worker.ts";

/** For tests: a proxy worker on loopback, clients that speak raw bytes, and servers to reach. */

export const USERNAME = "abcdefghijkl";
export const PASSWORD = "secret";

/** Lets `USERNAME` in with `PASSWORD`; the password `refuse:<reason>` is refused so. Counts what is open, and can cut. */
export class FakeAuthoriser implements Authoriser {
  attempts: LoginAttempt[] = [];
  open = new Set<{ cut: () => void }>();

  async login(attempt: LoginAttempt): ReturnType<Authoriser["login"]> {
    this.attempts.push(attempt);
    const [, reason] = /^refuse:(.*)$/.exec(attempt.password) ?? [];
    if (reason !== undefined) return { admitted: false, reason: reason as Refusal };
    if (attempt.username !== USERNAME || attempt.password !== PASSWORD)
      return { admitted: false, reason: "unknown" };
    let onCut = (): void => {};
    const live = { cut: () => onCut() };
    this.open.add(live);
    return {
      admitted: true,
      session: {
        onCut: (callback) => {
          onCut = callback;
        },
        close: () => this.open.delete(live),
      },
    };
  }

  cutAll(): void {
    for (const live of this.open) live.cut();
  }
}

export function testSettings(changes: {
  socks5Port?: number;
  httpPort?: number;
  egress?: Partial<ServerSettings["egress"]>;
  limits?: Partial<ServerSettings["limits"]>;
}): ServerSettings {
  const listen = (port: number) => ({ listen: [{ address: "127.0.0.1", port }] });
  return {
    server: "test1",
    host: "127.0.0.1",
    bandwidthMbit: 100,
    ownAddresses: [],
    services: { socks5: listen(changes.socks5Port ?? 0), http: listen(changes.httpPort ?? 0) },
    egress: { allow: ["127.0.0.0/8"], deny: [], denyPorts: [], ...changes.egress },
    limits: { connectionsPerCredential: 100, handshakeMs: 10_000, idleMs: 60_000, ...changes.limits },
    dns: { forward: [] },
    sitePorts: [],
  };
}

export async function startProxy(
  changes: Parameters<typeof testSettings>[0] & { resolve?: Resolve } = {},
): Promise<{ socks5: number; http: number; authoriser: FakeAuthoriser; close(): void }> {
  const authoriser = new FakeAuthoriser();
  const resolve: Resolve = changes.resolve ?? (async () => ({ ok: false, reason: "no-such-name" }));
  const worker = createProxyWorker({ authoriser, log: () => {}, resolve });
  const reports = await worker.apply({ settings: testSettings(changes), ownAddresses: [], resolvers: [] });
  const port = (service: string): number => reports.find((report) => report.service === service)!.port;
  return { socks5: port("socks5"), http: port("http"), authoriser, close: () => worker.close() };
}

/** A TCP server on loopback whose connections end with it. */
export async function startServer(
  serve: (socket: Socket) => void,
): Promise<{ port: number; server: Server; close(): void }> {
  const sockets = new Set<Socket>();
  const options = { allowHalfOpen: true, highWaterMark: SOCKET_HIGH_WATER_MARK_BYTES };
  const server = createServer(options, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    serve(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port: (server.address() as AddressInfo).port, server, close };
}

/** A client that speaks raw bytes and waits for what must come. */
export class Wire {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  #ended = false;
  #closed: "clean" | "reset" | undefined;
  #wake = (): void => {};

  constructor(port: number) {
    this.socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    this.socket.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    this.socket.on("end", () => {
      this.#ended = true;
      this.#wake();
    });
    this.socket.on("error", () => {});
    this.socket.on("close", (failed) => {
      this.#closed = failed ? "reset" : "clean";
      this.#wake();
    });
  }

  send(bytes: string | Uint8Array): this {
    this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
    return this;
  }

  /** One packet a byte, as far as that can be had. */
  async sendBytewise(bytes: Buffer): Promise<void> {
    for (const byte of bytes) {
      this.send(Uint8Array.of(byte));
      await new Promise(setImmediate);
    }
  }

  async #until(ready: () => boolean, what: string): Promise<void> {
    const deadline = performance.now() + 10_000;
    while (!ready()) {
      const leftMs = deadline - performance.now();
      if (leftMs <= 0)
        throw new Error(
          `${what} did not come; received ${JSON.stringify(this.#received.toString("latin1"))}`,
        );
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, leftMs);
      });
      clearTimeout(timer);
    }
  }

  /** The next `length` bytes. */
  async take(length: number): Promise<Buffer> {
    await this.#until(() => this.#received.length >= length || this.#closed !== undefined, `${length} bytes`);
    const taken = this.#received.subarray(0, length);
    this.#received = this.#received.subarray(length);
    return taken;
  }

  /** Everything up to and including `mark`. */
  async takeUntil(mark: string): Promise<string> {
    const at = (): number => this.#received.indexOf(mark, 0, "latin1");
    await this.#until(() => at() >= 0 || this.#closed !== undefined, JSON.stringify(mark));
    return (await this.take(at() < 0 ? this.#received.length : at() + mark.length)).toString("latin1");
  }

  /** Everything up to the other side's end. */
  async takeAll(): Promise<string> {
    await this.#until(() => this.#ended || this.#closed !== undefined, "the end");
    return (await this.take(this.#received.length)).toString("latin1");
  }

  /** How the connection ended, once the other side has ended it. */
  async closed(): Promise<"clean" | "reset"> {
    await this.#until(() => this.#ended || this.#closed !== undefined, "the end");
    this.socket.end();
    await this.#until(() => this.#closed !== undefined, "the close");
    return this.#closed!;
  }

  end(): void {
    this.socket.end();
  }

  close(): void {
    this.socket.destroy();
  }
}

/** Waits until `holds`, for at most half a minute. */
export async function eventually(holds: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`${what}: not within half a minute`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const login = Buffer.concat([
  Buffer.of(1, USERNAME.length),
  Buffer.from(USERNAME),
  Buffer.of(PASSWORD.length),
  Buffer.from(PASSWORD),
]);

/** A whole SOCKS5 handshake that asks for 127.0.0.1. */
export function socksHandshake(port: number): Buffer {
  return Buffer.concat([
    Buffer.of(5, 1, 2),
    login,
    Buffer.of(5, 1, 0, 1, 127, 0, 0, 1, port >> 8, port & 255),
  ]);
}

/** The same that asks for a name or, with `command`, for something else. */
export function socksNameHandshake(name: string, port: number, command = 1): Buffer {
  const bytes = Buffer.from(name, "latin1");
  return Buffer.concat([
    Buffer.of(5, 1, 2),
    login,
    Buffer.of(5, command, 0, 3, bytes.length),
    bytes,
    Buffer.of(port >> 8, port & 255),
  ]);
}

export const PROXY_LOGIN = `Proxy-Authorization: Basic ${Buffer.from(`${USERNAME}:${PASSWORD}`).toString("base64")}\r\n`;
