import { constants } from "node:crypto";
import type { Socket } from "node:net";
import { createSecureContext, createServer, type Server } from "node:tls";
import type { Pair } from "../../certificates/pair.ts";
import type { ProxyContext } from "./context.ts";
import type { Guest } from "./lobby.ts";

type Serve = (client: Socket, context: ProxyContext) => void;

/**
 * No session tickets (RFC 5077): in TLS 1.2 they carry a session's keys past whoever listens, under one key of this process. Who gets
 * hold of its memory could open all that was recorded since its start; and a ticket shown again tells that it is the same client.
 */
const NO_TICKETS = constants.SSL_OP_NO_TICKET;

/** A connection that stands, by both its ends: what the socket before TLS and the one inside have in common. */
const endsOf = ({ remoteAddress, remotePort, localAddress, localPort }: Socket): string =>
  `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;

/**
 * TLS in front of a proxy: what a client says inside goes to the proxy's own handler as if it had come in the clear. The
 * certificate may be replaced; connections go on under the one that they began with.
 */
export class TlsDoor {
  /** Never listens: each connection is given to it. */
  readonly #server: Server;
  readonly #arriving = new Map<string, { plain: Socket; guest: Guest; context: ProxyContext }>();

  /** `protocols`: what ALPN (RFC 7301) may choose; without, whatever a client offers is passed over. */
  constructor(serve: Serve, protocols?: string[]) {
    this.#server = createServer(protocols === undefined ? {} : { ALPNProtocols: protocols });
    this.#server.on("secureConnection", (client) => {
      const arrived = this.#arriving.get(endsOf(client));
      // Gone in the very moment it was let in.
      if (arrived === undefined) return void client.destroy();
      arrived.guest.leave();
      // Node resets plain sockets alone; a relay whose other side broke off has to (relay.ts).
      client.resetAndDestroy = () => {
        arrived.plain.resetAndDestroy();
        return client.destroy();
      };
      serve(client, arrived.context);
    });
    this.#server.on("tlsClientError", (_error, client) => client.destroy());
  }

  /** Throws where the pair is none. */
  show({ certificate, key }: Pair): void {
    const secure = { cert: certificate, key, minVersion: "TLSv1.2", secureOptions: NO_TICKETS } as const;
    createSecureContext(secure);
    this.#server.setSecureContext(secure);
  }

  enter(client: Socket, context: ProxyContext): void {
    const ends = endsOf(client);
    const guest = context.lobby.enter(client, context.limits.handshakeMs);
    this.#arriving.set(ends, { plain: client, guest, context });
    client.once("close", () => this.#arriving.delete(ends));
    client.on("error", () => client.destroy());
    this.#server.emit("connection", client);
  }
}
