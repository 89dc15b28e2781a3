import type { ServerStatus } from "../../fleet/server-status.ts";
import { dayAndTime } from "../dates.ts";
import { type Html, html } from "../html.ts";
import { portsText, serviceName } from "../service-names.ts";
import { knownLoad } from "./server-query.ts";

/** How a server's figures and state are said, on the list, on its own page and wherever it is named. */

const BUSY_PERCENT = 80;
const number = new Intl.NumberFormat("en");

/** `12 %`; what is less than a whole percent is not told apart (product.md, promise 5). */
export const percentText = (percent: number): string => (percent < 1 ? "under 1 %" : `${percent} %`);

export const megabits = (bandwidthMbit: number): string => `${number.format(bandwidthMbit)} Mbit/s`;

/** The same in Mbit/s, as roughly as the percent are known. */
function aboutMegabits(percent: number, bandwidthMbit: number): string {
  const of = (share: number) => (share * bandwidthMbit) / 100;
  const rounded = (value: number) =>
    number.format(value < 10 ? Math.round(value * 10) / 10 : Math.round(value));
  return percent < 1 ? `under ${rounded(of(1))} Mbit/s` : `about ${rounded(of(percent))} Mbit/s`;
}

export function loadBar(percent: number): Html {
  return html`<svg class="bar${percent >= BUSY_PERCENT && " busy"}" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true"><rect width="${Math.max(1, Math.min(100, percent))}" height="4" fill="currentColor"/></svg>`;
}

export function figures(server: ServerStatus): Html {
  if (server.slotEndsAt === 0)
    return html`<p class="muted">The first figures come when a whole five minutes have been counted.</p>`;
  const { inPercent, outPercent, loadPercent, bandwidthMbit } = server;
  return html`<dl class="figures">
<div><dt><span class="key">In</span></dt><dd>${percentText(inPercent)} <small>${aboutMegabits(inPercent, bandwidthMbit)}</small></dd></div>
<div><dt><span class="key out">Out</span></dt><dd>${percentText(outPercent)} <small>${aboutMegabits(outPercent, bandwidthMbit)}</small></dd></div>
<div><dt>Load</dt><dd>${percentText(loadPercent)}${loadBar(loadPercent)}</dd></div>
</dl>`;
}

/** What is to be known of a server before one takes it, in words. */
export function notes(server: ServerStatus, best: boolean): Html[] {
  const { state } = server;
  const badge = (text: string | Html, kind: "good" | "warn" | "" = "warn") =>
    html`<span class="badge${kind !== "" && ` ${kind}`}">${text}</span>`;
  return [
    ...(state === "up" && !server.draining ? [badge("up", "good")] : []),
    ...(state === "no-news" ? [badge(html`no news since ${dayAndTime(server.noNewsSince)}`)] : []),
    ...(state === "never" ? [badge("no news yet", "")] : []),
    ...(server.draining ? [badge("being emptied: no new logins")] : []),
    ...(best ? [badge("best choice now", "good")] : []),
    ...(knownLoad(server) && server.loadPercent >= BUSY_PERCENT ? [badge("busy")] : []),
    ...(server.largeDownloads ? [] : [badge("not for large downloads or P2P")]),
  ];
}

export function services(server: ServerStatus): Html {
  return html`<ul class="services" aria-label="Services">${server.services.map(
    ({ service, healthy, ports }) => {
      const down = server.state === "up" && !healthy;
      return html`<li${down && html` class="down"`}><strong>${serviceName(service)}</strong> ${portsText(ports)}${down && " – not working at the moment"}</li>`;
    },
  )}</ul>`;
}
