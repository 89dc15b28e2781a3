import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { openBench, PASSWORD, Visitor } from "../testkit.ts";
import { type Language, speaker } from "./language.ts";
import { withPrefix } from "./links.ts";
import { splitPath, wished } from "./negotiate.ts";
import { parseLanguage } from "./parse-language.ts";

const catalogue = (sentences: object, tag = "de", name = "Deutsch"): Language => {
  const made = parseLanguage(tag, JSON.stringify({ name, sentences }));
  assert.ok(made.ok, made.ok ? "" : made.error);
  return made.value;
};

const GERMAN = catalogue({
  "Log in": "Anmelden",
  "Log out": "Abmelden",
  Servers: "Server",
  "How it works": "So geht es",
  "Page not found": "Seite nicht gefunden",
  "Online, and then forgotten.": "Im Netz, und dann vergessen.",
  '<a href="/sign-up">Create an account</a> with a username and a password. An e-mail address is optional.':
    '<a href="/sign-up">Legen Sie ein Konto an</a>, mit Namen und Passwort. Eine E-Mail-Adresse muss nicht sein.',
  "{0} days left": { one: "noch ein Tag", other: "noch {0} Tage" },
  "{0} of {1}": "von {1} {0}",
});
const ARABIC = catalogue({ "Log in": "تسجيل الدخول" }, "ar", "العربية");

test("a sentence is said in the language, its values escaped and in that language's order", () => {
  const say = speaker(GERMAN);
  assert.equal(say`Log in`.markup, "Anmelden");
  assert.equal(say`${"<b>"} of ${2}`.markup, "von 2 &lt;b&gt;");
  assert.equal(say`Not in the catalogue: ${"<b>"}`.markup, "Not in the catalogue: &lt;b&gt;");
  assert.equal(say.text("{0} days left", 1), "noch ein Tag");
  assert.equal(say.text("{0} days left", 5), "noch 5 Tage");
  assert.equal(say.text("a name with {0} in it"), "a name with {0} in it");
  assert.equal(
    say`<a href="/sign-up">Create an account</a> with a username
      and a password. An e-mail address is optional.`.markup.slice(0, 43),
    '<a href="/sign-up">Legen Sie ein Konto an</',
  );
});

test("a language has as many plural forms as it needs", () => {
  const say = speaker(
    catalogue(
      {
        "{0} servers": { one: "{0} serwer", few: "{0} serwery", many: "{0} serwerów", other: "{0} serwera" },
      },
      "pl",
    ),
  );
  const said = [1, 2, 5, 22].map((count) => say`${count} servers`.markup);
  assert.deepEqual(said, ["1 serwer", "2 serwery", "5 serwerów", "22 serwery"]);
});

test("the browser's wish is looked up as RFC 4647 says", () => {
  const there = [{ tag: "en" }, { tag: "de" }, { tag: "pt-br" }];
  const cases: [string | undefined, string | undefined][] = [
    ["de-AT,en;q=0.5", "de"],
    ["fr, de;q=0.3, en;q=0.7", "en"],
    ["PT-BR", "pt-br"],
    ["pt", undefined],
    ["de;q=0, en", "en"],
    ["*", undefined],
    ["de;q=zwei, en;q=0.1", "de"],
    [undefined, undefined],
    [`${"x,".repeat(600)}de`, undefined],
  ];
  for (const [header, tag] of cases) assert.equal(wished(header, there)?.tag, tag, header);
  fc.assert(
    fc.property(fc.string(), (header) => {
      wished(header, there);
    }),
  );
});

test("only a whole first part of an address is a language", () => {
  const there = [{ tag: "de" }];
  assert.deepEqual(splitPath("/de/status", there), { language: there[0], rest: "/status" });
  assert.equal(splitPath("/de", there)!.rest, "/");
  for (const path of ["/", "/deutsch", "/en/status", "/status/de", "//de"])
    assert.equal(splitPath(path, there), undefined, path);
});

