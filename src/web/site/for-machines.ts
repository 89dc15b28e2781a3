import type { Hono } from "hono";
import { html, trusted } from "../html.ts";
import type { SiteEnv } from "../options.ts";
import { FOOTER } from "../site-map.ts";
import type { Web } from "../web.ts";

/** RFC 9116 section 2.5.5 asks for less than a year; whoever reads it a month after it was fetched fetches it again. */
const SECURITY_TXT_DAYS = 30;
const DAY_MS = 86_400_000;

/** What search machines have no business with: somebody's own, and what only programs read. */
const NOT_FOR_SEARCH = ["/member", "/api/", "/order", "/ticket", "/receipt", "/refund"];

const text = { "content-type": "text/plain; charset=utf-8", "cache-control": "public, max-age=3600" };

/** Every public page: those of the footer, and one for each server and for each article. */
async function paths(web: Web): Promise<string[]> {
  const named = FOOTER.flatMap(({ pages }) => pages.map(({ path }) => path));
  const listed = named.filter(
    (path) =>
      web.has(path) && !NOT_FOR_SEARCH.some((prefix) => path.startsWith(prefix)) && !path.includes("."),
  );
  const servers = (await web.status.list()).map(({ server }) => `/status/${server}`);
  const articles = (web.support?.help.in(["en"]).articles ?? []).map(({ slug }) => `/help/${slug}`);
  return ["/", ...new Set(listed), "/sign-up", "/log-in", ...servers, ...articles];
}

/** The site map as sitemaps.org describes it, with the same page in other languages (Google's xhtml:link extension). */
function siteMap(origin: string, tags: readonly string[], all: readonly string[]): string {
  const entry = (prefix: string, path: string) => html`<url><loc>${origin}${prefix}${path}</loc>${tags.map(
    (tag) => html`<xhtml:link rel="alternate" hreflang="${tag}" href="${origin}/${tag}${path}"/>`,
  )}</url>
`;
  const prefixes = tags.length === 0 ? [""] : tags.map((tag) => `/${tag}`);
  return html`${trusted('<?xml version="1.0" encoding="UTF-8"?>\n')}<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"${tags.length > 0 && trusted(' xmlns:xhtml="http://www.w3.org/1999/xhtml"')}>
${all.flatMap((path) => prefixes.map((prefix) => entry(prefix, path)))}</urlset>
`.markup;
}

/** The file that says where weaknesses are reported (RFC 9116); undefined where there is nowhere. */
export function securityTxt(web: Web): string | undefined {
  const { publicUrl } = web;
  const page = publicUrl?.startsWith("https://") && web.has("/contact") ? [`${publicUrl}/contact`] : [];
  const contacts = web.securityContacts?.length ? web.securityContacts : page;
  if (contacts.length === 0) return undefined;
  // To the day, so that the file does not change with every look at it.
  const until = Math.floor(web.clock.now() / DAY_MS + SECURITY_TXT_DAYS) * DAY_MS;
  const expires = new Date(until).toISOString().replace(".000", "");
  const languages = web.spoken.all.length === 0 ? ["en"] : web.spoken.all.map(({ tag }) => tag);
  const lines = [
    ...contacts.map((contact) => `Contact: ${contact}`),
    `Expires: ${expires}`,
    `Preferred-Languages: ${languages.join(", ")}`,
    ...(publicUrl?.startsWith("https://") ? [`Canonical: ${publicUrl}/.well-known/security.txt`] : []),
  ];
  return `${lines.join("\n")}\n`;
}

/** robots.txt, the site map and security.txt. */
export function addForMachines(app: Hono<SiteEnv>, web: Web): void {
  app.get("/robots.txt", (c) => {
    const map = web.publicUrl === undefined ? "" : `\nSitemap: ${web.publicUrl}/sitemap.xml\n`;
    return c.body(
      `User-agent: *\n${NOT_FOR_SEARCH.map((path) => `Disallow: ${path}\n`).join("")}${map}`,
      200,
      text,
    );
  });

  app.get("/sitemap.xml", async (c) => {
    const origin = web.publicUrl ?? new URL(c.req.url).origin;
    const tags = web.spoken.all.map(({ tag }) => tag);
    return c.body(siteMap(origin, tags, await paths(web)), 200, {
      "content-type": "application/xml; charset=utf-8",
      "cache-control": "public, max-age=3600",
    });
  });

  app.get("/.well-known/security.txt", (c) => {
    const content = securityTxt(web);
    return content === undefined ? c.notFound() : c.body(content, 200, text);
  });
  // RFC 9116 section 3: where it stood before there was a place for it.
  app.get("/security.txt", (c) => c.redirect("/.well-known/security.txt", 301));
}
