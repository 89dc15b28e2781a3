import type { Hono } from "hono";
import type { ServerStatus } from "../../fleet/status.ts";
import { dayAndTime, timeOfDay } from "../dates.ts";
import { type Html, html } from "../html.ts";
import { page } from "../layout.ts";
import type { SiteEnv } from "../options.ts";
import { portsText, serviceName } from "../service-names.ts";
import type { Web } from "../web.ts";
import { bestServer } from "./best-server.ts";
import { dayChart } from "./day-chart.ts";

const BUSY_PERCENT = 80;
const number = new Intl.NumberFormat("en");

/** `12 %`; what is less than a whole percent is not told apart (product.md, promise 5). */
export const percentText = (percent: number): string => (percent < 1 ? "under 1 %" : `${percent} %`);

const megabits = (bandwidthMbit: number): string => `${number.format(bandwidthMbit)} Mbit/s`;

/** The same in Mbit/s, as roughly as the percent are known. */
function aboutMegabits(percent: number, bandwidthMbit: number): string {
  const of = (share: number) => (share * bandwidthMbit) / 100;
  const rounded = (value: number) =>
    number.format(value < 10 ? Math.round(value * 10) / 10 : Math.round(value));
  return percent < 1 ? `under ${rounded(of(1))} Mbit/s` : `about ${rounded(of(percent))} Mbit/s`;
}

function loadBar(percent: number): Html {
  return html`<svg class="bar${percent >= BUSY_PERCENT && " busy"}" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true"><rect width="${Math.max(1, Math.min(100, percent))}" height="4" fill="currentColor"/></svg>`;
}

function figures(server: ServerStatus): Html {
  if (server.state === "never")
    return html`<p class="muted">The first figures come when a whole five minutes have been counted.</p>`;
  const { inPercent, outPercent, loadPercent, bandwidthMbit } = server;
  return html`<dl class="figures">
<div><dt><span class="key">In</span></dt><dd>${percentText(inPercent)} <small>${aboutMegabits(inPercent, bandwidthMbit)}</small></dd></div>
<div><dt><span class="key out">Out</span></dt><dd>${percentText(outPercent)} <small>${aboutMegabits(outPercent, bandwidthMbit)}</small></dd></div>
<div><dt>Load</dt><dd>${percentText(loadPercent)}${loadBar(loadPercent)}</dd></div>
</dl>`;
}

function badges(server: ServerStatus, best: boolean): Html {
  const { state } = server;
  const busy = state === "up" && server.loadPercent >= BUSY_PERCENT;
  return html`<p class="badges">${state === "up" && html`<span class="badge good">up</span>`}
${state === "no-news" && html`<span class="badge warn">no news since ${dayAndTime(server.noNewsSince)}</span>`}
${state === "never" && html`<span class="badge">no news yet</span>`}
${best && html`<span class="badge good">best choice now</span>`}
${busy && html`<span class="badge warn">busy: choose another for now</span>`}
${!server.largeDownloads && html`<span class="badge warn">not for large downloads or P2P</span>`}</p>`;
}

function services(server: ServerStatus): Html {
  return html`<ul class="services" aria-label="Services">${server.services.map(
    ({ service, healthy, ports }) => {
      const down = server.state === "up" && !healthy;
      return html`<li${down && html` class="down"`}><strong>${serviceName(service)}</strong> ${portsText(ports)}${down && " – not running at the moment"}</li>`;
    },
  )}</ul>`;
}

const card = (
  web: Web,
  server: ServerStatus,
  best: boolean,
): Html => html`<article class="panel server" id="server-${server.server}" aria-labelledby="name-${server.server}">
<div><h2 id="name-${server.server}">${server.city}</h2>
<p class="place">${server.country} · ${megabits(server.bandwidthMbit)}</p>
<p class="place code">${server.host}</p>
${badges(server, best)}
${services(server)}</div>
<div>${figures(server)}
${dayChart(web.status.day(server.server))}</div>
</article>`;

function choice(servers: readonly ServerStatus[], best: ServerStatus | undefined): Html {
  if (servers.length === 0) return html`<p>There is no server yet.</p>`;
  if (servers.every(({ state }) => state === "never"))
    return html`<p>The first figures come within five minutes of a server's start.</p>`;
  if (best === undefined) return html`<p>No server has reported in the last minutes.</p>`;
  return html`<p><strong>Best choice now: ${best.city}</strong> (${best.server}), load ${percentText(best.loadPercent)}. As of ${timeOfDay(best.slotEndsAt)}.</p>`;
}

export function addStatus(app: Hono<SiteEnv>, web: Web): void {
  app.get("/status", async (c) => {
    const servers = await web.status.list();
    const best = bestServer(servers);
    const body = html`<h1>Servers</h1>
<p class="lead">How loaded each server is, for everyone to see. These totals are all that is recorded about traffic: in steps of 1 % of a server's bandwidth and five minutes, kept for a day; hourly averages for 30 days. There is no limit on how much you use. A server with a low load is the better choice.</p>
<p class="muted small" id="live-note" role="status" hidden></p>
<div id="live">
<div class="panel hint-now" id="choice">${choice(servers, best)}</div>
${servers.map((server) => card(web, server, servers.length > 1 && server === best))}
</div>
<p class="muted small">Times are UTC. Load is the larger of in and out. The best choice is the lowest load among the servers that are fit for large downloads. For programs: <a href="/api/traffic.json">traffic.json</a>, <a href="/api/serverlocations.json">serverlocations.json</a>, <a href="/api/serverips">serverips</a>.</p>`;
    return page(web, c, {
      title: "Servers",
      section: "status",
      body,
      script: "status.js",
      description: `The servers of ${web.siteName} and how loaded each is now`,
    });
  });
}
