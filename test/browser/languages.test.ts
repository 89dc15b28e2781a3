import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  answerLetter,
  confirmLetter,
  reminderLetter,
  resetLetter,
  type SpokenSite,
} from "../../src/mail/letters.ts";
import { SYSTEMS } from "../../src/profiles/kinds.ts";
import { builtInArticles } from "../../src/support/article-files.ts";
import { type Article } from "../../src/support/articles.ts";
import { HelpCentre } from "../../src/support/help-centre.ts";
import { helpValues } from "../../src/web/help-values.ts";
import { pageLanguage } from "../../src/web/languages/language.ts";
import { signedUp, tokenOf, Visitor } from "../../src/web/testkit.ts";
import { allSentences } from "./all-sentences.ts";
import { crawl, type Found } from "./crawl.ts";
import { type LiveSite, openLiveSite } from "./live-site.ts";
import { englishIn, englishInText, pseudo, pseudoLanguage } from "./pseudo-language.ts";

/** The whole site in a made-up language: what is English still was said by no sentence, and could not be translated. */

/** What is the same in every language: names, the operator's own words, addresses for programs. Nothing else is let through. */
const NAMES = new RegExp(
  [
    "Example Collective",
    "English",
    "Amsterdam|Reykjavík|Santiago de Chile|Zürich",
    // Servers by their names, their files, and the country codes beside them.
    "\\b(?:amsterdam|reykjavik|santiago|zurich|london)\\d?[\\w.-]*",
    "\\b(?:NL|IS|CL|CH|GB)\\b",
    "OpenVPN|API|PayPal|Bitcoin|Monero",
    "UTC|UDP|TCP|IPv[46]|\\.conf",
    "traffic\\.json|serverlocations\\.json|serverips|ssh-fingerprints-rsa",
    "ssh-(?:rsa|ed25519)|ecdsa[\\w-]*",
    // Columns of the table of what is stored, and what stands in them.
    "\\baccounts\\.\\w+",
    "\\b(?:reader|laptop)\\b",
    // A plan, by the operator's id of it, and the address that envelopes go to.
    "\\b\\d+days\\b|Post box|Anywhere",
    "a name for everyone|news of the operator",
    "mailbox@example\\.org|provider\\.example",
  ].join("|"),
  "g",
);

const heard = new Set<string>();
const LANGUAGE = pseudoLanguage(heard);

