import { createServer, type Server, type Socket } from "node:net";
import type { Log } from "../../lib/event-log.ts";
import { reasonOf } from "../../lib/event-log.ts";
import type { Service } from "../../link/services.ts";
import { type Failure, failureOf } from "../failure.ts";
import type { PortRequests } from "../low-ports.ts";
import type { ListeningReport } from "../messages.ts";
import { haveAddress } from "../self-test/addresses.ts";
import { SOCKET_HIGH_WATER_MARK_BYTES } from "./relay.ts";

export interface Endpoint {
  service: Service;
  address: string;
  port: number;
}

const keyOf = ({ service, address, port }: Endpoint): string => `${service} ${address} ${port}`;

/**
 * The listening sockets of one worker. All workers listen on the same ports (SO_REUSEPORT, socket(7)): the kernel spreads
 * the connections. An endpoint that could not be had is tried again at the next `update`.
 */
export class Listeners {
  readonly #serve: Partial<Record<Service, (client: Socket) => void>>;
  readonly #log: Log;
  readonly #ports: PortRequests | undefined;
  readonly #servers = new Map<string, { endpoint: Endpoint; server: Server }>();
  #reports: ListeningReport[] = [];

  constructor(options: {
    /** One for each service of the endpoints. */
    serve: Partial<Record<Service, (client: Socket) => void>>;
    log: Log;
    /** Who is asked for ports that this process may not have (low-ports.ts). */
    ports?: PortRequests | undefined;
  }) {
    this.#serve = options.serve;
    this.#log = options.log;
    this.#ports = options.ports;
  }

  /** Opens what is new and closes what is gone; live connections stay. Resolves with where it listens now. */
  async update(endpoints: readonly Endpoint[]): Promise<ListeningReport[]> {
    const wanted = new Map(endpoints.filter(haveAddress).map((endpoint) => [keyOf(endpoint), endpoint]));
    for (const [key, { server }] of this.#servers) {
      if (wanted.has(key)) continue;
      this.#servers.delete(key);
      server.close();
    }
    this.#reports = await Promise.all(
      [...wanted].map(async ([key, endpoint]) => {
        const held = this.#servers.get(key)?.server.address();
        if (held && typeof held === "object") return report(endpoint, held.port);
        return this.#listen(key, endpoint);
      }),
    );
    return this.#reports;
  }

  #listen(key: string, endpoint: Endpoint): Promise<ListeningReport> {
    const serve = this.#serve[endpoint.service];
    const { address: host, port } = endpoint;
    const server = createServer(
      { allowHalfOpen: true, noDelay: true, highWaterMark: SOCKET_HIGH_WATER_MARK_BYTES },
      serve,
    );
    const { promise, resolve } = Promise.withResolvers<ListeningReport>();
    const fail = (failed: Failure): void => {
      this.#log("port-taken", { port, reason: failed });
      resolve({ ...report(endpoint, port), failed });
    };
    server.once("listening", () => {
      server.removeAllListeners("error");
      // Running out of file descriptors and the like concerns one connection, not the server.
      server.on("error", () => this.#log("internal-error"));
      this.#servers.set(key, { endpoint, server });
      const bound = server.address();
      resolve(report(endpoint, bound && typeof bound === "object" ? bound.port : port));
    });
    server.once("error", (error) => {
      const failed = failureOf(reasonOf(error));
      if (failed !== "EACCES" || this.#ports === undefined) return fail(failed);
      this.#ports.request({ address: host, port }, (socket, why) =>
        socket ? server.listen(socket) : fail(failureOf(reasonOf({ code: why }))),
      );
    });
    server.listen({ host, port, backlog: 4096, reusePort: true, ipv6Only: host.includes(":") });
    return promise;
  }

  /** Stops listening; live connections stay. */
  close(): void {
    for (const { server } of this.#servers.values()) server.close();
    this.#servers.clear();
  }
}

function report({ service, address }: Endpoint, port: number): ListeningReport {
  return { service, protocol: "tcp", address, port };
}
