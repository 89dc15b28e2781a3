import type { ServerStatus } from "../../fleet/server-status.ts";
import { numberText } from "../../lib/locale.ts";
import { dayAndTime } from "../dates.ts";
import { type Html, html } from "../html.ts";
import type { Say } from "../languages/language.ts";
import { portsText, serviceName } from "../service-names.ts";
import { knownLoad } from "./server-query.ts";

/** How a server's figures and state are said, on the list, on its own page and wherever it is named. */

const BUSY_PERCENT = 80;

/** `12 %`; what is less than a whole percent is not told apart (product.md, promise 5). */
export const percentText = (say: Say, percent: number): string =>
  percent < 1 ? say.text("under 1 %") : `${percent} %`;

export const megabits = (say: Say, bandwidthMbit: number): string =>
  say.text("{0} Mbit/s", numberText(say, bandwidthMbit));

/** The same in Mbit/s, as roughly as the percent are known. */
function aboutMegabits(say: Say, percent: number, bandwidthMbit: number): string {
  const of = (share: number) => (share * bandwidthMbit) / 100;
  const rounded = (value: number) =>
    numberText(say, value < 10 ? Math.round(value * 10) / 10 : Math.round(value));
  return percent < 1
    ? say.text("under {0} Mbit/s", rounded(of(1)))
    : say.text("about {0} Mbit/s", rounded(of(percent)));
}

export function loadBar(percent: number): Html {
  return html`<svg class="bar${percent >= BUSY_PERCENT && " busy"}" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true"><rect width="${Math.max(1, Math.min(100, percent))}" height="4" fill="currentColor"/></svg>`;
}

export function figures(say: Say, server: ServerStatus): Html {
  if (server.slotEndsAt === 0)
    return html`<p class="muted">${say`The first figures come when a whole five minutes have been counted.`}</p>`;
  const { inPercent, outPercent, loadPercent, bandwidthMbit } = server;
  return html`<dl class="figures">
<div><dt><span class="key">${say`In`}</span></dt><dd>${percentText(say, inPercent)} <small>${aboutMegabits(say, inPercent, bandwidthMbit)}</small></dd></div>
<div><dt><span class="key out">${say`Out`}</span></dt><dd>${percentText(say, outPercent)} <small>${aboutMegabits(say, outPercent, bandwidthMbit)}</small></dd></div>
<div><dt>${say`Load`}</dt><dd>${percentText(say, loadPercent)}${loadBar(loadPercent)}</dd></div>
</dl>`;
}

/** What is to be known of a server before one takes it, in words. */
export function notes(say: Say, server: ServerStatus, best: boolean): Html[] {
  const { state } = server;
  const badge = (text: Html, kind: "good" | "warn" | "" = "warn") =>
    html`<span class="badge${kind !== "" && ` ${kind}`}">${text}</span>`;
  return [
    ...(state === "up" && !server.draining ? [badge(say`up`, "good")] : []),
    ...(state === "no-news" ? [badge(say`no news since ${dayAndTime(server.noNewsSince, say)}`)] : []),
    ...(state === "never" ? [badge(say`no news yet`, "")] : []),
    ...(server.draining ? [badge(say`being emptied: no new logins`)] : []),
    ...(best ? [badge(say`best choice now`, "good")] : []),
    ...(knownLoad(server) && server.loadPercent >= BUSY_PERCENT ? [badge(say`busy`)] : []),
    ...(server.largeDownloads ? [] : [badge(say`not for large downloads or P2P`)]),
  ];
}

export function services(say: Say, server: ServerStatus): Html {
  return html`<ul class="services" aria-label="${say.text("Services")}">${server.services.map(
    ({ service, healthy, ports }) => {
      const down = server.state === "up" && !healthy;
      return html`<li${down && html` class="down"`}><strong>${say.text(serviceName(service))}</strong> ${portsText(ports)}${down && html` – ${say`not working at the moment`}`}</li>`;
    },
  )}</ul>`;
}