/** An article as a translator makes it: links, code and what the program fills in stay as they are. */
const inArticle = (text: string): string =>
  text
    .split(/(\{\{[^}]*\}\}|`[^`]*`|\]\([^)]*\)|\n```[\s\S]*?\n```)/)
    .map((part, index) => (index % 2 === 1 ? part : pseudo(part)))
    .join("");
const translated = (article: Article): Article => ({
  ...article,
  title: inArticle(article.title),
  summary: inArticle(article.summary),
  body: inArticle(article.body),
});

let site: LiveSite;
let pages: Found[];

before(async () => {
  const analytics = { origin: "https://vpn.example.net", visit: async () => undefined };
  site = await openLiveSite(0, { languages: [LANGUAGE], analytics, publicUrl: "https://vpn.example.net" });
  const { bench } = site;
  bench.options.support.help = new HelpCentre(
    [builtInArticles, new Map([["el", builtInArticles.get("en")!.map(translated)]])],
    helpValues({ siteName: "Example Collective", languages: [LANGUAGE] }),
  );
  await bench.announcements.post({
    title: "a name for everyone",
    text: "news of the operator",
  });
  pages = (await crawl(site.origin, ["/el/"])).found;
});
after(() => site?.close());

const allSaid = (markup: string, where: string): void =>
  assert.deepEqual(englishIn(markup, NAMES), [], where);

/** What a form on a page sends: its hidden fields and first choices, and `typed` where something is to be typed. */
function fieldsOf(form: string, typed: string): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const [tag] of form.matchAll(/<(?:input|textarea|select)\b[^>]*>/g)) {
    const name = / name="([^"]*)"/.exec(tag)?.[1];
    if (name === undefined || / type="(?:checkbox|file)"/.test(tag)) continue;
    const value = / value="([^"]*)"/.exec(tag)?.[1] ?? "";
    if (/ type="radio"/.test(tag)) fields[name] ??= value;
    else fields[name] = / type="hidden"/.test(tag) ? value : typed;
  }
  return fields;
}

/** Sends every form of a page with nothing and with nonsense in it; nothing English comes back. */
async function sendForms(visitor: Visitor, markup: string, path: string): Promise<number> {
  let sent = 0;
  for (const form of markup.split("<form ").slice(1)) {
    const action = /^[^<>]*method="post" action="\/el([^"]*)"/.exec(form)?.[1];
    if (action === undefined || /^\/(?:log-out|analytics|member\/delete)$/.test(action)) continue;
    const inside = form.slice(0, form.indexOf("</form>"));
    for (const typed of ["", "nonsense"]) {
      const answer = await visitor.post(`/el${action}`, fieldsOf(inside, typed));
      sent++;
      if (answer.headers.get("content-type")?.startsWith("text/html"))
        allSaid((await answer.text()).replaceAll("nonsense", ""), `${path}: ${action} with “${typed}”`);
    }
  }
  return sent;
}

test("every page that a visitor can reach is said in the language whole", () => {
  const own = pages.filter(({ path }) => path.startsWith("/el/"));
  assert.ok(own.length > 60, `${own.length} pages`);
  for (const { path, markup, bytes } of own) {
    allSaid(markup, path);
    assert.match(markup, /<html lang="el">/, path);
    assert.ok(bytes <= 100 * 1024, `${path}: ${bytes} bytes`);
  }
});

test("what no link leads to is said, too: forms that were not taken, and errors", async () => {
  const visitor = new Visitor(site.bench.app);
  let sent = 0;
  for (const { path, markup } of pages)
    if (path.startsWith("/el/") && !/^\/el\/(?:help|status)/.test(path))
      sent += await sendForms(visitor, (await (await visitor.get(path)).text()) || markup, path);
  assert.ok(sent > 10, `${sent} forms`);
  for (const path of [
    "/no-such-page",
    "/reset-password?link=old",
    "/confirm-email?link=old",
    "/help?q=κλειδί",
  ])
    allSaid(await (await visitor.get(`/el${path}`)).text(), path);
  allSaid(await (await site.bench.app.request("/el/status", { method: "DELETE" })).text(), "405");
  allSaid(await (await visitor.post("/el/log-in", { token: "x" })).text(), "an old form");
  const foreign = await visitor.post("/el/log-in", {}, { "sec-fetch-site": "cross-site" });
  allSaid(await foreign.text(), "another site's form");
});

test("every page of a member is said, paid and not paid, and every form of his", async () => {
  const member = await signedUp(site.bench, "reader");
  const { id } = (await site.bench.accounts.byName("reader"))!;
  const paths = [
    "/member",
    "/member?done=voucher",
    "/member/settings",
    "/member/settings?done=password",
    "/member/everything",
    "/member/connect",
    "/member/connect?country=NL",
    "/member/devices",
    "/member/devices?done=device-removed",
    "/contact",
    "/order",
    ...SYSTEMS.map((system) => `/member/connect/${system}?level=adult`),
    "/member/connect/linux?via=zurich2",
    "/member/connect/linux?server=nowhere",
  ];
  for (const days of [0, 30]) {
    if (days > 0) await site.bench.accounts.extend(id, days);
    for (const path of paths) {
      const answer = await member.get(`/el${path}`);
      assert.equal(answer.status, 200, path);
      allSaid(await answer.text(), `${path}, ${days} days`);
    }
  }
  const device = { name: "laptop", server: "amsterdam1", keys: "site" };
  assert.equal((await member.fill("/el/member/devices", "/el/member/devices", device)).status, 200);
  const overview = await (await member.get("/el/member")).text();
  const credentials = await member.post("/el/member/credentials", {
    token: tokenOf(overview, "/el/member/credentials"),
  });
  assert.equal(credentials.status, 200);
  allSaid(await credentials.text(), "credentials");
  for (const path of ["/member", "/member/devices", "/member/settings"]) {
    const markup = await (await member.get(`/el${path}`)).text();
    allSaid(markup, `${path} with a device`);
    await sendForms(member, markup, path);
  }
});

test("an answer for a page's script is in the page's language", async () => {
  const member = await signedUp(site.bench, "scripted");
  const token = tokenOf(await (await member.get("/el/member/devices")).text(), "/el/member/devices");
  const answer = await member.post(
    "/el/member/devices",
    { token, name: "laptop", server: "amsterdam1", "public-key": "no key" },
    { accept: "application/json" },
  );
  const { error } = (await answer.json()) as { error: { code: string; message: string } };
  assert.deepEqual(
    [answer.status, error.code, englishInText(error.message, NAMES)],
    [422, "key-invalid", []],
  );
});

test("every letter to a visitor or member is said in the language, and leads to pages in it", () => {
  const { say, prefix } = pageLanguage(LANGUAGE, "/el");
  const to: SpokenSite = { name: "Example Collective", origin: "https://vpn.example.net", say, prefix };
  const letters = [
    confirmLetter(to, "mailbox@example.org", "LINK"),
    resetLetter(to, "mailbox@example.org", ["LINK"]),
    resetLetter(to, "mailbox@example.org", ["LINK", "OTHER"]),
    reminderLetter(to, "mailbox@example.org", site.clock.now() / 1000, 1),
    reminderLetter(to, "mailbox@example.org", site.clock.now() / 1000, 7),
    answerLetter(to, { to: "mailbox@example.org", number: "12-34" }),
    answerLetter(to, { to: "mailbox@example.org", number: "12-34", text: "news of the operator" }),
  ];
  for (const { subject, text } of letters) {
    assert.deepEqual(englishInText(subject, NAMES), [], subject);
    assert.match(text, /https:\/\/vpn\.example\.net\/el\//);
    assert.deepEqual(englishInText(text.replace(/https:\/\/\S+/g, ""), NAMES), [], text);
  }
});

test("the text in a zip of client files, and a receipt as a file, are in the language", async () => {
  const zip = await (await fetch(`${site.origin}/el/downloads/all/get?system=windows&level=ads`)).bytes();
  const readme = Buffer.from(zip).toString("utf8");
  assert.ok(readme.includes(pseudo("ads and trackers")) && readme.includes(pseudo("SSH tunnels")));
  const english = await (await fetch(`${site.origin}/en/downloads/all/get?system=windows&level=ads`)).bytes();
  assert.ok(Buffer.from(english).toString("utf8").includes("ads and trackers"));
});

test("every link leads on in the language that the first address had", () => {
  assert.ok(pages.length > 20);
  // The other language's own links lead to the same page in it, and from there on.
  const others = pages.filter(({ path }) => !/^\/(el|en)\//.test(path));
  assert.deepEqual(
    others.map(({ path }) => path),
    [],
  );
  for (const { path, markup } of pages)
    assert.match(markup, new RegExp(`<html lang="${path.startsWith("/en/") ? "en" : "el"}">`), path);
});

test("a translator is given every sentence that was asked for above", async () => {
  const given = await allSentences();
  const missing = [...heard].filter(
    // What a page gives to be said once more has been said: it is no English any more.
    (sentence) =>
      englishInText(sentence.replace(/<[^>]*>|\{\w+\}|`[^`]*`/g, " "), NAMES).length > 0 &&
      !given.has(sentence),
  );
  assert.deepEqual(missing, []);
});
