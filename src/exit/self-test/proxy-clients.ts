import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { connect as connectSecurely } from "node:tls";
import type { SelfTestLogin } from "./logins.ts";
import { NONCE_BYTES, SELF_TEST_NAME, SELF_TEST_PORT, type SelfTestTarget } from "./target.ts";

export interface ProxyTest {
  address: string;
  port: number;
  login: SelfTestLogin;
  target: SelfTestTarget;
  /** The proxy is inside TLS. Whoever answers on this machine's own address is this machine: its certificate is not looked at. */
  secure?: boolean;
  /** For the whole: connection, login, way to the target and back. */
  timeoutMs: number;
}

/** Logs in over SOCKS5 (RFC 1928, RFC 1929) and reaches the target by name. Never rejects: what fails is false. */
export function socks5Works(test: ProxyTest): Promise<boolean> {
  return tried(test, async (wire) => {
    wire.send(Uint8Array.of(5, 1, 2));
    if (!(await wire.take(2)).equals(Buffer.of(5, 2))) return false;
    const { username, password } = test.login;
    wire.send(Buffer.of(1, username.length), username, Buffer.of(password.length), password);
    if (!(await wire.take(2)).equals(Buffer.of(1, 0))) return false;
    wire.send(Buffer.of(5, 1, 0, 3, SELF_TEST_NAME.length), SELF_TEST_NAME, Buffer.of(0, SELF_TEST_PORT));
    const [version, reply, , addressType] = await wire.take(4);
    if (version !== 5 || reply !== 0) return false;
    await wire.take((addressType === 4 ? 16 : 4) + 2);
    return reachesTarget(wire, test.target);
  });
}

/** Logs in over HTTP (RFC 9110 sections 9.3.6 and 11.7) and reaches the target by CONNECT. Never rejects. */
export function httpProxyWorks(test: ProxyTest): Promise<boolean> {
  return tried(test, async (wire) => {
    const { username, password } = test.login;
    const credentials = Buffer.from(`${username}:${password}`).toString("base64");
    const authority = `${SELF_TEST_NAME}:${SELF_TEST_PORT}`;
    wire.send(
      `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: Basic ${credentials}\r\n\r\n`,
    );
    const head = await wire.takeUntil("\r\n\r\n");
    return /^HTTP\/1\.[01] 200[ \r]/.test(head) && (await reachesTarget(wire, test.target));
  });
}

async function reachesTarget(wire: Wire, target: SelfTestTarget): Promise<boolean> {
  const nonce = randomBytes(NONCE_BYTES);
  wire.send(nonce);
  return target.isAnswer(nonce, await wire.take(NONCE_BYTES));
}

async function tried(test: ProxyTest, talk: (wire: Wire) => Promise<boolean>): Promise<boolean> {
  const place = { host: test.address, port: test.port, noDelay: true, autoSelectFamily: false };
  const socket = test.secure ? connectSecurely({ ...place, rejectUnauthorized: false }) : connect(place);
  const timer = setTimeout(() => socket.destroy(), test.timeoutMs);
  try {
    return await talk(new Wire(socket));
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

/** No answer of a proxy's is longer. */
const MAX_HELD_BYTES = 16 * 1024;

/** A connection read in pieces of known length; every wait rejects when the connection is over. */
class Wire {
  readonly #socket: Socket;
  #held = Buffer.alloc(0);
  #over = false;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#held = Buffer.concat([this.#held, chunk]);
      if (this.#held.length > MAX_HELD_BYTES) socket.destroy();
      this.#wake();
    });
    socket.on("error", () => socket.destroy());
    for (const event of ["end", "close"]) {
      socket.on(event, () => {
        this.#over = true;
        this.#wake();
      });
    }
  }

  send(...parts: (string | Uint8Array)[]): void {
    this.#socket.write(Buffer.concat(parts.map((part) => Buffer.from(part as string, "latin1"))));
  }

  take(length: number): Promise<Buffer> {
    return this.#until(() => (this.#held.length >= length ? length : undefined));
  }

  async takeUntil(mark: string): Promise<string> {
    const taken = await this.#until(() => {
      const at = this.#held.indexOf(mark, 0, "latin1");
      return at < 0 ? undefined : at + mark.length;
    });
    return taken.toString("latin1");
  }

  async #until(ready: () => number | undefined): Promise<Buffer> {
    for (;;) {
      const length = ready();
      if (length !== undefined) {
        const taken = this.#held.subarray(0, length);
        this.#held = this.#held.subarray(length);
        return taken;
      }
      if (this.#over) throw new Error("the connection is over");
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
