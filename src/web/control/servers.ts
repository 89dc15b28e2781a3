import type { Context, Hono } from "hono";
import { z } from "zod";
import type { BlockError } from "../../fleet/blocked.ts";
import type { Fleet, ServerError } from "../../fleet/fleet.ts";
import type { FleetServer, Invitation } from "../../fleet/fleet-server.ts";
import { groupsOf } from "../../fleet/groups.ts";
import type { Listens } from "../../fleet/listens.ts";
import { countryName, type NewServerError } from "../../fleet/new-server.ts";
import type { ServerStatus } from "../../fleet/server-status.ts";
import type { Status } from "../../fleet/status.ts";
import type { Blocked } from "../../lib/port-range.ts";
import type { Result } from "../../lib/result.ts";

const place = z.strictObject({ address: z.string(), port: z.number() });
const listens = z
  .strictObject({
    openvpn: z.array(z.strictObject({ protocol: z.enum(["udp", "tcp"]), ...place.shape })),
    socks5: z.array(place),
    http: z.array(place),
    ssh: z.array(place),
    wireguard: z.strictObject({ port: z.number() }),
    ikev2: z.boolean(),
    socks5Tls: z.array(place),
    https: z.array(place),
    stealthTls: z.array(place),
    stealthObfs4: z.array(place),
  })
  .partial();
const addRequest = z.strictObject({
  name: z.string(),
  host: z.string().optional(),
  city: z.string(),
  country: z.string().optional(),
  countryCode: z.string(),
  latitude: z.number().optional(),
  longitude: z.number().optional(),
  bandwidthMbit: z.number(),
  addresses: z.array(z.string()),
  groups: z.array(z.string()).optional(),
  /** What is left out is as lethe.toml says. */
  listens: listens.optional(),
});
const nameRequest = z.strictObject({ name: z.string() });
const renameRequest = z.strictObject({ name: z.string(), newName: z.string() });
const blockPort = z.int().min(1).max(65_535);
const blockRequest = z.union([
  z.strictObject({
    name: z.string(),
    ports: z.strictObject({ from: blockPort, to: blockPort }).refine(({ from, to }) => from <= to),
  }),
  z.strictObject({ name: z.string(), range: z.string().max(100) }),
]);
const releaseRequest = z.strictObject({ name: z.string(), release: z.enum(["newest", "stay"]) });

const ERRORS: Record<NewServerError | ServerError | BlockError, string> = {
  "range-invalid": "That is no address and no range such as 203.0.113.0/24.",
  "range-too-wide": "That range is too wide: /8 at least for IPv4, /16 for IPv6.",
  "blocked-full":
    "200 port ranges and 200 address ranges can be blocked on a server; take others back first.",
  "ports-all": "Not every port: to take a server out of use there is `lethe server drain`.",
  "not-blocked": "Nothing of that is blocked on that server; `lethe server list` shows what is.",
  "name-invalid": "A server's name has 1 to 40 of a-z, 0-9 and inner dashes, such as london1.",
  "name-generation": "A name cannot end in -g and a number: certificates of rotated servers are called so.",
  "name-taken": "There is a server of that name already, or one that was added under it.",
  "name-is-group": "There is a group of servers of that name already.",
  "group-invalid": "A group's name has 1 to 40 of a-z, 0-9 and inner dashes; a server is in 16 at most.",
  "group-is-server": "A group cannot be called like a server.",
  "city-invalid": "A city has 1 to 60 characters on one line.",
  "country-invalid": "A country has 1 to 60 characters on one line.",
  "country-code-unknown":
    "There is no country of that code. It is two capital letters of ISO 3166-1, such as GB.",
  "place-invalid": "A latitude is a number from -90 to 90, a longitude one from -180 to 180.",
  "bandwidth-invalid": "The bandwidth is a number from 1 to 1000000, in Mbit/s.",
  "host-invalid": "That host is neither a name nor an address.",
  "host-taken": "Another server has that host.",
  "address-missing": "Say at least one public address of the server (--address).",
  "address-invalid": "An address is an IPv4 or IPv6 address, without a port; a server has 16 at most.",
  "address-taken": "Another server has that address.",
  "listens-invalid":
    "The services' addresses do not fit together: at least one in all, 8 at most a service, each port once.",
  "unknown-server": "There is no server of that name; `lethe server list` shows them all.",
  "own-server":
    "That is an office's own machine: its lethe.toml describes it, and it is there as long as that office is.",
};

