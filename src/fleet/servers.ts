import type { ServerSettings } from "../link/settings.ts";
import type { Store } from "../store/open.ts";

export interface ServicePort {
  protocol: "tcp" | "udp";
  port: number;
}

/** A service that members can reach on a server, and on which ports. */
export interface ServiceOffer {
  service: "openvpn" | "socks5" | "http";
  ports: ServicePort[];
}

/** A server as the public sees it. */
export interface Server {
  /** Short name, `london1`. */
  name: string;
  /** What members' clients connect to. */
  host: string;
  city: string;
  country: string;
  /** ISO 3166-1, two capital letters. */
  countryCode: string;
  latitude: number;
  longitude: number;
  bandwidthMbit: number;
  addresses: string[];
  services: ServiceOffer[];
}

/** What a server with these settings offers; a port on several addresses stands once. */
export function offersOf(settings: Pick<ServerSettings, "services">): ServiceOffer[] {
  const { openvpn, socks5, http } = settings.services;
  const offers: ServiceOffer[] = [
    { service: "openvpn", ports: openvpn?.listen.map(({ protocol, port }) => ({ protocol, port })) ?? [] },
    { service: "socks5", ports: socks5?.listen.map(({ port }) => ({ protocol: "tcp", port })) ?? [] },
    { service: "http", ports: http?.listen.map(({ port }) => ({ protocol: "tcp", port })) ?? [] },
  ];
  return offers
    .filter(({ ports }) => ports.length > 0)
    .map(({ service, ports }) => ({
      service,
      ports: ports.filter(
        (port, index) =>
          ports.findIndex((other) => other.protocol === port.protocol && other.port === port.port) === index,
      ),
    }));
}

/**
 * Makes the store's servers these and no others. One that is new or changed is written; one that is left out goes, with
 * its traffic. Idempotent.
 */
export async function saveServers(store: Store, servers: readonly Server[]): Promise<void> {
  const gone = await store.db.transaction().execute(async (trx) => {
    for (const server of servers) {
      const { name, ...rest } = {
        name: server.name,
        host: server.host,
        city: server.city,
        country: server.country,
        country_code: server.countryCode,
        latitude: server.latitude,
        longitude: server.longitude,
        bandwidth_mbit: server.bandwidthMbit,
        addresses: JSON.stringify(server.addresses),
        services: JSON.stringify(server.services),
      };
      await trx
        .insertInto("servers")
        .values({ name, ...rest })
        .onConflict((conflict) => conflict.column("name").doUpdateSet(rest))
        .execute();
    }
    const names = servers.map(({ name }) => name);
    const { numDeletedRows } = await trx
      .deleteFrom("servers")
      .$if(names.length > 0, (query) => query.where("name", "not in", names))
      .executeTakeFirst();
    return numDeletedRows > 0n;
  });
  if (gone) await store.scrub();
}

/** Every server, by name. */
export async function listServers(store: Store): Promise<Server[]> {
  const rows = await store.db.selectFrom("servers").selectAll().orderBy("name").execute();
  return rows.map((row) => ({
    name: row.name,
    host: row.host,
    city: row.city,
    country: row.country,
    countryCode: row.country_code,
    latitude: row.latitude,
    longitude: row.longitude,
    bandwidthMbit: row.bandwidth_mbit,
    addresses: JSON.parse(row.addresses),
    services: JSON.parse(row.services),
  }));
}