test("links and forms lead on in the language; files, other sites and links to other languages stay", () => {
  const same = [
    '<a href="https://elsewhere.example/">',
    '<a href="#main">',
    '<a href="//elsewhere.example/">',
    '<link rel="stylesheet" href="/assets/0123/site.css">',
    '<a href="/api/openapi.json">',
    '<a href="/announcements.atom">',
    '<a hreflang="pl" lang="pl" href="/pl/status">',
    "text with  href=&quot;/x&quot; in it",
  ];
  for (const markup of same) assert.equal(withPrefix(markup, "/de"), markup);
  assert.equal(
    withPrefix(
      '<a hreflang="pl" href="/pl/">P</a> <a class="x" href="/status?page=2"><form method="post" action="/log-in">',
      "/de",
    ),
    '<a hreflang="pl" href="/pl/">P</a> <a class="x" href="/de/status?page=2"><form method="post" action="/de/log-in">',
  );
});

test("a text that is shown again keeps nobody waiting, whatever stands in it", () => {
  const before = process.threadCpuUsage();
  for (const text of [" href", " action=", " hreflang=&quot;de&quot; href=&quot;/x"])
    withPrefix(`<textarea>${text.repeat(128_000 / text.length)}</textarea>`, "/de");
  // A millisecond each; where the text is gone through for each of its words, several seconds.
  const { user } = process.threadCpuUsage(before);
  assert.ok(user < 1_000_000, `${user} µs of CPU`);
});

