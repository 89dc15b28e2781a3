import type { ServiceOffer } from "../fleet/servers.ts";
import type { Service } from "../link/services.ts";
import { sentence } from "./languages/language.ts";

const NAMES: Record<Service, string> = {
  openvpn: "OpenVPN",
  wireguard: "WireGuard",
  ikev2: "IKEv2",
  ssh: sentence("SSH tunnel"),
  socks5: sentence("SOCKS5 proxy"),
  "socks5-tls": sentence("SOCKS5 proxy over TLS"),
  http: sentence("HTTP proxy"),
  https: sentence("HTTPS proxy"),
  "stealth-tls": sentence("OpenVPN in TLS"),
  "stealth-obfs4": sentence("OpenVPN in obfs4"),
};

export const serviceName = (service: string): string => NAMES[service as Service] ?? service;

/** Where many stand in a row: `SOCKS5`. */
export const shortServiceName = (service: string): string => serviceName(service).replace(/ proxy$/, "");

/** `UDP 1194, TCP 1194, 443` for OpenVPN; the ports alone where there is only TCP. */
export function portsText(ports: ServiceOffer["ports"]): string {
  const of = (protocol: "udp" | "tcp") =>
    ports.filter((port) => port.protocol === protocol).map(({ port }) => port);
  const udp = of("udp");
  const tcp = of("tcp");
  if (udp.length === 0) return tcp.join(", ");
  return [`UDP ${udp.join(", ")}`, tcp.length > 0 ? `TCP ${tcp.join(", ")}` : ""].filter(Boolean).join(" · ");
}
