import { setTimeout as wait } from "node:timers/promises";
import { rootCertificates } from "node:tls";
import { type Authenticator, connect, type NatsConnection, type TlsOptions } from "@nats-io/transport-node";
import { systemClock } from "../lib/clock.ts";
import { EXIT_DOMAIN } from "./certificate-name.ts";
import { linkAuthenticator } from "./link-key.ts";
import { ReconnectWaits } from "./reconnect-waits.ts";

/**
 * The name that the TLS certificate of the office's own nats-server bears, whatever address it is reached at. Two labels
 * below the exits' domain: no server's certificate name can be it (certificate-name.ts).
 */
export const NATS_SERVER_NAME = `nats.link.${EXIT_DOMAIN}`;
const CONNECT_TIMEOUT_MS = 10_000;
/** A peer that has gone without a word is found out after two to three of these. */
const PING_MS = 10_000;

export interface NatsLink {
  /**
   * `host:port`: the office's own nats-server, which must show its name under `ca`. `tls://host:port`: an operator's, which
   * must show the host's name, under `ca` or a public authority.
   */
  servers: string[];
  /** nkey seed. */
  seed: string;
  /** PEM of the provider's authority. */
  ca: string;
}

/**
 * One connection to one of the servers, made anew whenever it ends, until `close`. A new one each time, rather than the
 * client library's own reconnecting: nothing that was said before is said later.
 */
export class NatsConnector {
  readonly #link: NatsLink;
  readonly #authenticator: Authenticator;
  readonly #inboxPrefix: string;
  /** Prepares each new connection, which is up when the promise resolves. */
  readonly #onUp: (connection: NatsConnection) => Promise<void>;
  readonly #onDown: () => void;
  readonly #waits: ReconnectWaits;
  readonly #closing = new AbortController();
  /** Which server is tried next; where one does not answer, the one after it. */
  #next: number;
  #connection: NatsConnection | undefined;
  #running: Promise<void> | undefined;

  constructor(options: {
    link: NatsLink;
    inboxPrefix: string;
    onUp: (connection: NatsConnection) => Promise<void>;
    onDown: () => void;
  }) {
    this.#link = options.link;
    this.#authenticator = linkAuthenticator(options.link.seed);
    this.#next = Math.floor(Math.random() * options.link.servers.length);
    this.#waits = new ReconnectWaits(systemClock, options.link.servers.length);
    this.#inboxPrefix = options.inboxPrefix;
    this.#onUp = options.onUp;
    this.#onDown = options.onDown;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    // What was said last still goes out, where the server takes it.
    await Promise.race([this.#connection?.flush().catch(() => {}), wait(1000, undefined, { ref: false })]);
    await this.#connection?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      let up = false;
      try {
        const connection = await this.#connect();
        this.#connection = connection;
        if (!signal.aborted) {
          await this.#onUp(connection);
          up = true;
        }
        if (signal.aborted) await connection.close();
        await connection.closed();
      } catch {
        // What the server or the network had against it stands in no log: it may name an address.
        await this.#connection?.close().catch(() => {});
      }
      this.#connection = undefined;
      if (up) {
        this.#waits.wentDown();
        this.#onDown();
      }
      if (!signal.aborted) await wait(this.#waits.next(), undefined, { signal }).catch(() => {});
    }
  }

  #connect(): Promise<NatsConnection> {
    const { servers, ca } = this.#link;
    const server = servers[this.#next++ % servers.length]!;
    const foreign = server.startsWith("tls://");
    const tls: TlsOptions & { servername?: string; minVersion: string } = {
      ca: foreign ? ([ca, ...rootCertificates] as unknown as string) : ca,
      minVersion: "TLSv1.3",
      ...(!foreign && { servername: NATS_SERVER_NAME }),
    };
    return connect({
      servers: foreign ? server.slice("tls://".length) : server,
      authenticator: this.#authenticator,
      tls,
      inboxPrefix: this.#inboxPrefix,
      reconnect: false,
      ignoreClusterUpdates: true,
      timeout: CONNECT_TIMEOUT_MS,
      pingInterval: PING_MS,
      maxPingOut: 2,
      noAsyncTraces: true,
    });
  }
}
