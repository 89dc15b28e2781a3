import { BLOCKLISTS, type Blocklist } from "../../lib/blocklist.ts";
import { resolverOf } from "../../lib/dns-levels.ts";
import type { ServerSettings } from "../../link/settings.ts";
import { closedRanges } from "../closed-ranges.ts";
import { SELF_TEST_ADDRESS } from "../self-test/resolver.ts";
import { SELF_TEST_NAME } from "../self-test/target.ts";
import { DEVICES_4, RESOLVER_4, RESOLVER_6, SITE_4, SITE_6, TUNNELS_4, TUNNELS_6 } from "../tunnel-plan.ts";

export interface ResolverPlace {
  /** Unix user that unbound becomes; undefined where it is started without root anyway. */
  user: string | undefined;
  /** The root zone's key (Debian: dns-root-data), where there is one. */
  rootKey: string | undefined;
  /** Whether the kernel does IPv6 at all, and whether IPv6 leads anywhere from here. */
  ipv6: boolean;
  ipv6Uplink: boolean;
}

/**
 * The resolver inside the tunnels (unbound.conf(5), 1.17). It answers tunnels and this machine alone, logs nothing and
 * keeps its cache in memory. A name that leads into a closed range is answered without that address, so that no page can
 * reach a private network through a member's browser.
 * Where the operator names forwarders, what they answer is validated as well, unless he says that they pass no signatures on: then
 * every answer would fail.
 */
export function resolverConfiguration(settings: ResolverSettings, place: ResolverPlace): string {
  const closed = closedRanges(settings.egress.allow);
  const server = [
    `interface: ${RESOLVER_4}`,
    place.ipv6 && `interface: ${RESOLVER_6}`,
    "port: 53",
    "access-control: 0.0.0.0/0 refuse",
    "access-control: ::/0 refuse",
    ...TUNNELS_4.map((range) => `access-control: ${range} allow`),
    `access-control: ${TUNNELS_6} allow`,
    "access-control: 127.0.0.0/8 allow",
    // Without an IPv6 uplink each try to ask a name server over IPv6 would only cost time.
    !place.ipv6Uplink && "outgoing-interface: 0.0.0.0",
    // Members' ports, where they have some: what comes to one of them is not for unbound.
    "outgoing-port-avoid: 10000-34095",
    ...common(place, validates(settings, place)),
    ...siteViewUsers(settings),
    ...[...closed.v4, ...closed.v6].map((range) => `private-address: ${range}`),
  ];
  return `${fileOf(server, settings.dns.forward)}${siteView(settings)}`;
}

type ResolverSettings = Pick<ServerSettings, "dns" | "egress" | "siteInside">;

const SITE_VIEW = "site";
/** Seconds: a client that has left the tunnel is not to go on with the address inside. */
const SITE_TTL_S = 5;

/** Members' devices see the site of this machine inside the tunnel; the proxies, which ask from this machine, do not. */
const siteViewUsers = ({ siteInside }: ResolverSettings): string[] =>
  siteInside === undefined
    ? []
    : [...DEVICES_4, TUNNELS_6].map((range) => `access-control-view: ${range} ${SITE_VIEW}`);

function siteView({ siteInside }: ResolverSettings): string {
  if (siteInside === undefined) return "";
  const data = (name: string, type: string, address: string) =>
    `local-data: "${name}. ${SITE_TTL_S} IN ${type} ${address}"`;
  const lines = siteInside.names.flatMap((name) => [
    // Other types than these (mail, text) are looked up as ever.
    `local-zone: "${name}." typetransparent`,
    siteInside.v4 !== undefined && data(name, "A", SITE_4),
    siteInside.v6 !== undefined && data(name, "AAAA", SITE_6),
  ]);
  const { v4, v4Name } = siteInside;
  if (v4 !== undefined && v4Name !== undefined)
    lines.push(`local-zone: "${v4Name}." typetransparent`, data(v4Name, "A", SITE_4));
  return `${["view:", ...indented([`name: "${SITE_VIEW}"`, "view-first: yes", ...lines])].join("\n")}\n`;
}

