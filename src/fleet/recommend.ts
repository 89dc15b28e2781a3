import { groupsOf } from "./groups.ts";
import type { ServerStatus } from "./server-status.ts";

/** Loads that differ by less are the same: members are spread over such servers instead of all sent to one. */
const SAME_LOAD_PERCENT = 10;

interface Wanted {
  /** One that works there now; undefined: any. */
  service?: string | undefined;
  /** ISO 3166-1, either case. */
  countryCode?: string | undefined;
  group?: string | undefined;
}

/**
 * The servers to choose now, best first: up, taking new logins, and the wanted service works. A server with a service that
 * fails comes after all whose services work, a small one after those fit for everything, one whose load is not known yet
 * after those that say; then the lowest load, and of equals the most bandwidth.
 */
export function recommended(servers: readonly ServerStatus[], wanted: Wanted = {}): ServerStatus[] {
  const { service, countryCode, group } = wanted;
  return servers
    .filter(
      (server) =>
        server.state === "up" &&
        !server.draining &&
        server.services.some((each) => each.healthy && (service === undefined || each.service === service)) &&
        (countryCode === undefined || server.countryCode === countryCode.toUpperCase()) &&
        (group === undefined || inGroup(server, group)),
    )
    .map((server) => ({ server, failing: server.services.some(({ healthy }) => !healthy) }))
    .sort(
      ({ server: a, failing: aFails }, { server: b, failing: bFails }) =>
        Number(aFails) - Number(bFails) ||
        Number(b.largeDownloads) - Number(a.largeDownloads) ||
        Number(b.slotEndsAt > 0) - Number(a.slotEndsAt > 0) ||
        a.loadPercent - b.loadPercent ||
        b.bandwidthMbit - a.bandwidthMbit ||
        (a.server < b.server ? -1 : 1),
    )
    .map(({ server }) => server);
}

export const bestServer = (servers: readonly ServerStatus[]): ServerStatus | undefined =>
  recommended(servers)[0];

export const inGroup = ({ server, groups }: ServerStatus, group: string): boolean =>
  groupsOf({ name: server, groups }).includes(group);

/** Every group and its servers, by name. */
export function allGroups(servers: readonly ServerStatus[]): Map<string, ServerStatus[]> {
  const groups = new Map<string, ServerStatus[]>();
  for (const server of servers)
    for (const group of groupsOf({ name: server.server, groups: server.groups })) {
      const members = groups.get(group);
      if (members === undefined) groups.set(group, [server]);
      else members.push(server);
    }
  return new Map([...groups].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * Some of the best, the first one drawn by lot among those about as little loaded as the best, each as likely as it has
 * room: who asks in the same five minutes does not end on the same server. `random`: from 0 to below 1.
 */
export function spread(best: readonly ServerStatus[], count: number, random: number): ServerStatus[] {
  const least = best[0]?.loadPercent ?? 0;
  const alike = best.filter(({ loadPercent }) => loadPercent - least < SAME_LOAD_PERCENT);
  const room = ({ bandwidthMbit, loadPercent }: ServerStatus) =>
    (bandwidthMbit * Math.max(1, 100 - loadPercent)) / 100;
  let at = random * alike.reduce((sum, server) => sum + room(server), 0);
  const drawn = alike.find((server) => {
    at -= room(server);
    return at < 0;
  });
  const others = best.filter((server) => server !== drawn);
  return (drawn === undefined ? others : [drawn, ...others]).slice(0, count);
}
