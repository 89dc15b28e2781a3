import type { ServerStatus } from "../../fleet/server-status.ts";
import type { Service } from "../../link/services.ts";
import { SYSTEMS } from "../../profiles/kinds.ts";
import { COVERS_WORDS, type Covers, GUIDES, SYSTEM_NAMES } from "../guides.ts";
import { type Html, html } from "../html.ts";

/** All ways to connect at a glance: what each is good for, and what it covers. */

interface Way {
  title: string;
  covers: Covers;
  services: readonly Service[];
  text: string;
}

const WAYS: readonly Way[] = [
  {
    title: "WireGuard",
    covers: "everything",
    services: ["wireguard"],
    text: "The one to try first. Each device has a key instead of a password.",
  },
  {
    title: "OpenVPN",
    covers: "everything",
    services: ["openvpn"],
    text: "Gets through where only TCP does, too.",
  },
  {
    title: "IKEv2",
    covers: "everything",
    services: ["ikev2"],
    text: "Windows, macOS and iOS have its client already; Android takes strongSwan.",
  },
  {
    title: "Stealth",
    covers: "everything",
    services: ["stealth-tls", "stealth-obfs4"],
    text: "OpenVPN that does not look like it, where a network blocks VPNs.",
  },
  { title: "SSH tunnel", covers: "programs", services: ["ssh"], text: "For single programs; no app needed." },
  {
    title: "HTTPS proxy",
    covers: "programs",
    services: ["https", "socks5-tls"],
    text: "For a browser; encrypted as far as the server.",
  },
  {
    title: "SOCKS5 and HTTP proxy",
    covers: "relay",
    services: ["socks5", "http"],
    text: "Hides your address from websites, and nothing from your network.",
  },
];

const BADGES: Record<Covers, string> = { everything: "good", programs: "", relay: "warn" };

export const coversBadge = (covers: Covers): Html =>
  html`<span class="badge ${BADGES[covers]}">${COVERS_WORDS[covers]}</span>`;

/** Those that some server offers, with the systems' pages that say how; undefined where there are none. */
export function waysPanel(servers: readonly ServerStatus[]): Html | undefined {
  const offered = new Set(
    servers.flatMap(({ services }) => services.map(({ service }) => service as Service)),
  );
  const rows = WAYS.flatMap(({ title, covers, services, text }) => {
    const here = services.filter((service) => offered.has(service));
    if (here.length === 0) return [];
    const systems = SYSTEMS.filter((system) => GUIDES[system].some(({ service }) => here.includes(service)));
    const links = systems.map(
      (system, index) =>
        html`${index > 0 && " · "}<a href="/member/connect/${system}">${SYSTEM_NAMES[system]}</a>`,
    );
    const more =
      title === "WireGuard"
        ? html`<a href="/member/devices">Your devices</a> · `
        : systems.length === 0 && html`<a href="#proxies">Its ports</a>`;
    return [
      html`<li><span><strong>${title}</strong> ${coversBadge(covers)}<br>${text}<br><span class="small">${more}${links}</span></span></li>`,
    ];
  });
  if (rows.length === 0) return undefined;
  return html`<section class="panel"><h2>What there is</h2><ul class="rows">${rows}</ul></section>`;
}
