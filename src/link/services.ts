/**
 * Every service that an exit can offer, by the name it has everywhere: in settings, reports, the status list and the API.
 * `socks5-tls` and `https` are the proxies inside TLS with a public certificate; `stealth-tls` and `stealth-obfs4` carry
 * OpenVPN (TCP) inside TLS and obfs4.
 */
export const SERVICES = [
  "openvpn",
  "wireguard",
  "ikev2",
  "ssh",
  "socks5",
  "socks5-tls",
  "http",
  "https",
  "stealth-tls",
  "stealth-obfs4",
] as const;

export type Service = (typeof SERVICES)[number];

/** They relay single connections of programs; the others carry a whole device, and count by it. */
const PROXY_SERVICES: readonly Service[] = ["socks5", "socks5-tls", "http", "https"];

export const isProxyService = (service: Service): boolean => PROXY_SERVICES.includes(service);
