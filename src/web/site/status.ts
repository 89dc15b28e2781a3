import type { Hono } from "hono";
import { bestServer } from "../../fleet/recommend.ts";
import { SLOT_S } from "../../fleet/server-news.ts";
import type { ServerStatus } from "../../fleet/server-status.ts";
import { timeOfDay } from "../dates.ts";
import { type Html, html } from "../html.ts";
import { type Say, sentence } from "../languages/language.ts";
import { sayIn } from "../languages/page-language.ts";
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

/** What the page's script says of its keeping the figures fresh. */
export const LIVE = {
  fresh: sentence("This page updates by itself every minute."),
  stale: sentence(
    "The site does not answer at the moment: these figures are older than they say. Trying again every minute.",
  ),
};

/** Pictures of a day move on with it, whether or not there is news. */
export const currentSlot = (web: Web): number => Math.floor(web.clock.now() / 1000 / SLOT_S);

/** Undefined where there is nothing to say yet: one server alone is no choice. */
function choice(
  say: Say,
  servers: readonly ServerStatus[],
  best: ServerStatus | undefined,
): Html | undefined {
  if (servers.length === 0) return html`<p>${say`There is no server yet.`}</p>`;
  if (servers.every(({ state }) => state === "never"))
    return html`<p>${say`The first news comes within a minute of a server’s start, the first figures within ten.`}</p>`;
  if (best === undefined) return html`<p>${say`No server takes new logins at the moment.`}</p>`;
  const alone = servers.length === 1;
  const title = alone ? best.city : say.text("Best choice now: {0}", best.city);
  if (best.slotEndsAt === 0)
    return alone ? undefined : html`<p><strong>${title}</strong> (${best.server}).</p>`;
  return say`<p><strong>${title}</strong> (${best.server}), load ${percentText(say, best.loadPercent)}. As of ${timeOfDay(best.slotEndsAt, say)}.</p>`;
}

function pageLinks(say: Say, query: ServerQuery, pages: number): Html | false {
  if (pages < 2) return false;
  const to = (page: number, text: Html, rel: "prev" | "next") =>
    html`<li><a href="/status${queryText({ ...query, page })}" rel="${rel}">${text}</a></li>`;
  return html`<nav class="pages" id="pages" aria-label="${say.text("Pages")}"><ul>${query.page > 1 && to(query.page - 1, say`Earlier servers`, "prev")}<li>${say`Page ${query.page} of ${pages}`}</li>${query.page < pages && to(query.page + 1, say`More servers`, "next")}</ul></nav>`;
}

function list(say: Say, web: Web, servers: readonly ServerStatus[], query: ServerQuery): Html {
  const best = bestServer(servers);
  const found = matching(servers, query);
  if (servers.length <= CARDS_MOST)
    return html`${found.map((server) => serverCard(say, server, web.status.day(server.server), servers.length > 1 && server === best))}`;
  const pages = Math.max(1, Math.ceil(found.length / ROWS_A_PAGE));
  const at = Math.min(query.page, pages);
  const shown = found.slice((at - 1) * ROWS_A_PAGE, at * ROWS_A_PAGE);
  const what =
    found.length === 0
      ? say`No server is like that. <a href="/status">Show all</a>.`
      : isFiltered(query)
        ? say`${count(say, found.length)} of ${servers.length}.`
        : say`${count(say, found.length)} in ${new Set(servers.map(({ countryCode }) => countryCode)).size} countries.`;
  return html`<p class="found" id="found" role="status">${what}${pages > 1 && html` ${say`${(at - 1) * ROWS_A_PAGE + 1} to ${(at - 1) * ROWS_A_PAGE + shown.length} are on this page.`}`}</p>
${serverTables(say, shown, query.sort === "place", best?.server ?? "")}
${pageLinks(say, { ...query, page: at }, pages)}`;
}

function content(say: Say, web: Web, servers: readonly ServerStatus[], query: ServerQuery, news: Html): Page {
  const chosen = choice(say, servers, bestServer(servers));
  const body = html`${news}<h1>${say`Servers`}</h1>
<p class="lead">${say`How loaded each server is, for everyone to see. These totals are all that is recorded about traffic: in steps of 1 % of a server's bandwidth and five minutes, kept for a day; hourly averages for 30 days. There is no limit on how much you use.`} ${servers.length > 1 && say`A server with a low load is the better choice.`}</p>
<p class="muted small" id="live-note" role="status" data-fresh="${say.text(LIVE.fresh)}" data-stale="${say.text(LIVE.stale)}" hidden></p>
${servers.length > CARDS_MOST && serverFilter(say, servers, query)}
<div id="live">
${chosen !== undefined && html`<div class="panel hint-now" id="choice">${chosen}</div>`}
${list(say, web, servers, query)}
</div>
<p class="muted small">${say`Times are UTC. Load is the larger of in and out.`} ${servers.length > 1 && say`The best choice is the lowest load among the servers that are fit for large downloads and whose services all work.`} ${say`For programs:`} <a href="/api/v1/servers/recommended">${say`recommended servers`}</a>, <a href="/api/traffic.json">traffic.json</a>, <a href="/api/serverlocations.json">serverlocations.json</a>, <a href="/api/serverips">serverips</a>, <a href="/api/ssh-fingerprints-rsa">ssh-fingerprints-rsa</a>, <a href="/www/relays/all/">${say`relays`}</a>.</p>`;
  return {
    title: sentence("Servers"),
    section: "status",
    body,
    script: "status.js",
    description: say.text("The servers of {0} and how loaded each is now", web.siteName),
  };
}

export function addStatus(app: Hono<SiteEnv>, web: Web): void {
  app.get("/status", async (c) => {
    const servers = await web.status.list();
    const query = parseQuery(c.req.query());
    const session = c.get("session");
    const say = sayIn(c);
    const news = await announcementsBox(web, say);
    if (session !== undefined) return page(web, c, content(say, web, servers, query, news));
    const path = `/status${queryText(query)}`;
    return web.answers.answer(
      c,
      path,
      [servers, currentSlot(web), news.markup],
      { type: "text/html; charset=UTF-8" },
      () => publicMarkup(web, c, path, content(say, web, servers, query, news)),
    );
  });
}