/** A server as `lethe server list` shows it. */
export interface ServerView {
  name: string;
  linkName: string;
  /** An office's own machine. */
  local: boolean;
  host: string;
  addresses: string[];
  city: string;
  country: string;
  countryCode: string;
  bandwidthMbit: number;
  groups: string[];
  /** `added`: it has not enrolled; `lapsed`: and its line is too old now. */
  state: "added" | "lapsed" | "enrolled";
  draining: boolean;
  generation: number;
  /** As on the status page; `never` where nothing was heard in 24 hours. */
  news: ServerStatus["state"];
  loadPercent: number;
  services: { service: string; healthy: boolean }[];
  /** First 12 hex digits of the bundle it says that it runs; "" for a checkout or where it has not said. */
  release: string;
  /** And of the one it is to run; "" for whichever it has. */
  targetRelease: string;
  upgradeFailed: boolean;
  /** UTC minutes since 1970 of its last tests; 0 where it has not said. */
  testedMinute: number;
  /** What members do not reach through it. */
  blocked: Blocked;
  /** Left out where servers are to have none. */
  publicCertificate?: PublicCertificateView;
}

export interface PublicCertificateView {
  /** Its host is one of the site's names: the site's certificate is the one. */
  site?: true;
  /** UTC seconds: until when the one that it has is good. */
  until?: number;
  /** It comes from the operator's files on the server. */
  files?: true;
  /** A closed word (certificates/state.ts): why there is no other one yet. */
  problem?: string;
}

export interface ServerOffice {
  fleet: Fleet;
  status: Pick<Status, "list" | "healthOf">;
  /** Where a server's services listen of which only so much was said. */
  listensOf(said: Partial<Listens>): Listens;
  /** The line to paste. Rejects where the files that it fetches cannot be made. */
  joinLine(invitation: Invitation): Promise<string>;
  /** Whether a line could be made, before a server is added; a sentence where not. */
  joinProblem(): Promise<string | undefined>;
  /** SHA-256, hex, of the bundle that the office gives out. */
  newestRelease(): Promise<string>;
  /** Users and permissions for the operator's own NATS cluster, as its configuration takes them. */
  linkUsers(): string;
  publicCertificate?(server: FleetServer): PublicCertificateView | undefined;
  nowS(): number;
}