/** What both resolvers are told alike. */
const common = (place: ResolverPlace, validating: boolean): (string | false)[] => [
  'chroot: ""',
  'pidfile: ""',
  `username: "${place.user ?? ""}"`,
  "do-daemonize: no",
  "use-syslog: no",
  'logfile: ""',
  "verbosity: 0",
  "log-queries: no",
  "log-replies: no",
  "log-servfail: no",
  "statistics-interval: 0",
  "extended-statistics: no",
  "hide-identity: yes",
  "hide-version: yes",
  "hide-trustanchor: yes",
  "qname-minimisation: yes",
  "minimal-responses: yes",
  "harden-glue: yes",
  "harden-dnssec-stripped: yes",
  "harden-below-nxdomain: yes",
  "harden-referral-path: no",
  "aggressive-nsec: yes",
  "use-caps-for-id: no",
  "edns-buffer-size: 1232",
  "unwanted-reply-threshold: 10000000",
  "num-threads: 1",
  "msg-cache-size: 32m",
  "rrset-cache-size: 64m",
  "outgoing-range: 4096",
  "num-queries-per-thread: 2048",
  `module-config: "${validating ? "validator iterator" : "iterator"}"`,
  validating && `trust-anchor-file: "${place.rootKey}"`,
  // What the exit asks it each minute to see that it answers (self-test/resolver.ts).
  `local-zone: "${SELF_TEST_NAME}." static`,
  `local-data: "${SELF_TEST_NAME}. 60 IN A ${SELF_TEST_ADDRESS}"`,
];

/**
 * The resolver of the levels that keep something back: it asks the one above and leaves out what the lists name, each level's
 * list and those before it. One process with the names once, told apart by the interface that was asked: unbound 1.17 goes by
 * `interface-tag` only where there is an `interface-action` too, and never for response policy zones, whose names cost it
 * nearly three times the memory.
 */
export function filteringConfiguration(
  settings: ResolverSettings,
  place: ResolverPlace,
  lists: readonly { list: Blocklist; path: string }[],
): string {
  const levels = BLOCKLISTS.slice(BLOCKLISTS.indexOf(lists[0]!.list));
  const server = [
    `define-tag: "${BLOCKLISTS.join(" ")}"`,
    ...levels.flatMap((level) => {
      const { v4, v6 } = resolverOf(level);
      const upTo = BLOCKLISTS.slice(0, BLOCKLISTS.indexOf(level) + 1).join(" ");
      return (place.ipv6 ? [v4, v6] : [v4]).flatMap((address) => [
        `interface: ${address}`,
        `interface-action: ${address} allow`,
        `interface-tag: ${address} "${upTo}"`,
      ]);
    }),
    "port: 53",
    ...common(place, validates(settings, place)),
    ...siteViewUsers(settings),
    ...lists.map(({ path }) => `include: "${path}"`),
  ];
  return `${fileOf(server, [RESOLVER_4])}${siteView(settings)}`;
}

/** Without the root's key nothing can be. */
const validates = ({ dns }: Pick<ServerSettings, "dns">, { rootKey }: ResolverPlace): boolean =>
  rootKey !== undefined && !believesForwarders(dns);

/** Whether the operator's forwarders are believed, since they pass no signatures on. */
export const believesForwarders = (dns: { forward: readonly string[]; validate?: boolean }): boolean =>
  dns.forward.length > 0 && dns.validate === false;

function fileOf(server: (string | false)[], forward: readonly string[]): string {
  const zone = ['name: "."', "forward-first: no", ...forward.map((address) => `forward-addr: ${address}`)];
  return `${[
    "# Written by Lethe from the roster; changes are overwritten.",
    "server:",
    ...indented(server),
    "remote-control:",
    ...indented(["control-enable: no"]),
    ...(forward.length > 0 ? ["forward-zone:", ...indented(zone)] : []),
  ].join("\n")}\n`;
}

const indented = (lines: (string | false)[]): string[] =>
  lines.filter((line) => line !== false).map((line) => `  ${line}`);
