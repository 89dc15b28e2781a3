import type { Context, Hono } from "hono";
import { networkOf } from "../../accounts/login-throttle.ts";
import { LeakyBuckets } from "../../lib/leaky-buckets.ts";
import { type Found, QUERY_CHARACTERS_MOST, wordsOf } from "../../support/article-search.ts";
import { ARTICLE_CATEGORIES, type Article, type ArticleCategory } from "../../support/articles.ts";
import type { Shelf } from "../../support/help-centre.ts";
import { errorPage } from "../errors.ts";
import { type Html, html } from "../html.ts";
import { languageOf, sayIn } from "../languages/page-language.ts";
import { page } from "../layout.ts";
import { markdown, markdownText } from "../markdown.ts";
import type { SiteEnv } from "../options.ts";
import type { Web } from "../web.ts";

const RESULTS_MOST = 12;
const SNIPPET_CHARACTERS = 180;
/** Searches of one network: so many at one go, and then one in so long. */
const SEARCHES = { burst: 60, oneEachMs: 2000 };

const link = ({ slug, title }: Article): Html => html`<a href="/help/${slug}">${title}</a>`;

/** The question stays in the address, so that an answer can be sent on; no other site hears of it (Referrer-Policy). */
const searchForm = (c: Context<SiteEnv>, query = ""): Html => {
  const say = sayIn(c);
  return html`<form class="panel search" method="get" action="/help" role="search">
<div class="field"><label for="q">${say`What do you need help with?`}</label>
<input id="q" name="q" type="search" value="${query}" maxlength="${QUERY_CHARACTERS_MOST}" autocomplete="off"></div>
<p><button class="button">${say`Search`}</button></p></form>`;
};

interface PlainText {
  text: string;
  /** Where each word stands first. */
  first: ReadonlyMap<string, number>;
}

/** Made once for each article: a search shows a dozen of them. */
const plainTexts = new WeakMap<Article, PlainText>();

function plainTextOf(article: Article): PlainText {
  const known = plainTexts.get(article);
  if (known !== undefined) return known;
  const text = markdownText(article.body).replace(/\s+/g, " ");
  const first = new Map<string, number>();
  for (const { 0: word, index } of text.matchAll(/[\p{L}\p{N}]+/gu)) {
    const [plain] = wordsOf(word);
    if (plain !== undefined && !first.has(plain)) first.set(plain, index);
  }
  const made = { text, first };
  plainTexts.set(article, made);
  return made;
}

/** The part of an article in which the first of the words stands. */
function snippetOf(article: Article, query: string): string {
  const { text, first } = plainTextOf(article);
  const places = wordsOf(query).map((word) => first.get(word) ?? text.length);
  const earliest = Math.min(text.length, ...places);
  const at = earliest === text.length ? 0 : earliest;
  const sentence = text.lastIndexOf(". ", at);
  const from = sentence < 0 || at - sentence > SNIPPET_CHARACTERS / 2 ? Math.max(0, at - 40) : sentence + 2;
  const begin = from === 0 ? 0 : text.indexOf(" ", from - 1) + 1;
  const cut = text.slice(begin, begin + SNIPPET_CHARACTERS);
  const end = begin + SNIPPET_CHARACTERS >= text.length ? cut : `${cut.slice(0, cut.lastIndexOf(" "))} …`;
  return begin === 0 || sentence >= 0 ? end : `… ${end}`;
}

function results(c: Context<SiteEnv>, query: string, found: readonly Found[]): Html {
  const say = sayIn(c);
  if (found.length === 0)
    return html`<div class="notice" role="status"><p>${say`Nothing was found for “${query}”. Try another word, or look through the articles below.`}</p></div>`;
  return html`<section class="panel" aria-labelledby="results"><h2 id="results">${say.text("Found for “{0}”", query)}</h2>
<ul class="articles">${found.map(
    ({ article }) =>
      html`<li><p><strong>${link(article)}</strong><br><span class="muted">${snippetOf(article, query)}</span></p></li>`,
  )}</ul></section>`;
}

