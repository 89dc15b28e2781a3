import type { Hono } from "hono";
import { bestServer } from "../../fleet/recommend.ts";
import { SLOT_S } from "../../fleet/server-news.ts";
import type { ServerStatus } from "../../fleet/server-status.ts";
import { timeOfDay } from "../dates.ts";
import { type Html, html } from "../html.ts";
import { type Page, page, publicMarkup } from "../layout.ts";
import type { SiteEnv } from "../options.ts";
import type { Web } from "../web.ts";
import { announcementsBox } from "./announcements.ts";
import { percentText } from "./figures.ts";
import { serverCard } from "./server-card.ts";
import { serverFilter } from "./server-filter.ts";
import { isFiltered, matching, parseQuery, queryText, type ServerQuery } from "./server-query.ts";
import { count, serverTables } from "./server-table.ts";

/** So many servers are shown with a picture of their day each; more stand in rows. */
const CARDS_MOST = 12;
/** A page of rows is below 100 KB with all that it loads. */
const ROWS_A_PAGE = 80;

/** Pictures of a day move on with it, whether or not there is news. */
export const currentSlot = (web: Web): number => Math.floor(web.clock.now() / 1000 / SLOT_S);

/** Undefined where there is nothing to say yet: one server alone is no choice. */
function choice(servers: readonly ServerStatus[], best: ServerStatus | undefined): Html | undefined {
  if (servers.length === 0) return html`<p>There is no server yet.</p>`;
  if (servers.every(({ state }) => state === "never"))
    return html`<p>The first news comes within a minute of a server’s start, the first figures within ten.</p>`;
  if (best === undefined) return html`<p>No server takes new logins at the moment.</p>`;
  const alone = servers.length === 1;
  const title = alone ? best.city : `Best choice now: ${best.city}`;
  if (best.slotEndsAt === 0)
    return alone ? undefined : html`<p><strong>${title}</strong> (${best.server}).</p>`;
  return html`<p><strong>${title}</strong> (${best.server}), load ${percentText(best.loadPercent)}. As of ${timeOfDay(best.slotEndsAt)}.</p>`;
}

function pageLinks(query: ServerQuery, pages: number): Html | false {
  if (pages < 2) return false;
  const to = (page: number, text: string, rel: "prev" | "next") =>
    html`<li><a href="/status${queryText({ ...query, page })}" rel="${rel}">${text}</a></li>`;
  return html`<nav class="pages" id="pages" aria-label="Pages"><ul>${query.page > 1 && to(query.page - 1, "Earlier servers", "prev")}<li>Page ${query.page} of ${pages}</li>${query.page < pages && to(query.page + 1, "More servers", "next")}</ul></nav>`;
}

function list(web: Web, servers: readonly ServerStatus[], query: ServerQuery): Html {
  const best = bestServer(servers);
  const found = matching(servers, query);
  if (servers.length <= CARDS_MOST)
    return html`${found.map((server) => serverCard(server, web.status.day(server.server), servers.length > 1 && server === best))}`;
  const pages = Math.max(1, Math.ceil(found.length / ROWS_A_PAGE));
  const at = Math.min(query.page, pages);
  const shown = found.slice((at - 1) * ROWS_A_PAGE, at * ROWS_A_PAGE);
  const what =
    found.length === 0
      ? html`No server is like that. <a href="/status">Show all</a>`
      : isFiltered(query)
        ? `${count(found.length)} of ${servers.length}`
        : `${count(found.length)} in ${new Set(servers.map(({ countryCode }) => countryCode)).size} countries`;
  return html`<p class="found" id="found" role="status">${what}${pages > 1 && `, ${(at - 1) * ROWS_A_PAGE + 1} to ${(at - 1) * ROWS_A_PAGE + shown.length} on this page`}.</p>
${serverTables(shown, query.sort === "place", best?.server ?? "")}
${pageLinks({ ...query, page: at }, pages)}`;
}

function content(web: Web, servers: readonly ServerStatus[], query: ServerQuery, news: Html): Page {
  const chosen = choice(servers, bestServer(servers));
  const body = html`${news}<h1>Servers</h1>
<p class="lead">How loaded each server is, for everyone to see. These totals are all that is recorded about traffic: in steps of 1 % of a server's bandwidth and five minutes, kept for a day; hourly averages for 30 days. There is no limit on how much you use. ${servers.length > 1 && "A server with a low load is the better choice."}</p>
<p class="muted small" id="live-note" role="status" hidden></p>
${servers.length > CARDS_MOST && serverFilter(servers, query)}
<div id="live">
${chosen !== undefined && html`<div class="panel hint-now" id="choice">${chosen}</div>`}
${list(web, servers, query)}
</div>
<p class="muted small">Times are UTC. Load is the larger of in and out. ${servers.length > 1 && "The best choice is the lowest load among the servers that are fit for large downloads and whose services all work. "}For programs: <a href="/api/v1/servers/recommended">recommended servers</a>, <a href="/api/traffic.json">traffic.json</a>, <a href="/api/serverlocations.json">serverlocations.json</a>, <a href="/api/serverips">serverips</a>, <a href="/api/ssh-fingerprints-rsa">ssh-fingerprints-rsa</a>, <a href="/www/relays/all/">relays</a>.</p>`;
  return {
    title: "Servers",
    section: "status",
    body,
    script: "status.js",
    description: `The servers of ${web.siteName} and how loaded each is now`,
  };
}

export function addStatus(app: Hono<SiteEnv>, web: Web): void {
  app.get("/status", async (c) => {
    const servers = await web.status.list();
    const query = parseQuery(c.req.query());
    const session = c.get("session");
    const news = await announcementsBox(web);
    if (session !== undefined) return page(web, c, content(web, servers, query, news));
    const path = `/status${queryText(query)}`;
    return web.answers.answer(
      c,
      path,
      [servers, currentSlot(web), news.markup],
      { type: "text/html; charset=UTF-8" },
      () => publicMarkup(web, c, path, content(web, servers, query, news)),
    );
  });
}
