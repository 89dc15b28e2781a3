import type { Hono } from "hono";
import type { Announcement } from "../../support/announcements.ts";
import { day } from "../dates.ts";
import { type Html, html, trusted } from "../html.ts";
import type { Say } from "../languages/language.ts";
import { sayIn } from "../languages/page-language.ts";
import { page } from "../layout.ts";
import { markdown } from "../markdown.ts";
import type { SiteEnv } from "../options.ts";
import type { Web } from "../web.ts";

/** So long an announcement stands on the first page and the status page, and so many at most. */
const NEWS_DAYS = 14;
const NEWS_MOST = 2;
const DAY_MS = 86_400_000;

const isoOf = (ms: number): string => new Date(ms).toISOString();

const time = (say: Say, { postedMs }: Announcement): Html => day(Math.floor(postedMs / 1000), say);

/** The newest announcements by title, for other pages; nothing where there is no news. */
export async function announcementsBox(web: Web, say: Say): Promise<Html> {
  const since = web.clock.now() - NEWS_DAYS * DAY_MS;
  const news = (await web.announcements.list())
    .filter(({ postedMs }) => postedMs > since)
    .slice(0, NEWS_MOST);
  if (news.length === 0) return html``;
  return html`<aside class="notice" aria-label="${say.text("Announcements")}">${news.map(
    (each) => html`<p>${time(say, each)}: <a href="/announcements#a${each.id}">${each.title}</a></p>`,
  )}</aside>`;
}

/**
 * The feed (RFC 4287). `id` of the feed is its address, of an entry its UUID (RFC 9562): neither changes with the texts. Links inside
 * the texts are absolute by `xml:base` (section 2).
 */
function feedMarkup(siteName: string, origin: string, announcements: readonly Announcement[]): string {
  const self = `${origin}/announcements.atom`;
  const newest = announcements[0]?.postedMs ?? 0;
  return html`${trusted('<?xml version="1.0" encoding="utf-8"?>\n')}<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en" xml:base="${origin}/">
<id>${self}</id>
<title>${siteName}: announcements</title>
<updated>${isoOf(newest)}</updated>
<author><name>${siteName}</name></author>
<link rel="self" type="application/atom+xml" href="${self}"/>
<link rel="alternate" type="text/html" href="${origin}/announcements"/>
${announcements.map(
  ({ id, postedMs, title, text }) => html`<entry>
<id>urn:uuid:${id}</id>
<title>${title}</title>
<updated>${isoOf(postedMs)}</updated>
<link rel="alternate" type="text/html" href="${origin}/announcements#a${id}"/>
<content type="html">${markdown(text, { firstHeading: 3 }).markup}</content>
</entry>
`,
)}</feed>
`.markup;
}

/** What the operator tells everybody, as a page and as a feed: the same for everybody, and told apart by its ids. */
export function addAnnouncements(app: Hono<SiteEnv>, web: Web): void {
  app.get("/announcements", async (c) => {
    const all = await web.announcements.list();
    const say = sayIn(c);
    const body = html`<h1>${say`Announcements`}</h1>
<p class="lead">${say`What there is to know about the service: work on servers, new ones, and what went wrong.`} <a href="/announcements.atom">${say`Feed`}</a></p>
${all.length === 0 && html`<p>${say`There is none at the moment.`}</p>`}
${all.map(
  (
    each,
  ) => html`<article class="panel" id="a${each.id}"><h2>${each.title}</h2><p class="muted">${time(say, each)}</p>
${markdown(each.text, { firstHeading: 3 })}</article>`,
)}`;
    return page(web, c, {
      title: "Announcements",
      body,
      description: say.text("What {0} tells its members and everybody else", web.siteName),
    });
  });

  app.get("/announcements.atom", async (c) => {
    const all = await web.announcements.list();
    const type = "application/atom+xml; charset=utf-8";
    // Who says what the host is called is not to fill the memory with answers for made-up ones.
    if (web.publicUrl === undefined)
      return c.body(feedMarkup(web.siteName, new URL(c.req.url).origin, all), 200, { "content-type": type });
    const origin = web.publicUrl;
    return web.answers.answer(c, "/announcements.atom", [all.map(({ id }) => id).join()], { type }, () =>
      feedMarkup(web.siteName, origin, all),
    );
  });
}
