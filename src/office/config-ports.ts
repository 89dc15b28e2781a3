import { isIP } from "node:net";
import type { Settings } from "./config-table.ts";
import { parseListen } from "./listen-address.ts";

/** Two services on one port: section and key of the later one, and what is wrong. An address for all takes the port on each. */
export function takenTwice({
  check,
  site,
  link,
  openvpn,
  stealth,
  socks5,
  http_proxy,
  https_proxy,
  socks5_tls,
  ssh,
  wireguard,
  ikev2,
}: Settings): [string, string, string][] {
  const listens = (section: string, key: string, protocol: string, texts: readonly string[]) =>
    texts.map((text) => ({ section, key, protocol, text, ...parseListen(text)! }));
  const all = [
    ...listens("site", "listen", "TCP", site.listen),
    ...(link.url.length === 0 ? listens("link", "listen", "TCP", [link.listen]) : []),
    ...listens("openvpn", "udp", "UDP", openvpn.udp),
    ...listens("openvpn", "tcp", "TCP", openvpn.tcp),
    ...listens("stealth", "tls", "TCP", stealth.tls),
    ...listens("stealth", "obfs4", "TCP", stealth.obfs4),
    ...listens("socks5", "listen", "TCP", socks5.listen),
    ...listens("http_proxy", "listen", "TCP", http_proxy.listen),
    ...listens("https_proxy", "listen", "TCP", https_proxy.listen),
    ...listens("socks5_tls", "listen", "TCP", socks5_tls.listen),
    ...listens("ssh", "listen", "TCP", ssh.listen),
    ...(wireguard.port === 0
      ? []
      : listens("wireguard", "port", "UDP", [`0.0.0.0:${wireguard.port}`, `[::]:${wireguard.port}`])),
    ...(ikev2.enabled
      ? listens("ikev2", "enabled", "UDP", ["0.0.0.0:500", "[::]:500", "0.0.0.0:4500", "[::]:4500"])
      : []),
    ...["UDP", "TCP"].flatMap((protocol) => listens("check", "dns_listen", protocol, check.dns_listen)),
    ...listens("check", "stun", "UDP", check.stun),
  ];
  const meet = (a: string, b: string) =>
    a === b || (isIP(a) === isIP(b) && [a, b].some((address) => address === "0.0.0.0" || address === "::"));
  return all.flatMap(({ section, key, protocol, text, address, port }, index) => {
    const first = all
      .slice(0, index)
      .find((other) => other.protocol === protocol && other.port === port && meet(other.address, address));
    return first === undefined || mayShare(first, { section, key, address })
      ? []
      : [
          [section, key, `${section}.${key}: ${text} is taken by ${first.section}.${first.key} already`] as [
            string,
            string,
            string,
          ],
        ];
  });
}

interface Claim {
  section: string;
  key: string;
  address: string;
}

/** OpenVPN hands on what is TLS; what the site has already is left out on this machine (server-settings.ts). */
function mayShare(first: Claim, later: Claim): boolean {
  const [one, other] = [first, later].map(({ section, key }) => `${section}.${key}`);
  if (other === "stealth.tls" && one === "openvpn.tcp") return first.address === later.address;
  return one === "site.listen" && ["openvpn.tcp", "stealth.tls", "https_proxy.listen"].includes(other!);
}
