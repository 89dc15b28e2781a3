import type { Hono } from "hono";
import { groupsOf } from "../../fleet/groups.ts";
import { bestServer } from "../../fleet/recommend.ts";
import type { ServerStatus } from "../../fleet/server-status.ts";
import { countryName } from "../../lib/locale.ts";
import { dayAndTime } from "../dates.ts";
import { type Html, html } from "../html.ts";
import type { Say } from "../languages/language.ts";
import { sayIn } from "../languages/page-language.ts";
import { type Page, page, publicMarkup } from "../layout.ts";
import type { SiteEnv } from "../options.ts";
import { sshFingerprints } from "../ssh-fingerprints.ts";
import type { Web } from "../web.ts";
import { dayChart } from "./day-chart.ts";
import { figures, megabits, notes, services } from "./figures.ts";
import { type Hour, monthChart } from "./month-chart.ts";
import { currentSlot, LIVE } from "./status.ts";

/** A server's own page: its figures, its day, its month, and how to use it. */

function use(say: Say, server: ServerStatus): Html | false {
  const offers = (service: string) => server.services.some((each) => each.service === service);
  if (server.services.length === 0) return false;
  return html`<section class="panel"><h2>${say`Use this server`}</h2><ul class="facts">
${offers("openvpn") && html`<li>${say`<a href="/member/openvpn/${server.server}.ovpn">OpenVPN profile ${server.server}.ovpn</a> (<a href="/member/openvpn/${server.server}.conf">.conf for Linux</a>), once you are logged in`}</li>`}
${(offers("http") || offers("socks5")) && html`<li><a href="/proxy/${server.server}.pac">${say`Automatic proxy configuration ${server.server}.pac`}</a></li>`}
</ul></section>`;
}

function content(say: Say, web: Web, server: ServerStatus, hours: readonly Hour[], best: boolean): Page {
  const nowHour = Math.floor(web.clock.now() / 3_600_000);
  const groups = groupsOf({ name: server.server, groups: server.groups });
  const keys = sshFingerprints(server);
  const body = html`<p><a href="/status">${say`All servers`}</a></p>
<h1>${server.city} <span class="muted">${server.server}</span></h1>
<p class="muted small" id="live-note" role="status" data-fresh="${say.text(LIVE.fresh)}" data-stale="${say.text(LIVE.stale)}" hidden></p>
<div id="live">
<section class="panel server" id="now" aria-label="${say.text("Now")}">
<div><p class="place">${countryName(say, server)} · ${megabits(say, server.bandwidthMbit)}</p>
<p class="place code">${server.host}</p>
<p class="badges">${notes(say, server, best)}</p>
${services(say, server)}
${server.slotEndsAt > 0 && html`<p class="muted small">${say`Figures as of ${dayAndTime(server.slotEndsAt, say)}.`}</p>`}</div>
<div>${figures(say, server)}
${dayChart(say, web.status.day(server.server))}</div>
</section>
<section class="panel" id="month" aria-label="${say.text("Last 30 days")}">${monthChart(say, hours, nowHour)}</section>
</div>
${use(say, server)}
<dl class="values">
${server.addresses.length > 0 && html`<div><dt>${say`Addresses`}</dt><dd><code>${server.addresses.join(" ")}</code></dd></div>`}
${keys.length > 0 && html`<div><dt>${say`SSH host keys`}</dt><dd>${keys.map(({ type, fingerprint }, index) => html`${index > 0 && html`<br>`}${type} <code>${fingerprint}</code>`)}</dd></div>`}
${groups.length > 0 && html`<div><dt>${say`Groups`}</dt><dd>${groups.map((group, index) => html`${index > 0 && ", "}<a href="/status?group=${encodeURIComponent(group)}">${group}</a>`)}</dd></div>`}
</dl>
<p class="muted small">${say`Times are UTC. Load is the larger of in and out.`} ${say`For programs: <a href="/api/v1/servers/${server.server}">the same as JSON</a>.`}</p>`;
  return {
    title: `${server.city} (${server.server})`,
    section: "status",
    body,
    script: "status.js",
    description: say.text(
      "{0} in {1}, {2}: how loaded it is now, and was",
      server.server,
      server.city,
      countryName(say, server),
    ),
  };
}

export function addServer(app: Hono<SiteEnv>, web: Web): void {
  app.get("/status/:server{[a-z0-9-]+}", async (c) => {
    const servers = await web.status.list();
    const server = servers.find((each) => each.server === c.req.param("server"));
    if (server === undefined) return c.notFound();
    const best = servers.length > 1 && server === bestServer(servers);
    const make = async () => content(sayIn(c), web, server, await web.status.hours(server.server), best);
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
