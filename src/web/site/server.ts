import type { Hono } from "hono";
import { groupsOf } from "../../fleet/groups.ts";
import { bestServer } from "../../fleet/recommend.ts";
import type { ServerStatus } from "../../fleet/server-status.ts";
import { dayAndTime } from "../dates.ts";
import { type Html, html } from "../html.ts";
import { type Page, page, publicMarkup } from "../layout.ts";
import type { SiteEnv } from "../options.ts";
import { sshFingerprints } from "../ssh-fingerprints.ts";
import type { Web } from "../web.ts";
import { dayChart } from "./day-chart.ts";
import { figures, megabits, notes, services } from "./figures.ts";
import { type Hour, monthChart } from "./month-chart.ts";
import { currentSlot } from "./status.ts";

/** A server's own page: its figures, its day, its month, and how to use it. */

function use(server: ServerStatus): Html | false {
  const offers = (service: string) => server.services.some((each) => each.service === service);
  if (server.services.length === 0) return false;
  return html`<section class="panel"><h2>Use this server</h2><ul class="facts">
${offers("openvpn") && html`<li><a href="/member/openvpn/${server.server}.ovpn">OpenVPN profile ${server.server}.ovpn</a> (<a href="/member/openvpn/${server.server}.conf">.conf for Linux</a>), once you are logged in</li>`}
${(offers("http") || offers("socks5")) && html`<li><a href="/proxy/${server.server}.pac">Automatic proxy configuration ${server.server}.pac</a></li>`}
</ul></section>`;
}

function content(web: Web, server: ServerStatus, hours: readonly Hour[], best: boolean): Page {
  const nowHour = Math.floor(web.clock.now() / 3_600_000);
  const groups = groupsOf({ name: server.server, groups: server.groups });
  const keys = sshFingerprints(server);
  const body = html`<p><a href="/status">All servers</a></p>
<h1>${server.city} <span class="muted">${server.server}</span></h1>
<p class="muted small" id="live-note" role="status" hidden></p>
<div id="live">
<section class="panel server" id="now" aria-label="Now">
<div><p class="place">${server.country} · ${megabits(server.bandwidthMbit)}</p>
<p class="place code">${server.host}</p>
<p class="badges">${notes(server, best)}</p>
${services(server)}
${server.slotEndsAt > 0 && html`<p class="muted small">Figures as of ${dayAndTime(server.slotEndsAt)}.</p>`}</div>
<div>${figures(server)}
${dayChart(web.status.day(server.server))}</div>
</section>
<section class="panel" id="month" aria-label="Last 30 days">${monthChart(hours, nowHour)}</section>
</div>
${use(server)}
<dl class="values">
${server.addresses.length > 0 && html`<div><dt>Addresses</dt><dd><code>${server.addresses.join(" ")}</code></dd></div>`}
${keys.length > 0 && html`<div><dt>SSH host keys</dt><dd>${keys.map(({ type, fingerprint }, index) => html`${index > 0 && html`<br>`}${type} <code>${fingerprint}</code>`)}</dd></div>`}
${groups.length > 0 && html`<div><dt>Groups</dt><dd>${groups.map((group, index) => html`${index > 0 && ", "}<a href="/status?group=${encodeURIComponent(group)}">${group}</a>`)}</dd></div>`}
</dl>
<p class="muted small">Times are UTC. Load is the larger of in and out. For programs: <a href="/api/v1/servers/${server.server}">the same as JSON</a>.</p>`;
  return {
    title: `${server.city} (${server.server})`,
    section: "status",
    body,
    script: "status.js",
    description: `${server.server} in ${server.city}, ${server.country}: how loaded it is now, and was`,
  };
}

export function addServer(app: Hono<SiteEnv>, web: Web): void {
  app.get("/status/:server{[a-z0-9-]+}", async (c) => {
    const servers = await web.status.list();
    const server = servers.find((each) => each.server === c.req.param("server"));
    if (server === undefined) return c.notFound();
    const best = servers.length > 1 && server === bestServer(servers);
    const make = async () => content(web, server, await web.status.hours(server.server), best);
    if (c.get("session") !== undefined) return page(web, c, await make());
    const path = `/status/${server.server}`;
    return web.answers.answer(
      c,
      path,
      [server, best, currentSlot(web)],
      { type: "text/html; charset=UTF-8" },
      async () => publicMarkup(web, c, path, await make()),
    );
  });
}
