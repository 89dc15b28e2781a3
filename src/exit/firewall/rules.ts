import { type DnsLevel, resolverOf } from "../../lib/dns-levels.ts";
import { createRangeTable, parseIp, parseRange } from "../../lib/ip.ts";
import { formatPortRange, mergedPorts } from "../../lib/port-range.ts";
import type { EgressSettings, ServerSettings } from "../../link/settings.ts";
import { closedRanges } from "../closed-ranges.ts";
import { closedPorts } from "../egress.ts";
import {
  AROUND_TUNNELS_4,
  DEVICE_PREFIX,
  RESOLVER_4,
  RESOLVER_6,
  SITE_4,
  SITE_6,
  TUNNEL_LINK_TYPE,
  TUNNELS_4,
  TUNNELS_6,
  type TunnelNetwork,
} from "../tunnel-plan.ts";
import { byFamily, map, set } from "./elements.ts";
import { hopRules } from "./hops.ts";
import { FORWARDED_PORTS, forwardedPorts } from "./port-forwarding.ts";
import { servicePorts, sourcePorts } from "./ports.ts";

/** The firewall's part of what the office tells an exit. */
export type FirewallSettings = Pick<
  ServerSettings,
  "egress" | "sitePorts" | "siteInside" | "stunPorts" | "services" | "hops" | "portForwarding"
>;

export interface FirewallFacts {
  /** Every device that members' packets come out of. */
  tunnels: readonly Pick<
    TunnelNetwork,
    "device" | "network4" | "prefix4" | "network6" | "prefix6" | "group"
  >[];
  /** Every address the machine bears now, and the settings' own; loopback and tunnel addresses among them are passed over. */
  ownAddresses: readonly string[];
  /** Whether IPv6 leads anywhere from here. */
  ipv6Uplink: boolean;
  /** The resolvers that there are beside the one that keeps nothing back. */
  levels?: readonly DnsLevel[];
  /** Ports on which others listen on this machine: port forwarding leaves them alone. */
  listening?: readonly number[];
}

/**
 * The table `inet lethe` as one transaction for `nft -f -`: the old one goes and the new one comes in the same instant.
 *
 * It acts on our tunnels alone. Whatever neither enters from nor leaves to a device of ours is accepted at once, which in
 * nftables means: the operator's own tables still decide. `iifname` with a wildcard instead of `iif`, so that rules hold
 * for a device that is not there yet or comes again. What a packet from a tunnel meets, in order:
 *
 *   prerouting  a source that is not that tunnel's: dropped; DNS goes to our resolvers
 *   input       our resolvers, the office's site and STUN, a ping to the gateway; nothing else of this machine
 *   forward     to another tunnel, or with a port that shadows a service's: dropped; closed by the egress policy: refused; else onward
 *   postrouting the exit's address as source, and a port on which this exit answers nobody
 *   guard       whatever would still leave with a tunnel's address on it, for whatever reason, is dropped
 */
