import { type ServerSettings, serverSettings } from "../link/settings.ts";
import { type Config, type ListenAddress, parseListen } from "./config.ts";

const listens = (texts: string[]): ListenAddress[] => texts.map((text) => parseListen(text)!);

/** What the exit on this machine is told: lethe.toml, in the words of the roster's settings section. */
export function settingsOf(
  config: Config,
  host: string,
  addresses: string[],
  tlsCrypt: string,
): ServerSettings {
  const { server, openvpn, socks5, http_proxy, dns, egress, limits, site } = config;
  const udp = listens(openvpn.udp).map((listen) => ({ protocol: "udp" as const, ...listen }));
  const tcp = listens(openvpn.tcp).map((listen) => ({ protocol: "tcp" as const, ...listen }));
  return serverSettings.parse({
    server: server.name,
    host,
    bandwidthMbit: server.bandwidth_mbit,
    ownAddresses: addresses,
    services: {
      ...(socks5.listen.length > 0 && { socks5: { listen: listens(socks5.listen) } }),
      ...(http_proxy.listen.length > 0 && { http: { listen: listens(http_proxy.listen) } }),
      ...(udp.length + tcp.length > 0 && { openvpn: { listen: [...udp, ...tcp], tlsCrypt } }),
    },
    egress: { allow: egress.allow, deny: egress.deny, denyPorts: egress.deny_ports },
    limits: {
      connectionsPerCredential: limits.connections_per_credential,
      handshakeMs: Math.round(limits.handshake_seconds * 1000),
      idleMs: Math.round(limits.idle_minutes * 60_000),
    },
    dns: { forward: dns.forward },
    sitePorts: [parseListen(site.listen)!.port],
  });
}