function category(c: Context<SiteEnv>, name: ArticleCategory, { articles }: Shelf): Html | false {
  const inside = articles.filter((article) => article.category === name);
  return (
    inside.length > 0 &&
    html`<section class="panel"><h2>${sayIn(c).text(ARTICLE_CATEGORIES[name])}</h2>
<ul class="articles">${inside.map((article) => html`<li>${link(article)}<br><span class="muted small">${article.summary}</span></li>`)}</ul></section>`
  );
}

function contactPanel(c: Context<SiteEnv>, { tickets, contactAddress }: Web["support"]): Html | false {
  const say = sayIn(c);
  if (!tickets.reachable && contactAddress === undefined) return false;
  return html`<div class="panel"><h2>${say`Not answered?`}</h2>
<p>${
    tickets.reachable
      ? say`<a href="/contact">Write to us</a>: with an account or without. Your letter is encrypted before it is stored.`
      : say`<a href="/contact">Write to us</a> by e-mail.`
  }</p></div>`;
}

/** A page that this site does not have (nothing is sold, no mail is sent) stays a word. */
const withLiveLinks = (web: Web, body: string): string =>
  body.replace(/\[([^\]]+)\]\((\/[a-z-]+)\)/g, (link, text: string, path: string) =>
    web.has(path) ? link : text,
  );

const CATEGORIES = Object.keys(ARTICLE_CATEGORIES) as ArticleCategory[];

/** Articles by category, a search, and each article: without scripts, the same for everybody. */
export function addHelp(app: Hono<SiteEnv>, web: Web): void {
  const searches = new LeakyBuckets({ clock: web.clock, ...SEARCHES });

  app.get("/help", (c) => {
    const say = sayIn(c);
    const shelf = web.support.help.in(languageOf(c).folders);
    const query = (c.req.query("q") ?? "").trim().slice(0, QUERY_CHARACTERS_MOST);
    if (query !== "" && searches.take(networkOf(web.clientAddress(c))) === undefined)
      return errorPage(web, c, "searches-slow");
    const found = shelf.search.find(query).slice(0, RESULTS_MOST);
    const body = html`<h1>${say`Help centre`}</h1>
${searchForm(c, query)}
${query !== "" && results(c, query, found)}
${
  found.length > 0
    ? html`<p><a href="/help">${say`All articles`}</a></p>`
    : html`<div class="shelves">${CATEGORIES.map((name) => category(c, name, shelf))}</div>`
}
${contactPanel(c, web.support)}`;
    return page(web, c, {
      title: query === "" ? "Help centre" : say.text("Help centre: {0}", query),
      section: "help",
      body,
      description: say.text("How to set up and use {0}, pay, get a refund, and what is stored", web.siteName),
    });
  });

  app.get("/help/:slug{[a-z0-9-]+}", (c) => {
    const say = sayIn(c);
    const { articles, bySlug } = web.support.help.in(languageOf(c).folders);
    const article = bySlug.get(c.req.param("slug"));
    if (article === undefined) return c.notFound();
    const beside = articles.filter(
      ({ category, slug }) => category === article.category && slug !== article.slug,
    );
    const body = html`<p><a href="/help">${say`Help centre`}</a> › ${say.text(ARTICLE_CATEGORIES[article.category])}</p>
<article class="text"><h1>${article.title}</h1>
<p class="lead">${article.summary}</p>
${markdown(withLiveLinks(web, article.body))}</article>
${beside.length > 0 && html`<aside class="panel" aria-labelledby="beside"><h2 id="beside">${say`More about it`}</h2><ul>${beside.map((each) => html`<li>${link(each)}</li>`)}</ul></aside>`}
${contactPanel(c, web.support)}`;
    return page(web, c, {
      title: article.title,
      section: "help",
      body,
      description: article.summary,
    });
  });
}