export function firewallRules(settings: FirewallSettings, facts: FirewallFacts): string {
  const { egress, sitePorts, stunPorts = [] } = settings;
  const [own4, own6] = byFamily(facts.ownAddresses.filter(isOutside));
  const [deny4, deny6] = byFamily(egress.deny);
  const closed = closedRanges(egress.allow);
  const devices = deviceSet(facts.tunnels);
  const fromTunnel = `iifname ${devices}`;
  const toTunnel = `oifname ${devices}`;
  const tunnels4 = `{ ${TUNNELS_4.join(", ")} }`;
  // What every packet meets compares: a name with each of a few, an address with each of a few ranges. A set of names with a
  // wildcard, or of ranges, is a tree, which costs some times as much; and a number costs a third of a name, which is copied first.
  const names = deviceNames(facts.tunnels);
  const eachTunnel = (way: "iifname" | "oifname", verdict: string): string =>
    names.map((name) => `    ${way} "${name}" ${verdict}`).join("\n");
  const known = "    ct state established,related accept";
  const elsewhere = `ip saddr != ${AROUND_TUNNELS_4} ip daddr != ${AROUND_TUNNELS_4}`;
  const elsewhere6 = `ip6 saddr != ${TUNNELS_6} ip6 daddr != ${TUNNELS_6}`;
  const bySource =
    facts.tunnels.length === 0
      ? ""
      : `    iifname vmap { ${facts.tunnels.map(({ device }) => `"${device}" : goto from_${device}`).join(", ")} }`;
  const tunnelAddress = (["saddr", "daddr"] as const)
    .flatMap((which) => [
      ...TUNNELS_4.map((tunnel) => `    ip ${which} ${tunnel} drop`),
      `    ip6 ${which} ${TUNNELS_6} drop`,
    ])
    .join("\n");
  const office = [
    ...(sitePorts.length > 0 ? ["tcp dport @site_ports"] : []),
    ...(stunPorts.length > 0 ? ["udp dport @stun_ports"] : []),
  ];
  const ports = `:${sourcePorts(settings).join("-")}`;
  const hops = hopRules(settings.hops ?? [], { fromTunnel, sourcePorts: ports });
  const levels = (["none", ...(facts.levels ?? [])] as const).map(resolverOf);
  const resolvers4 = `{ ${levels.map(({ v4 }) => v4).join(", ")} }`;
  const resolvers6 = `{ ${levels.map(({ v6 }) => v6).join(", ")} }`;
  const forwarding = settings.portForwarding === true;
  // What the operator has blocked ends also where it is established: looked for at every packet only while something is. A
  // member's answer to a caller with such a port is none of it.
  const blocked = [...egress.denyPorts, ...deniedRanges(egress)];
  const toBlocked = [
    ...(blocked.length > 0
      ? ["ct direction original meta l4proto { tcp, udp } th dport @blocked_ports goto refuse"]
      : []),
    ...(deny4.length > 0 ? ["ip daddr @deny4 goto refuse"] : []),
    ...(deny6.length > 0 ? ["ip6 daddr @deny6 goto refuse"] : []),
  ]
    .map((rule) => `    ${rule}`)
    .join("\n");
  // What answers a SYN belongs to an established connection; from a member it comes with port forwarding alone.
  const segments = "    tcp flags syn / syn,rst tcp option maxseg size set rt mtu";
  // Past its SYNs a connection meets these two alone: nothing is established that `members` has not let through.
  const opened = `    tcp flags & syn == syn goto members\n${known}`;
  // The source's device was looked at in prerouting, by its link type first; here it costs no more than a look at what is new.
  const fromNoTunnel = [`ip saddr != ${tunnels4}`, `ip6 saddr != ${TUNNELS_6}`]
    .map((source) => `    ${source} drop`)
    .join("\n");
  // Clients draw their own ports from 32768 on (Linux) or 49152 on: a service there is kept by `sourcePorts` alone.
  const services = servicePorts(settings.services).filter(({ port }) => port < 32_768);

  return `table inet lethe
delete table inet lethe
table inet lethe {
${set("closed4", "ipv4_addr", closed.v4)}
${set("closed6", "ipv6_addr", closed.v6)}
${set("deny4", "ipv4_addr", deny4)}
${set("deny6", "ipv6_addr", deny6)}
${set("own4", "ipv4_addr", own4)}
${set("own6", "ipv6_addr", own6)}
${blocked.length > 0 ? set("blocked_ports", "inet_service", blocked) : ""}
${set("denied_ports", "inet_service", [...closedPorts, ...egress.denyPorts, ...deniedRanges(egress)])}
${set("site_ports", "inet_service", sitePorts)}
${set("stun_ports", "inet_service", stunPorts)}
${set(
  "service_ports",
  "inet_proto . inet_service",
  services.map(({ protocol, port }) => `${protocol} . ${port}`),
)}
${hops.sets}
${forwarding ? map("forwarded", "inet_service : ipv4_addr", forwardedPorts(settings.services, taken(settings, facts))) : ""}

${facts.tunnels.map((tunnel) => sourceChain(tunnel, facts.ipv6Uplink)).join("\n")}

  chain from_tunnel {
    # Nearly every packet has the source of its device; what has not, or is IPv6, meets one look more, however many tunnels there are.
${facts.tunnels.map(({ group, network4, prefix4 }) => `    iifgroup ${group} ip saddr ${network4}/${prefix4} accept`).join("\n")}
${bySource}
  }

  chain early {
    type filter hook prerouting priority raw; policy accept;
    iiftype ${TUNNEL_LINK_TYPE} jump from_tunnel
    # Nearly every packet that is no member's has done with one of these.
    ${elsewhere} accept
    ${elsewhere6} accept
${bySource}
    iifname "lo" accept
    # Nobody outside speaks to, or as, an address of the tunnels.
${tunnelAddress}
  }

  chain resolve {
    type nat hook prerouting priority dstnat; policy accept;
${siteInside(settings, fromTunnel, own4[0], own6[0])}    ${fromTunnel} ip daddr ${resolvers4} accept
    ${fromTunnel} ip6 daddr ${resolvers6} accept
    ${fromTunnel} meta nfproto ipv4 meta l4proto { tcp, udp } th dport 53 dnat ip to ${RESOLVER_4}
    ${fromTunnel} meta nfproto ipv6 meta l4proto { tcp, udp } th dport 53 dnat ip6 to ${RESOLVER_6}
  }

  chain lead_on {
    # From outside: to another exit, to a member's device.
    type nat hook prerouting priority dstnat; policy accept;
${hops.lead}
${forwarding ? `    ${fromTunnel.replace("iifname ", "iifname != ")} ip daddr @own4 meta l4proto { tcp, udp } dnat ip to th dport map @forwarded` : ""}
  }

  chain input {
    type filter hook input priority filter; policy accept;
${known}
${eachTunnel("iifname", "goto to_us")}
  }

  chain to_us {
${fromNoTunnel}
    ip daddr ${resolvers4} meta l4proto { tcp, udp } th dport 53 accept
    ip6 daddr ${resolvers6} meta l4proto { tcp, udp } th dport 53 accept
    ip daddr @own4 tcp dport @site_ports accept
    ip daddr @own4 udp dport @stun_ports accept
    ip6 daddr @own6 tcp dport @site_ports accept
    ip6 daddr @own6 udp dport @stun_ports accept
    ip daddr ${tunnels4} icmp type echo-request accept
    ip6 daddr ${TUNNELS_6} icmpv6 type echo-request accept
    meta l4proto tcp reject with tcp reset
    reject with icmpx admin-prohibited
  }

  chain forward {
    type filter hook forward priority filter; policy accept;
${toBlocked === "" ? opened : ""}
    goto members
  }

  chain members {
${eachTunnel("iifname", "goto outward")}
${eachTunnel("oifname", "goto inward")}
  }

  chain outward {
    # One member's device never reaches another's.
${eachTunnel("oifname", "drop")}
${toBlocked}
${forwarding ? segments : ""}
${known}
${forwarding ? "" : segments}
    ct state invalid drop
${fromNoTunnel}
    # CVE-2021-3773: with a service's port as its source, a client could take over what is meant for the service.
    meta l4proto . th sport @service_ports drop
    meta l4proto { tcp, udp } th dport @denied_ports goto refuse
    ip daddr @own4 tcp dport @site_ports accept
    ip daddr @own4 udp dport @stun_ports accept
    ip6 daddr @own6 tcp dport @site_ports accept
    ip6 daddr @own6 udp dport @stun_ports accept
    ip daddr @own4 goto refuse
    ip6 daddr @own6 goto refuse
    ip daddr @closed4 goto refuse
    ip6 daddr @closed6 goto refuse
    accept
  }

  chain inward {
${forwarding && blocked.length > 0 ? "    ct status dnat ct direction original meta l4proto { tcp, udp } th dport @blocked_ports drop" : ""}
${segments}
${known}
${forwarding ? "    ct status dnat meta l4proto { tcp, udp } accept" : ""}
    drop
  }

  chain refuse {
    meta l4proto tcp reject with tcp reset
    reject with icmpx admin-prohibited
  }

  chain output {
    type filter hook output priority filter; policy accept;
${known}
${eachTunnel("oifname", "goto from_us")}
  }

  chain from_us {
    # This machine answers members, and asks them nothing.
    # icmpv6 is a word of nft's own; ipv6-icmp would need /etc/protocols, which a bare Debian has not.
    meta l4proto { icmp, icmpv6 } accept
    drop
  }

${office.length > 0 ? officeAddress(fromTunnel, office, own4, own6) : ""}  chain source {
    type nat hook postrouting priority srcnat; policy accept;
${forwarding ? callers(toTunnel) : ""}
    ${toTunnel} accept
    oifname "lo" accept
${hops.source}
    ip saddr ${tunnels4} meta l4proto { tcp, udp } masquerade to ${ports} fully-random
    ip6 saddr ${TUNNELS_6} meta l4proto { tcp, udp } masquerade to ${ports} fully-random
    ip saddr ${tunnels4} masquerade
    ip6 saddr ${TUNNELS_6} masquerade
  }

  chain guard {
    # After every source translation: what conntrack calls invalid is not translated, and would leave as it is.
    type filter hook postrouting priority srcnat + 50; policy accept;
    ${elsewhere} accept
    ${elsewhere6} accept
${eachTunnel("oifname", "accept")}
    oifname "lo" accept
${tunnelAddress}
  }
}
`.replace(/\n{2,}(?= {4}| {2}\})/g, "\n");
}