/** The part of the control API that is about servers; errors as in control.ts. */
export function addServerControl(app: Hono, office: ServerOffice): void {
  const { fleet, status } = office;
  const refuse = (c: Context, error: string) => c.json({ error }, 400);
  const done = async (
    c: Context,
    outcome: Promise<Result<unknown, NewServerError | ServerError | BlockError>>,
    name: string,
  ) => {
    const result = await outcome;
    return result.ok ? c.json(await viewOf(name)) : refuse(c, ERRORS[result.error]);
  };
  const viewOf = async (name: string): Promise<ServerView | { name: string }> =>
    (await views()).find((view) => view.name === name) ?? { name };
  const views = async (): Promise<ServerView[]> => {
    const statuses = new Map((await status.list()).map((each) => [each.server, each]));
    return fleet.current.map((server) => {
      const shown = view(server, statuses.get(server.name), status.healthOf(server.name), office.nowS());
      const publicCertificate = office.publicCertificate?.(server);
      return publicCertificate === undefined ? shown : { ...shown, publicCertificate };
    });
  };
  const invited = async (
    c: Context,
    outcome: Promise<Result<Invitation, NewServerError | ServerError>>,
    name: string,
  ) => {
    const result = await outcome;
    if (!result.ok) return refuse(c, ERRORS[result.error]);
    const line = await office.joinLine(result.value);
    return c.json({ server: await viewOf(name), line, expires: result.value.expires });
  };

  app.get("/servers", async (c) => c.json({ servers: await views() }));
  app.post("/servers/add", async (c) => {
    const { listens: said, country, ...rest } = addRequest.parse(await c.req.json());
    const problem = await office.joinProblem();
    if (problem !== undefined) return refuse(c, problem);
    const beside = fleet.current.find(
      (server) => server.city === rest.city && server.countryCode === rest.countryCode,
    );
    const server = {
      ...rest,
      country: country ?? countryName(rest.countryCode) ?? "",
      latitude: rest.latitude ?? beside?.latitude ?? 0,
      longitude: rest.longitude ?? beside?.longitude ?? 0,
      ...(said !== undefined && { listens: office.listensOf(said as Partial<Listens>) }),
    };
    return invited(c, fleet.add(server), rest.name);
  });
  app.post("/servers/rotate", async (c) => {
    const { name } = nameRequest.parse(await c.req.json());
    const problem = await office.joinProblem();
    return problem === undefined ? invited(c, fleet.rotate(name), name) : refuse(c, problem);
  });
  for (const verb of ["drain", "undrain"] as const)
    app.post(`/servers/${verb}`, async (c) => {
      const { name } = nameRequest.parse(await c.req.json());
      return done(c, fleet[verb](name), name);
    });
  for (const verb of ["block", "unblock"] as const)
    app.post(`/servers/${verb}`, async (c) => {
      const { name, ...what } = blockRequest.parse(await c.req.json());
      return done(c, fleet.setBlocked(name, { verb, ...what }), name);
    });
  app.post("/servers/remove", async (c) => {
    const { name } = nameRequest.parse(await c.req.json());
    const found = (await views()).find((server) => server.name === name);
    if (found?.local === true && found.news === "up")
      return refuse(c, "That is an office's own machine, and it is running: stop Lethe there first.");
    return done(c, fleet.remove(name), name);
  });
  app.post("/servers/rename", async (c) => {
    const { name, newName } = renameRequest.parse(await c.req.json());
    return done(c, fleet.rename(name, newName), newName);
  });
  app.get("/servers/release", async (c) => c.json({ release: await office.newestRelease() }));
  app.post("/servers/release", async (c) => {
    const { name, release } = releaseRequest.parse(await c.req.json());
    if (fleet.named(name)?.nkey === undefined && fleet.named(name)?.local === false)
      return refuse(c, "That server has not joined yet.");
    return done(c, fleet.setRelease(name, release === "stay" ? null : await office.newestRelease()), name);
  });
  app.get("/link/users", (c) => c.json({ configuration: office.linkUsers() }));
}

function view(
  server: FleetServer,
  status: ServerStatus | undefined,
  health: ReturnType<Status["healthOf"]>,
  nowS: number,
): ServerView {
  const { name, linkName, local, host, addresses, city, country, countryCode, bandwidthMbit } = server;
  const open = (server.enrolmentExpires ?? 0) > nowS;
  return {
    name,
    linkName,
    local,
    host,
    addresses,
    city,
    country,
    countryCode,
    bandwidthMbit,
    groups: groupsOf(server),
    state: local || server.nkey !== undefined ? "enrolled" : open ? "added" : "lapsed",
    draining: server.draining,
    generation: server.generation,
    news: status?.state ?? "never",
    loadPercent: status?.loadPercent ?? 0,
    services: status?.services.map(({ service, healthy }) => ({ service, healthy })) ?? [],
    release: health?.release ?? "",
    targetRelease: server.release?.slice(0, 12) ?? "",
    upgradeFailed: health?.upgradeFailed ?? false,
    testedMinute: health?.minute ?? 0,
    blocked: server.blocked,
  };
}
