import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readArticles } from "./article-files.ts";
import { ArticleSearch, wordsOf } from "./article-search.ts";
import { type Article, ArticleError, collectArticles, fillArticle, parseArticle } from "./articles.ts";
import { HelpCentre } from "./help-centre.ts";

const head = (more = "") => `+++\ntitle = "A title"\nsummary = "One line."\ncategory = "use"\n${more}+++\n`;

const article = (slug: string, title: string, body: string, more: Partial<Article> = {}): Article => ({
  slug,
  title,
  summary: "A sentence.",
  category: "use",
  order: 1,
  words: [],
  body,
  ...more,
});

test("an article's head is read, and what is wrong with it is said with the file's name", () => {
  const read = parseArticle("two-hops.md", `${head('order = 5\nwords = ["chain"]\n')}\nText\n\n+++\nmore\n`);
  assert.deepEqual(read, {
    slug: "two-hops",
    title: "A title",
    summary: "One line.",
    category: "use",
    order: 5,
    words: ["chain"],
    body: "Text\n\n+++\nmore",
  });
  assert.equal(parseArticle("a.md", head().replaceAll("\n", "\r\n")).title, "A title");
  for (const [name, text, told] of [
    ["../x.md", head(), /is called like/],
    ["A.md", head(), /is called like/],
    ["a.md", "# no head", /begins with a line \+\+\+/],
    ["a.md", "+++\ntitle = \n+++\n", /^a\.md:2: this is not TOML/],
    ["a.md", '+++\ntitle = "x"\n+++\n', /summary is not right/],
    ["a.md", head('colour = "red"\n'), /a\.md: .* is not right/],
    ["a.md", head().replace('"use"', '"nowhere"'), /category is not right/],
  ] as const)
    assert.throws(
      () => parseArticle(name, text),
      (error) => error instanceof ArticleError && told.test(error.message),
      text,
    );
});

test("the operator's article takes the place of ours, an empty one takes it away, and another language's falls back to English", () => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-help-"));
  try {
    mkdirSync(join(folder, "de"));
    writeFileSync(join(folder, "cash.md"), `${head()}Our own words about cash.`);
    writeFileSync(join(folder, "gone.md"), head());
    writeFileSync(join(folder, "de", "cash.md"), `${head()}Bargeld.`);
    writeFileSync(join(folder, "notes.txt"), "no article");
    const ours = new Map([
      ["en", [article("cash", "Cash", "x"), article("gone", "Gone", "x"), article("kept", "Kept", "x")]],
    ]);
    const help = new HelpCentre([ours, readArticles(folder)], () => ({}));
    const of = (...tags: string[]) =>
      Object.fromEntries(help.in(tags).articles.map(({ slug, body }) => [slug, body]));
    assert.deepEqual(of("en"), { cash: "Our own words about cash.", kept: "x" });
    assert.deepEqual(of("de-at", "de", "en"), { cash: "Bargeld.", kept: "x" });
    assert.deepEqual(readArticles(join(folder, "nowhere")), new Map());
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a word that there is no value of is an error, not a hole in the text", () => {
  const filled = fillArticle(article("a", "In {{days}} days", "{{ days }} and {{days}}"), { days: "7" });
  assert.deepEqual([filled.title, filled.body], ["In 7 days", "7 and 7"]);
  assert.throws(() => fillArticle(article("a", "x", "{{dayz}}"), { days: "7" }), /a\.md.*\{\{dayz\}\}.*days/);
});

test("articles stand by category and order", () => {
  const sorted = collectArticles([
    article("b", "B", "x", { category: "privacy" }),
    article("d", "D", "x", { order: 2 }),
    article("c", "C", "x", { order: 2 }),
    article("a", "A", "x", { order: 1 }),
    article("s", "S", "x", { category: "start", order: 9 }),
  ]);
  assert.deepEqual(
    sorted.map(({ slug }) => slug),
    ["s", "a", "c", "d", "b"],
  );
});

test("a search finds other forms of a word, its beginning, and puts the title's article first", () => {
  const search = new ArticleSearch([
    article("refunds", "Get a refund", "Within seven days, with the receipt."),
    article("cancel", "Cancel a subscription", "What cancelling does. A refund is another thing.", {
      words: ["unsubscribe"],
    }),
    article("zurich", "Servers in Zürich", "Über den Bergen."),
  ]);
  const found = (query: string) => search.find(query).map(({ article }) => article.slug);
  assert.deepEqual(found("Refunds"), ["refunds", "cancel"]);
  assert.deepEqual(found("cancelled"), ["cancel"]);
  assert.deepEqual(found("subscr"), ["cancel"]);
  assert.deepEqual(found("unsubscribe"), ["cancel"]);
  assert.deepEqual(found("zurich"), ["zurich"]);
  assert.deepEqual(found("how do I get the"), ["refunds"]);
  assert.deepEqual(found("a receipt refund"), ["refunds", "cancel"]);
  assert.deepEqual(found("ref"), ["refunds", "cancel"]);
  assert.deepEqual(found(`${"e".repeat(200)} refund`), [], "what is too long is cut off");
  for (const nothing of ["", "the", "<script>", "🦊", "xyzzy", "\u0000"])
    assert.deepEqual(found(nothing), []);
  assert.deepEqual(wordsOf("Connections, the cities' PROXIES"), ["connection", "city", "proxy"]);
});
