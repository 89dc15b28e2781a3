import { inGroup, recommended } from "../../fleet/recommend.ts";
import type { ServerStatus } from "../../fleet/server-status.ts";
import type { ProfileOptions } from "../../profiles/kinds.ts";
import type { Web } from "../web.ts";

/** A client tries one after another, and ten seconds each: more are of no use, and some clients take no more than 64 lines. */
const REMOTES_MOST = 30;

/**
 * The names of those of a group's servers that stand in its OpenVPN profile: all, so that the file is good for long; of more
 * than it can hold, those that are best now.
 */
export function groupServers(members: readonly ServerStatus[]): string[] {
  const lasting = members.filter(({ draining }) => !draining);
  const all = lasting.length > 0 ? lasting : members;
  if (all.length <= REMOTES_MOST) return all.map(({ server }) => server);
  const best = recommended(all, { service: "openvpn" });
  const others = all.filter((server) => !best.includes(server));
  return [...best, ...others]
    .slice(0, REMOTES_MOST)
    .map(({ server }) => server)
    .sort();
}

/**
 * The OpenVPN profile under a name: a server's, or a group's. A group's is over UDP alone unless told: to take one line of
 * all at random would be to take TCP as often, which is slower. Undefined where nobody has that name, or no OpenVPN.
 */
export function profileNamed(
  web: Web,
  servers: readonly ServerStatus[],
  name: string,
  options: ProfileOptions,
): string | undefined {
  if (servers.some(({ server }) => server === name))
    return web.profiles("openvpn", [name], options)[0]?.content;
  const profile = (names: readonly string[], given: ProfileOptions) =>
    web.profiles("openvpn", names, given)[0]?.content;
  const members = groupServers(servers.filter((server) => inGroup(server, name)));
  if (options.protocol !== undefined) return profile(members, options);
  return (
    profile(members, { ...options, protocol: "udp" }) ?? profile(members, { ...options, protocol: "tcp" })
  );
}
