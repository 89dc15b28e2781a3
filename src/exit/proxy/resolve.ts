import { Resolver } from "node:dns";
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { type Clock, systemClock } from "../../lib/clock.ts";
import { type Ip, parseIp } from "../../lib/ip.ts";

export type Resolution =
  | { ok: true; addresses: readonly Ip[] }
  | { ok: false; reason: "no-such-name" | "unavailable" };

/** Resolves a name (`parseHost`'s) to every address it has. Never rejects. */
export type Resolve = (name: string) => Promise<Resolution>;

const TTL_LIMIT_MS = 60_000;
const CACHE_LIMIT = 4096;
/** How long AAAA may come behind A (RFC 8305 section 3 waits for the other family likewise). */
const OTHER_FAMILY_MS = 250;

interface Records {
  addresses: Ip[];
  ttlMs: number;
  /** The name or its records do not exist: an answer, where other errors are none. */
  missing: boolean;
  failed: boolean;
}

function query(resolver: Resolver, family: 4 | 6, name: string): Promise<Records> {
  return new Promise((resolve) => {
    const done = (
      error: NodeJS.ErrnoException | null,
      records: { address: string; ttl: number }[] = [],
    ): void => {
      const missing = error?.code === "ENOTFOUND" || error?.code === "ENODATA";
      const addresses = error ? [] : records.flatMap(({ address }) => parseIp(address) ?? []);
      const ttlMs = Math.min(TTL_LIMIT_MS, ...records.map(({ ttl }) => ttl * 1000));
      resolve({ addresses, ttlMs: error ? 0 : ttlMs, missing, failed: error !== null && !missing });
    };
    if (family === 4) resolver.resolve4(name, { ttl: true }, done);
    else resolver.resolve6(name, { ttl: true }, done);
  });
}

/**
 * A resolver that asks `servers` (`address` or `address:port`, IPv6 with a port in brackets; none: the system's) over DNS
 * alone: no hosts file, no search domains. Answers are kept in memory for their TTL, at most a minute and 4096 names.
 */
export function createResolver(options: {
  servers: readonly string[];
  clock?: Clock;
  /** Whether addresses of IPv6 are of any use here. */
  usesIpv6?: () => boolean;
}): Resolve {
  const { servers, clock = systemClock, usesIpv6 = hasIpv6Route } = options;
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  if (servers.length > 0) resolver.setServers(servers);
  const cache = new Map<string, { addresses: readonly Ip[]; untilMs: number }>();
  const running = new Map<string, Promise<Resolution>>();

  const ask = async (name: string): Promise<Resolution> => {
    const queries = [query(resolver, 4, name)];
    if (usesIpv6()) queries.push(query(resolver, 6, name));
    const records: Records[] = [];
    const all = Promise.all(queries.map(async (one) => records.push(await one)));
    const first = await Promise.any(queries);
    if (first.addresses.length > 0 && queries.length > 1) {
      const timer = new AbortController();
      const late = pause(OTHER_FAMILY_MS, undefined, { signal: timer.signal }).catch(() => {});
      await Promise.race([all, late]);
      timer.abort();
    } else await all;
    // IPv6 first (RFC 6724), the families in turn (RFC 8305 section 4).
    const families = [16, 4].map((length) =>
      records.flatMap((r) => r.addresses.filter((ip) => ip.length === length)),
    );
    const longest = Math.max(...families.map((family) => family.length));
    const addresses = Array.from({ length: longest }, (_, at) =>
      families.flatMap((family) => family[at] ?? []),
    ).flat();
    if (addresses.length === 0) {
      return { ok: false, reason: records.some((r) => r.failed) ? "unavailable" : "no-such-name" };
    }
    const ttlMs = Math.min(...records.filter((r) => r.addresses.length > 0).map((r) => r.ttlMs));
    if (ttlMs > 0) {
      cache.delete(name);
      if (cache.size >= CACHE_LIMIT) cache.delete(cache.keys().next().value!);
      cache.set(name, { addresses, untilMs: clock.monotonic() + ttlMs });
    }
    return { ok: true, addresses };
  };

  return (name) => {
    const kept = cache.get(name);
    if (kept && kept.untilMs > clock.monotonic())
      return Promise.resolve({ ok: true, addresses: kept.addresses });
    const already = running.get(name);
    if (already) return already;
    const started = ask(name).finally(() => running.delete(name));
    running.set(name, started);
    return started;
  };
}

let routes: { readAtMs: number; found: boolean } | undefined;

/**
 * Whether the machine has an IPv6 route beyond loopback, link-local and multicast: read from /proc/net/ipv6_route
 * (proc_net(5): destination, prefix length, …, flags, device), at most every 10 s.
 */
function hasIpv6Route(): boolean {
  const nowMs = systemClock.monotonic();
  if (!routes || nowMs - routes.readAtMs > 10_000) {
    let table = "";
    try {
      table = readFileSync("/proc/net/ipv6_route", "latin1");
    } catch {
      // No IPv6 in this kernel.
    }
    const found = table.split("\n").some((line) => {
      const fields = line.trim().split(/\s+/);
      return fields.length >= 10 && fields[9] !== "lo" && !/^(?:fe[89ab]|ff)/.test(fields[0]!);
    });
    routes = { readAtMs: nowMs, found };
  }
  return routes.found;
}
