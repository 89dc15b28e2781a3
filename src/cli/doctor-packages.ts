import { existsSync } from "node:fs";
import { believesForwarders } from "../exit/dns/configuration.ts";
import { rootKeyFile } from "../exit/dns/engine.ts";
import { CHARON } from "../exit/ikev2/engine.ts";
import { EAP_RADIUS } from "../exit/ikev2/service.ts";
import { strongswanIsMended } from "../exit/ikev2/version.ts";
import { findProgram } from "../lib/run-command.ts";
import type { Config } from "../office/config.ts";
import { bad, type Finding, good } from "./finding.ts";

interface Need {
  package: string;
  /** What cannot be offered without it, in the operator's words. */
  for: string;
  there: boolean;
}

const GCM = "/usr/lib/ipsec/plugins/libstrongswan-gcm.so";

type Has = { program: (name: string) => boolean; file: (path: string) => boolean; rootKey: () => boolean };
const here: Has = {
  program: (name) => findProgram(name) !== undefined,
  file: existsSync,
  rootKey: () => rootKeyFile() !== undefined,
};

/** The Debian packages of every service that these settings offer. */
export function checkPackages(settings: Config, has: Has = here): Finding {
  const needs = needsOf(settings, has);
  const missing = needs.filter(({ there }) => !there);
  if (missing.length === 0) return good("packages", needs.map((need) => need.package).join(", "));
  const names = missing.map((need) => need.package).join(" ");
  return bad(
    "packages",
    `missing: ${missing.map((need) => `${need.package} (${need.for})`).join(", ")}`,
    `sudo npm start installs them, or: apt-get install ${names}`,
  );
}

function needsOf({ openvpn, wireguard, ikev2, stealth, dns }: Config, has: Has): Need[] {
  const program = (name: string, needed: string, reason: string): Need => ({
    package: needed,
    for: reason,
    there: has.program(name),
  });
  const file = (path: string, needed: string): Need => ({
    package: needed,
    for: "IKEv2",
    there: has.file(path),
  });
  const offersOpenvpn = openvpn.udp.length + openvpn.tcp.length > 0;
  const offersVpn = offersOpenvpn || wireguard.port > 0 || ikev2.enabled;
  return [
    program("openssl", "openssl", "certificates"),
    ...(offersVpn
      ? [
          program("nft", "nftables", "the firewall of every VPN"),
          program("ip", "iproute2", "the devices of every VPN"),
          program("unbound", "unbound", "names inside the tunnels"),
        ]
      : []),
    ...(offersVpn && !believesForwarders(dns)
      ? [{ package: "dns-root-data", for: "DNSSEC", there: has.rootKey() }]
      : []),
    ...(offersOpenvpn ? [program("openvpn", "openvpn", "OpenVPN")] : []),
    // wireguard-go: doctor-engines.ts, since not every kernel needs it.
    ...(wireguard.port > 0 ? [program("wg", "wireguard-tools", "WireGuard")] : []),
    ...(ikev2.enabled
      ? [
          program(CHARON, "charon-systemd", "IKEv2"),
          file(EAP_RADIUS, "libcharon-extra-plugins"),
          file(GCM, "libstrongswan-standard-plugins"),
        ]
      : []),
    ...(stealth.tls.length > 0 && openvpn.tcp.length > 0
      ? [program("stunnel4", "stunnel4", "OpenVPN inside TLS")]
      : []),
    ...(stealth.obfs4.length > 0 && openvpn.tcp.length > 0
      ? [program("obfs4proxy", "obfs4proxy", "OpenVPN inside obfs4")]
      : []),
  ];
}

/** An exit keeps IKEv2 off with a strongSwan that lets people in unasked (exit/ikev2/version.ts). */
export async function checkStrongswan({ ikev2 }: Pick<Config, "ikev2">): Promise<Finding[]> {
  if (!ikev2.enabled || findProgram(CHARON) === undefined || (await strongswanIsMended())) return [];
  return [
    bad(
      "ikev2",
      "the installed strongSwan is too old to be safe (GHSA-4qm7-rm85-wr68): IKEv2 stays off",
      "apt-get update && apt-get install charon-systemd libcharon-extra-plugins",
    ),
  ];
}
