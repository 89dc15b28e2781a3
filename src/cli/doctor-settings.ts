import { FORWARDED_PORTS } from "../exit/firewall/port-forwarding.ts";
import { type HopProtocol, type HopService, hopPort, SERVER_NUMBER_MOST } from "../fleet/hops.ts";
import { BLOCKLISTS } from "../lib/blocklist.ts";
import type { Config } from "../office/config.ts";
import { parseListen } from "../office/listen-address.ts";
import { bad, type Finding, note } from "./finding.ts";
import { blocklistProblems } from "./named-files.ts";

/** Settings of [vpn] and [blocklists] that are right by themselves, and do not go with others. */
export const checkTogether = (settings: Config): Finding[] => [
  ...checkTwoHops(settings),
  ...checkPortForwarding(settings),
  ...checkBlocklists(settings),
];

interface Place {
  setting: string;
  protocol: HopProtocol;
  port: number;
}

/** Every port that lethe.toml gives to something on this machine. */
function placesOf(config: Config): Place[] {
  const { site, openvpn, stealth, socks5, http_proxy, https_proxy, socks5_tls, ssh, wireguard, check } =
    config;
  const of = (setting: string, protocol: HopProtocol, texts: readonly string[]): Place[] =>
    [...new Set(texts.map((text) => parseListen(text)!.port))].map((port) => ({ setting, protocol, port }));
  return [
    ...of("site.listen", "tcp", site.listen),
    ...of("openvpn.udp", "udp", openvpn.udp),
    ...of("openvpn.tcp", "tcp", openvpn.tcp),
    ...of("stealth.tls", "tcp", stealth.tls),
    ...of("stealth.obfs4", "tcp", stealth.obfs4),
    ...of("socks5.listen", "tcp", socks5.listen),
    ...of("socks5_tls.listen", "tcp", socks5_tls.listen),
    ...of("http_proxy.listen", "tcp", http_proxy.listen),
    ...of("https_proxy.listen", "tcp", https_proxy.listen),
    ...of("ssh.listen", "tcp", ssh.listen),
    ...of("check.dns_listen", "udp", check.dns_listen),
    ...of("check.stun", "udp", check.stun),
    ...(wireguard.port === 0
      ? []
      : [{ setting: "wireguard.port", protocol: "udp" as const, port: wireguard.port }]),
  ];
}

const offersOpenvpn = ({ openvpn }: Config): boolean => openvpn.udp.length + openvpn.tcp.length > 0;

/** With a port of another server's, what comes for the service of this machine goes on to that server. */
function checkTwoHops(config: Config): Finding[] {
  const { vpn, wireguard } = config;
  if (!vpn.two_hops) return [];
  const services: HopService[] = [
    ...(wireguard.port > 0 ? ["wireguard" as const] : []),
    ...(offersOpenvpn(config) ? ["openvpn" as const] : []),
  ];
  if (services.length === 0)
    return [
      note(
        "two hops",
        "vpn.two_hops is on, and neither OpenVPN nor WireGuard is offered: nothing else can take two hops",
        "offer one of them, or set vpn.two_hops = false",
      ),
    ];
  return placesOf(config).flatMap(({ setting, protocol, port }) =>
    services.some(
      (service) =>
        hopPort(1, service, protocol) !== undefined &&
        port >= hopPort(1, service, protocol)! &&
        port <= hopPort(SERVER_NUMBER_MOST, service, protocol)!,
    )
      ? [
          bad(
            "two hops",
            `${protocol.toUpperCase()} port ${port} of ${setting} is one that leads on to another server`,
            "choose a port outside 52001 to 52999 and 53001 to 53999, or set vpn.two_hops = false",
          ),
        ]
      : [],
  );
}

function checkPortForwarding(config: Config): Finding[] {
  if (!config.vpn.port_forwarding) return [];
  if (!offersOpenvpn(config) && !config.ikev2.enabled)
    return [
      note(
        "forwarding",
        "vpn.port_forwarding is on, and neither OpenVPN nor IKEv2 is offered: WireGuard's devices have no ports",
        "offer one of them, or set vpn.port_forwarding = false",
      ),
    ];
  const forwarded = new Set(FORWARDED_PORTS);
  return placesOf(config)
    .filter(({ port }) => forwarded.has(port))
    .map(({ setting, port }) =>
      note(
        "forwarding",
        `port ${port} of ${setting} is a member's by vpn.port_forwarding: whoever would have it gets one port less`,
        "choose a port outside 10000 to 14095, 20000 to 24095 and 30000 to 34095",
      ),
    );
}

function checkBlocklists(config: Config): Finding[] {
  if (BLOCKLISTS.every((list) => config.blocklists[list].length === 0)) return [];
  if (!offersOpenvpn(config) && config.wireguard.port === 0 && !config.ikev2.enabled)
    return [
      note(
        "blocklists",
        "[blocklists] names lists, and no VPN is offered: proxies look names up without them",
        "offer OpenVPN, WireGuard or IKEv2",
      ),
    ];
  return blocklistProblems(config).map((problem) =>
    bad(
      "blocklists",
      problem,
      "put the file there, or take it out of lethe.toml; then: lethe blocklists renew",
    ),
  );
}