const deniedRanges = ({ denyPortRanges = [] }: EgressSettings): string[] =>
  mergedPorts(denyPortRanges).map(formatPortRange);

/** Ports that lead to no member: other things listen there, or the operator has closed them. */
const taken = (settings: FirewallSettings, { listening }: FirewallFacts): Set<number> =>
  new Set([
    ...servicePorts(settings.services).map(({ port }) => port),
    ...settings.sitePorts,
    ...(settings.stunPorts ?? []),
    ...(settings.hops ?? []).flatMap(({ ports }) => ports.map(({ port }) => port)),
    ...(listening ?? []),
    ...FORWARDED_PORTS.filter((port) => denied(settings.egress, port)),
  ]);

const denied = ({ denyPortRanges = [] }: EgressSettings, port: number): boolean =>
  denyPortRanges.some(({ from, to }) => from <= port && port <= to);

function sourceChain(
  { device, network4, prefix4, network6, prefix6 }: FirewallFacts["tunnels"][number],
  ipv6Uplink: boolean,
): string {
  const own6 = `ip6 saddr ${network6}/${prefix6}`;
  // No IPv6 from here: said at once, so that the client's programs take IPv4 and nothing waits.
  const v6 = ipv6Uplink
    ? `    ${own6} accept`
    : `    ${own6} ip6 daddr ${TUNNELS_6} accept\n    ${own6} reject with icmpv6 no-route`;
  return `  chain from_${device} {\n    ip saddr ${network4}/${prefix4} accept\n${v6}\n    drop\n  }`;
}

