import type { Selectable } from "kysely";
import { type ServerIdentity, serverIdentity } from "../link/identity.ts";
import { SERVICES, type Service } from "../link/services.ts";
import type { ServerSettings } from "../link/settings.ts";
import type { Store } from "../store/open.ts";
import type { Tables } from "../store/tables.ts";
import { groupsOf } from "./groups.ts";
import { newNumber } from "./server-number.ts";

export interface ServicePort {
  protocol: "tcp" | "udp";
  port: number;
}

/** A service that members can reach on a server, and on which ports. */
export interface ServiceOffer {
  service: Service;
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
  /** Groups of servers that it belongs to beside its city's, short names. */
  groups: string[];
  /** It takes no new logins; sessions go on. */
  draining: boolean;
  /** What its services are known by, as the exit has said; left out until it has. */
  identity?: ServerIdentity;
}

/** A server as its office's lethe.toml describes it; whether it drains is the store's to know. */
export type OwnServer = Omit<Server, "draining" | "groups" | "identity"> & { groups?: string[] };

/** Where a server's row comes from: one office's own machine, or `lethe server add`. */
export type Origin = `office:${string}` | "fleet";
/** Rows of before there were several offices: whoever has the name takes it over, the others go. */
const NOBODYS: Origin = "office:";

/** What a server with these settings offers; a port on several addresses stands once. */
export function offersOf(settings: Pick<ServerSettings, "services">): ServiceOffer[] {
  const { services } = settings;
  const tcp = (offered?: { listen: { port: number }[] }): ServicePort[] =>
    offered?.listen.map(({ port }) => ({ protocol: "tcp", port })) ?? [];
  const udp = (...ports: number[]): ServicePort[] => ports.map((port) => ({ protocol: "udp", port }));
  const ports: Record<Service, ServicePort[]> = {
    openvpn: services.openvpn?.listen.map(({ protocol, port }) => ({ protocol, port })) ?? [],
    wireguard: services.wireguard === undefined ? [] : udp(services.wireguard.port),
    ikev2: services.ikev2 === undefined ? [] : udp(500, 4500),
    ssh: tcp(services.ssh),
    socks5: tcp(services.socks5),
    "socks5-tls": tcp(services.socks5Tls),
    http: tcp(services.http),
    https: tcp(services.https),
    "stealth-tls": tcp(services.stealthTls),
    "stealth-obfs4": tcp(services.stealthObfs4),
  };
  const offers: ServiceOffer[] = SERVICES.map((service) => ({ service, ports: ports[service] }));
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

/** A server of lethe.toml cannot be called so; the message is for the operator. */
export class NameTakenError extends Error {
  override name = "NameTakenError";
}

/**
 * Makes this origin's servers in the store these and no others. One that is new or changed is written; one that is left out
 * goes, with its traffic; other origins' stay. Idempotent. Throws NameTakenError.
 */
export async function saveServers(
  store: Store,
  servers: readonly OwnServer[],
  origin: Origin = NOBODYS,
): Promise<void> {
  const gone = await store.db.transaction().execute(async (trx) => {
    const others = await trx
      .selectFrom("servers")
      .select(["name", "link_name", "groups"])
      .where("origin", "not in", [origin, NOBODYS])
      .execute();
    for (const server of servers) {
      const taken = whatIsTaken(server, others);
      if (taken !== undefined)
        throw new NameTakenError(`The fleet has ${taken} already. Change it in [server] of lethe.toml.`);
      const { name, ...rest } = { ...rowOf(server), origin, link_name: server.name };
      const known = await trx
        .selectFrom("servers")
        .select("number")
        .where("name", "=", name)
        .executeTakeFirst();
      await trx
        .insertInto("servers")
        .values({ name, ...rest, number: known?.number ?? (await newNumber(trx)) })
        .onConflict((conflict) => conflict.column("name").doUpdateSet(rest))
        .execute();
    }
    const names = servers.map(({ name }) => name);
    const { numDeletedRows } = await trx
      .deleteFrom("servers")
      .where("origin", "in", [origin, NOBODYS])
      .$if(names.length > 0, (query) => query.where("name", "not in", names))
      .executeTakeFirst();
    await store.news.tell(
      trx,
      "server_changes",
      servers.map(({ name }) => name),
    );
    return numDeletedRows > 0n;
  });
  if (gone) await store.scrub();
}

/** Which word of a server of lethe.toml others have, in the operator's words; undefined where none is. */
function whatIsTaken(
  { name, groups = [] }: OwnServer,
  others: readonly { name: string; link_name: string; groups: string }[],
): string | undefined {
  const names = new Set(others.flatMap((other) => [other.name, other.link_name]));
  if (names.has(name)) return `another server called ${name}`;
  const own = groupsOf({ name, groups });
  const theirs = others.flatMap((other) =>
    groupsOf({ name: other.name, groups: JSON.parse(other.groups) as string[] }),
  );
  if ([...own, ...theirs].includes(name)) return `a group of servers called ${name}`;
  const group = own.find((each) => names.has(each));
  return group === undefined ? undefined : `a server called ${group}, as is a group of this one`;
}

/** What the public sees of a server, as columns. */
export const rowOf = (server: OwnServer) => ({
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
  groups: JSON.stringify(server.groups ?? []),
});

export const serverOf = (row: Selectable<Tables["servers"]>): Server => ({
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
  groups: JSON.parse(row.groups),
  draining: row.state === "draining",
  ...(row.identity !== null && { identity: serverIdentity.parse(JSON.parse(row.identity)) }),
});

/** Every server that members can use, by name: one that was added and has not enrolled yet is none. */
export async function listServers(store: Store): Promise<Server[]> {
  const rows = await store.db
    .selectFrom("servers")
    .selectAll()
    .where((expression) =>
      expression.or([expression("origin", "!=", "fleet"), expression("nkey", "is not", null)]),
    )
    .orderBy("name")
    .execute();
  return rows.map(serverOf);
}
