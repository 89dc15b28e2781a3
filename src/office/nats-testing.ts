import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type NatsConnection, nkeyAuthenticator, type TlsOptions } from "@nats-io/transport-node";
import type { Log } from "../lib/event-log.ts";
import { freePort } from "../lib/testing.ts";
import { type LinkKey, newLinkKey } from "../link/link-key.ts";
import { NATS_SERVER_NAME } from "../link/nats-connection.ts";
import { NatsExitCarrier } from "../link/nats-exit-carrier.ts";
import { NatsOfficeCarrier } from "../link/nats-office-carrier.ts";
import { until } from "../link/testing.ts";
import { authorityCertificate, ensureAuthority } from "./authority.ts";
import { ensureLinkCertificate } from "./link-certificate.ts";
import { NatsServer } from "./nats-server.ts";

/** A real nats-server on loopback as the office runs it, and both ends of the link: for tests and benchmarks. */
export async function natsBench(options: { site?: string; log?: Log } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "lethe-nats-"));
  const { site = "0badc0de", log = () => {} } = options;
  ensureAuthority(folder);
  const tls = () => ensureLinkCertificate(folder);
  const ca = authorityCertificate(folder);
  const office = newLinkKey();
  const servers = new Map<string, LinkKey>();
  const listen = { address: "127.0.0.1", port: await freePort() };
  const address = `127.0.0.1:${listen.port}`;
  const newServer = () =>
    new NatsServer({ folder: join(folder, "run"), listen, site, officeKey: office.publicKey, tls, log });
  const server = newServer();
  const carriers: { close(): unknown }[] = [];
  const connections: NatsConnection[] = [];
  const users = () => [...servers].map(([name, { publicKey }]) => ({ server: name, nkey: publicKey }));
  return {
    folder,
    site,
    ca,
    address,
    listen,
    office,
    server,
    /** Another NatsServer object for the same process: the office's next life. */
    newServer,
    users,
    /** Makes keys for these servers and tells nats-server. */
    async add(...names: string[]): Promise<void> {
      for (const name of names) servers.set(name, newLinkKey());
      await server.setUsers(users());
      await until(() => server.pid !== undefined, "nats-server");
    },
    async remove(name: string): Promise<void> {
      servers.delete(name);
      await server.setUsers(users());
    },
    keyOf: (name: string): LinkKey => servers.get(name)!,
    newOffice(change: { log?: Log } = {}): NatsOfficeCarrier {
      const carrier = new NatsOfficeCarrier({
        servers: [address],
        site,
        seed: office.seed,
        ca,
        log,
        ...change,
      });
      carriers.push(carrier);
      return carrier;
    },
    newExit(
      name: string,
      change: {
        seed?: string;
        protocol?: 1 | 2;
        ca?: string;
        servers?: string[];
        leaveAfterMs?: number;
      } = {},
    ) {
      const { seed } = servers.get(name) ?? newLinkKey();
      const carrier = new NatsExitCarrier({ servers: [address], site, server: name, seed, ca, ...change });
      carriers.push(carrier);
      return carrier;
    },
    /** A connection with this key and no more restraint than the server's. `errors`: what the server refused it. */
    async raw(seed: string) {
      const connection = await connect({
        servers: address,
        authenticator: nkeyAuthenticator(Buffer.from(seed)),
        tls: { ca, servername: NATS_SERVER_NAME } as TlsOptions,
        inboxPrefix: "any",
        reconnect: false,
      });
      connections.push(connection);
      const errors: string[] = [];
      void (async () => {
        for await (const status of connection.status())
          if (status.type === "error") errors.push(status.error.message);
      })();
      return { connection, errors };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(connections.map((connection) => connection.close()));
      await Promise.all(carriers.map((carrier) => carrier.close()));
      await server.stop();
      rmSync(folder, { recursive: true });
    },
  };
}