/** Our devices for a match: all with our prefix, there or not, and those whose engine gave them another name. */
function deviceSet(tunnels: FirewallFacts["tunnels"]): string {
  const names = deviceNames(tunnels).map((name) => `"${name}"`);
  return names.length === 1 ? names[0]! : `{ ${names.join(", ")} }`;
}

function deviceNames(tunnels: FirewallFacts["tunnels"]): string[] {
  const others = tunnels.map(({ device }) => device).filter((device) => !device.startsWith(DEVICE_PREFIX));
  return [`${DEVICE_PREFIX}*`, ...new Set(others)];
}

/** The site at its address inside the tunnels, for members whose exit is the office's own machine. */
function siteInside(
  { siteInside: site }: FirewallSettings,
  fromTunnel: string,
  own4: string | undefined,
  own6: string | undefined,
): string {
  const at4 = site?.v4 === "0.0.0.0" ? own4 : site?.v4;
  const at6 = site?.v6 === "::" ? own6 : site?.v6;
  return [
    at4 !== undefined && `    ${fromTunnel} ip daddr ${SITE_4} tcp dport @site_ports dnat ip to ${at4}\n`,
    at6 !== undefined && `    ${fromTunnel} ip6 daddr ${SITE_6} tcp dport @site_ports dnat ip6 to ${at6}\n`,
  ]
    .filter(Boolean)
    .join("");
}

/** Loopback, link-local and tunnel addresses are closed as ranges already. */
const inside = createRangeTable(
  ["127.0.0.0/8", "::1", "fe80::/10", ...TUNNELS_4, TUNNELS_6].map((text) => ({
    range: parseRange(text)!,
    value: 1,
  })),
);
const isOutside = (address: string): boolean => {
  const ip = parseIp(address);
  return ip !== undefined && inside.lookup(ip) === undefined;
};

/**
 * Most clients reach their exit past the tunnel, by a route of its own. Who gets another member of the same exit to open one of his
 * ports (a picture in a page is enough) would see where that member really is ("Port Fail", 2015). So to a device every caller
 * has the exit's address inside the tunnel.
 */
const callers = (toTunnel: string): string => `    ${toTunnel} ct status dnat masquerade`;

/** The office sees a member from inside the tunnel as the exit itself: it learns no tunnel address. */
function officeAddress(
  fromTunnel: string,
  ports: readonly string[],
  own4: readonly string[],
  own6: readonly string[],
): string {
  const map = (addresses: readonly string[]): string =>
    addresses.map((address) => `${address} : ${address}`).join(", ");
  const rule = (family: "ip" | "ip6", addresses: readonly string[]): string =>
    addresses.length === 0
      ? ""
      : ports
          .map(
            (port) =>
              `    ${fromTunnel} ${port} snat ${family} to ${family} daddr map { ${map(addresses)} }\n`,
          )
          .join("");
  return `  chain office_source {
    type nat hook input priority 100; policy accept;
${rule("ip", own4)}${rule("ip6", own6)}  }

`;
}