test("a catalogue that would bring markup of its own, or loses a value, is refused with a sentence", () => {
  const cases: [object | string, RegExp][] = [
    ["{", /not JSON/],
    [[], /"name"/],
    [{ name: "", sentences: {} }, /"name"/],
    [{ name: "Deutsch", sentences: [] }, /"sentences"/],
    [{ name: "Deutsch", sentences: { "Log in": 1 } }, /must be a text/],
    [{ name: "Deutsch", sentences: { "Log in": " " } }, /is empty/],
    [{ name: "Deutsch", sentences: { "Log in": "<script>x</script>" } }, /same tags/],
    [{ name: "Deutsch", sentences: { "<b>a</b>": '<b onclick="x">a</b>' } }, /same tags/],
    [{ name: "Deutsch", sentences: { "a {0}": "a" } }, /same tags and places/],
    [{ name: "Deutsch", sentences: { a: "a {0}" } }, /same tags and places/],
    [{ name: "Deutsch", sentences: { "Open {file}": "Offnen" } }, /same tags and places/],
    [{ name: "Deutsch", sentences: { "Run `a b`": "Starte `a c`" } }, /same between backticks/],
    [{ name: "Deutsch", sentences: { a: "1 < 2" } }, /no tag's/],
    [{ name: "Deutsch", sentences: { "{0} a": { one: "x" } } }, /"other"/],
    [{ name: "Deutsch", sentences: { "{0} a": { other: "{0} a", lots: "x" } } }, /plural category "lots"/],
    [{ name: "Deutsch", sentences: { "{0} a": { other: "{0} a", one: "<i>x</i>" } } }, /same tags/],
  ];
  for (const [content, problem] of cases) {
    const made = parseLanguage("de", typeof content === "string" ? content : JSON.stringify(content));
    assert.ok(!made.ok, JSON.stringify(content));
    assert.match(made.error, problem);
  }
  for (const tag of ["en", "api", "DE", "d", "deutsch", "../de", "de-"])
    assert.ok(!parseLanguage(tag, '{"name":"x","sentences":{}}').ok, tag);
});

test("a site with one language has no word of languages", async () => {
  const bench = await openBench();
  const answer = await bench.app.request("/", { headers: { "accept-language": "de" } });
  const page = await answer.text();
  assert.ok(!page.includes("hreflang") && !page.includes('class="languages"'));
  assert.match(page, /<html lang="en">/);
  assert.ok(!(answer.headers.get("vary") ?? "").includes("accept-language"));
  assert.equal((await bench.app.request("/en/status")).status, 404);
  await bench.close();
});

test("who asks for none of the languages gets the site's own", async () => {
  const bench = await openBench({ languages: [GERMAN, ARABIC], language: "de" });
  const get = async (wish: string) =>
    (await bench.app.request("/", { headers: { "accept-language": wish } })).text();
  assert.match(await get("fr"), /<html lang="de">/);
  assert.match(await get("fr, ar;q=0.1"), /<html lang="ar" dir="rtl">/);
  assert.match(await get("en"), /<html lang="en">/);
  assert.match(await (await bench.app.request("/en/")).text(), /<html lang="en">/);
  await bench.close();
});

test("an address in a language stays in it from page to page, through forms and redirects, without a cookie", async () => {
  const bench = await openBench({ languages: [GERMAN, ARABIC], publicUrl: "http://localhost" });
  const visitor = new Visitor(bench.app);
  const home = await visitor.get("/de/");
  const page = await home.text();
  assert.match(page, /<html lang="de">/);
  assert.match(page, /Im Netz, und dann vergessen/);
  assert.match(page, /href="\/de\/log-in">Anmelden</);
  assert.match(page, /<a hreflang="ar" lang="ar" href="\/ar\/">العربية/);
  assert.match(page, /<a hreflang="en" lang="en" href="\/en\/">English/);
  assert.match(page, /<link rel="alternate" hreflang="ar" href="http:\/\/localhost\/ar\/">/);
  assert.equal(visitor.cookies.size, 0);

  const made = await visitor.fill("/de/sign-up", "/de/sign-up", { name: "otter", password: PASSWORD });
  assert.equal(made.headers.get("location"), "/de/member?done=signed-up");
  assert.match(await (await visitor.get("/de/member")).text(), /Abmelden/);
  const out = await visitor.fill("/de/member", "/de/log-out");
  assert.equal(out.headers.get("location"), "/de/");
  assert.equal((await visitor.get("/de/member")).headers.get("location"), "/de/log-in");
  // What a form answers has no address of its own: the other languages lead to the start page.
  const wrong = await visitor.fill("/de/log-in", "/de/log-in", { name: "otter", password: "wrong password" });
  assert.equal(wrong.status, 422);
  assert.match(await wrong.text(), /hreflang="ar" lang="ar" href="\/ar\/">/);
  assert.match(await (await visitor.get("/ar/log-in")).text(), /<html lang="ar" dir="rtl">/);

  const missing = await visitor.get("/de/no-such-page");
  assert.equal(missing.status, 404);
  assert.match(await missing.text(), /Seite nicht gefunden/);
  const method = await bench.app.request("/de/status", { method: "DELETE" });
  assert.equal(method.status, 405);
  await bench.close();
});

test("a stranger's member address in a language needs the log-in as any other", async () => {
  const bench = await openBench({ languages: [GERMAN] });
  for (const path of ["/de/member", "/de/member/settings", "/de/de/member", "/de//member"]) {
    const answer = await bench.app.request(path);
    assert.ok([303, 404].includes(answer.status), `${path}: ${answer.status}`);
  }
  const forged = await new Visitor(bench.app).post("/de/member/delete", { token: "x", password: PASSWORD });
  assert.equal(forged.headers.get("location"), "/de/log-in?why=ended");
  await bench.close();
});

test("without a language in the address the browser's wish decides, also for pages that are made once for everybody", async () => {
  const bench = await openBench({ languages: [GERMAN] });
  const get = async (path: string, wish?: string) =>
    bench.app.request(path, { headers: wish === undefined ? {} : { "accept-language": wish } });
  for (const [wish, lang] of [
    ["de-DE,en;q=0.8", "de"],
    ["fr", "en"],
    [undefined, "en"],
  ] as const) {
    for (const path of ["/", "/status", "/status/amsterdam1"]) {
      const answer = await get(path, wish);
      assert.match(await answer.text(), new RegExp(`<html lang="${lang}">`), `${path} ${wish}`);
      assert.match(answer.headers.get("vary")!, /accept-language/);
    }
  }
  assert.match(await (await get("/en/status", "de")).text(), /<html lang="en">[\s\S]*href="\/en\/log-in"/);
  assert.match(await (await get("/status", "de")).text(), /href="\/log-in">Anmelden/);
  await bench.close();
});
