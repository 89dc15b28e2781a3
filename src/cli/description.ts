import type { CertificateState } from "../certificates/state.ts";
import { describeCertificate } from "../certificates/words.ts";
import type { Failure } from "../exit/failure.ts";
import type { ListeningReport } from "../exit/messages.ts";

/** What `lethe status` answers, and `lethe up` prints: what runs where. */
export interface StatusReport {
  /** False while the exit has not yet tried every service. */
  settled: boolean;
  site: string;
  /** The site's, where it speaks TLS itself. */
  certificate?: CertificateState | undefined;
  data: string;
  settings: string;
  services: ListeningReport[];
  warnings: string[];
}

const NAMES: Record<ListeningReport["service"], string> = {
  openvpn: "OpenVPN",
  wireguard: "WireGuard",
  ikev2: "IKEv2",
  ssh: "SSH",
  socks5: "SOCKS5",
  "socks5-tls": "SOCKS5 over TLS",
  http: "HTTP proxy",
  https: "HTTPS proxy",
  "stealth-tls": "OpenVPN in TLS",
  "stealth-obfs4": "OpenVPN in obfs4",
};

const FAILURES: Record<Failure, string> = {
  EADDRINUSE: "FAILED: another program has this port; stop it or choose another in lethe.toml",
  EACCES: "FAILED: ports below 1024 need root",
  EADDRNOTAVAIL: "FAILED: this machine does not have that address",
  "no-root": "not available: the VPN needs root (sudo npm start)",
  "no-tun": "not available: this machine makes no tunnel devices (is there a /dev/net/tun?)",
  "not-installed": "not available: a Debian package is missing; run npm start as root",
  "no-certificate": "not available: the office has not signed this exit's certificate",
  other: "FAILED: it could not be started",
};

/** Inside TLS that is another one: of a public authority, for the host that members connect to. */
const NO_PUBLIC_CERTIFICATE =
  "not available: there is no public certificate for its host yet (lethe certificates says why)";
const SHOW_PUBLIC_CERTIFICATE = new Set<ListeningReport["service"]>(["https", "socks5-tls"]);

const failureText = ({ service, failed }: ListeningReport): string | undefined => {
  if (failed === "no-certificate" && SHOW_PUBLIC_CERTIFICATE.has(service)) return NO_PUBLIC_CERTIFICATE;
  return failed && FAILURES[failed];
};

const RUNS_IN: Record<NonNullable<ListeningReport["runsIn"]>, string> = {
  kernel: "ready, in the kernel",
  "wireguard-go": "ready, by wireguard-go: this kernel has no WireGuard",
};

/** The report for a person's terminal. */
export function describe({
  settled,
  site,
  certificate,
  data,
  settings,
  services,
  warnings,
}: StatusReport): string {
  const rows = services.map((report) => {
    const { service, protocol, address, port, runsIn } = report;
    const where = `${address.includes(":") ? `[${address}]` : address}:${port}`;
    const state = failureText(report) ?? (runsIn === undefined ? "ready" : RUNS_IN[runsIn]);
    return `  ${NAMES[service].padEnd(18)}${protocol.toUpperCase().padEnd(5)}${where.padEnd(24)}${state}`;
  });
  return [
    "",
    `  Site        ${site}`,
    ...(certificate ? [`  Certificate ${describeCertificate(certificate)}`] : []),
    `  Data        ${data}`,
    `  Settings    ${settings}`,
    "",
    ...rows,
    ...(settled ? [] : ["  The exit is still starting; `lethe status` shows its services."]),
    ...warnings.map((warning) => `\n  Note: ${warning}`),
    "",
  ].join("\n");
}
