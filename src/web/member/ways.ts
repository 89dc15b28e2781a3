import type { ServerStatus } from "../../fleet/server-status.ts";
import type { Service } from "../../link/services.ts";
import { SYSTEMS } from "../../profiles/kinds.ts";
import { COVERS_WORDS, type Covers, GUIDES, SYSTEM_NAMES } from "../guides.ts";
import { type Html, html } from "../html.ts";
import { type Say, sentence } from "../languages/language.ts";

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
    text: sentence("The one to try first. Each device has a key instead of a password."),
  },
  {
    title: "OpenVPN",
    covers: "everything",
    services: ["openvpn"],
    text: sentence("Gets through where only TCP does, too."),
  },
  {
    title: "IKEv2",
    covers: "everything",
    services: ["ikev2"],
    text: sentence("Windows, macOS and iOS have its client already; Android takes strongSwan."),
  },
  {
    title: sentence("Stealth"),
    covers: "everything",
    services: ["stealth-tls", "stealth-obfs4"],
    text: sentence("OpenVPN that does not look like it, where a network blocks VPNs."),
  },
  {
    title: sentence("SSH tunnel"),
    covers: "programs",
    services: ["ssh"],
    text: sentence("For single programs; no app needed."),
  },
  {
    title: sentence("HTTPS proxy"),
    covers: "programs",
    services: ["https", "socks5-tls"],
    text: sentence("For a browser; encrypted as far as the server."),
  },
  {
    title: sentence("SOCKS5 and HTTP proxy"),
    covers: "relay",
    services: ["socks5", "http"],
    text: sentence("Hides your address from websites, and nothing from your network."),
  },
];

const BADGES: Record<Covers, string> = { everything: "good", programs: "", relay: "warn" };

export const coversBadge = (say: Say, covers: Covers): Html =>
  html`<span class="badge ${BADGES[covers]}">${say.text(COVERS_WORDS[covers])}</span>`;

/** Those that some server offers, with the systems' pages that say how; undefined where there are none. */
export function waysPanel(say: Say, servers: readonly ServerStatus[]): Html | undefined {
  const offered = new Set(
    servers.flatMap(({ services }) => services.map(({ service }) => service as Service)),
  );
  const rows = WAYS.flatMap(({ title, covers, services, text }) => {
    const here = services.filter((service) => offered.has(service));
    if (here.length === 0) return [];
    const systems = SYSTEMS.filter((system) => GUIDES[system].some(({ service }) => here.includes(service)));
    const links = systems.map(
      (system, index) =>
        html`${index > 0 && " · "}<a href="/member/connect/${system}">${say.text(SYSTEM_NAMES[system])}</a>`,
    );
    const more =
      title === "WireGuard"
        ? html`<a href="/member/devices">${say`Your devices`}</a> · `
        : systems.length === 0 && html`<a href="#proxies">${say`Its ports`}</a>`;
    return [
      html`<li><span><strong>${say.text(title)}</strong> ${coversBadge(say, covers)}<br>${say.text(text)}<br><span class="small">${more}${links}</span></span></li>`,
    ];
  });
  if (rows.length === 0) return undefined;
  return html`<section class="panel"><h2>${say`What there is`}</h2><ul class="rows">${rows}</ul></section>`;
}
