import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { FakeClock } from "../../lib/clock.ts";
import { REFUND_DAYS } from "../../policy/refund.ts";
import { builtInArticles } from "../../support/article-files.ts";
import type { SiteOptions } from "../options.ts";
import { FOOTER } from "../site-map.ts";
import { openBench, Visitor } from "../testkit.ts";

async function newBench(t: TestContext, change: Partial<SiteOptions> = {}) {
  const clock = new FakeClock();
  const bench = await openBench(change, clock);
  t.after(() => bench.close());
  return { ...bench, clock };
}

test("every article is a page of its own, found from the start of the help centre, and no link in one leads nowhere", async (t) => {
  const bench = await newBench(t);
  const visitor = new Visitor(bench.app);
  const start = await (await visitor.get("/help")).text();
  const slugs = new Set([...start.matchAll(/href="\/help\/([a-z0-9-]+)"/g)].map(([, slug]) => slug!));
  assert.ok(slugs.size >= 25, String(slugs.size));
  const paths = new Set(bench.app.routes.filter(({ method }) => method === "GET").map(({ path }) => path));
  for (const slug of slugs) {
    const answer = await visitor.get(`/help/${slug}`);
    const markup = await answer.text();
    assert.equal(answer.status, 200, slug);
    assert.ok(!markup.includes("{{"), slug);
    assert.equal(markup.match(/<h1>/g)?.length, 1, slug);
    assert.ok(markup.length < 60_000, `${slug}: ${markup.length}`);
    const article = markup.slice(markup.indexOf("<article"), markup.indexOf("</article>"));
    for (const [, href] of article.matchAll(/href="(\/[^"#?]*)/g)) {
      const own = href!.startsWith("/help/") ? slugs.has(href!.slice(6)) : paths.has(href!);
      const system = /^\/member\/connect\/[a-z]+$/.test(href!);
      assert.ok(own || system, `${slug} leads to ${href}`);
    }
  }
  assert.equal((await visitor.get("/help/nothing-here")).status, 404);
});

test("what our articles lead to are pages of this site, or pages that it has where something is sold", () => {
  const optional = new Set(["/refund", "/order"]);
  const known = new Set(FOOTER.flatMap(({ pages }) => pages.map(({ path }) => path)));
  for (const { slug, body } of builtInArticles.get("en")!)
    for (const [, path] of body.matchAll(/\]\((\/[a-z-]+)\)/g))
      assert.ok(
        known.has(path!) || optional.has(path!) || /^\/(member|sign-up|forgot-password)$/.test(path!),
        `${slug}: ${path}`,
      );
});

test("numbers in the articles are those that the code acts by", async (t) => {
  const bench = await newBench(t);
  const refunds = await (await new Visitor(bench.app).get("/help/refunds-how")).text();
  assert.match(refunds, new RegExp(`within ${REFUND_DAYS} days`));
});

test("a search answers without scripts, the best first, and shows what was typed as text", async (t) => {
  const bench = await newBench(t);
  const visitor = new Visitor(bench.app);
  const results = async (query: string) => {
    const markup = await (await visitor.get(`/help?q=${encodeURIComponent(query)}`)).text();
    const part = markup.slice(markup.indexOf('id="results"'), markup.indexOf("All articles"));
    return { markup, first: /href="\/help\/([a-z0-9-]+)"/.exec(part)?.[1] };
  };
  for (const [query, slug] of [
    ["refund", "refunds-how"],
    ["how do I cancel my subscription", "cancel"],
    ["wrong password auth failed", "cannot-connect"],
    ["webrtc leak", "leaks"],
    ["iphone", "ios"],
    ["obfs4 censorship", "blocked-networks"],
    ["do you keep logs", "what-we-store"],
    ["monero", "ways-to-pay"],
    ["fritzbox", "router"],
  ] as const)
    assert.equal((await results(query)).first, slug, query);
  const odd = await results('"><script>alert(1)</script>');
  assert.ok(!odd.markup.includes("<script>alert"));
  assert.match((await results("xyzzyplugh")).markup, /Nothing was found/);
});

test("searches are counted by network, and cost little more than the page without one", async (t) => {
  let from = "192.0.2.7";
  const bench = await newBench(t, { clientAddress: () => from });
  const visitor = new Visitor(bench.app);
  // As long, and of as many beginnings of words, as one may ask for.
  const worst = `ref ope lin win pay sto con aut pas ser acc mon ${"e".repeat(4000)}`;
  const search = async (query = worst) => (await visitor.get(`/help?q=${encodeURIComponent(query)}`)).status;
  for (let count = 0; count < 60; count += 1) assert.equal(await search(), 200);
  const slow = await visitor.get("/help?q=refund");
  assert.equal(slow.status, 429);
  assert.match(await slow.text(), /All articles stand in the help centre without a search/);
  assert.equal((await visitor.get("/help")).status, 200);
  assert.equal((await visitor.get("/help?q=")).status, 200);
  assert.equal((await visitor.get("/help/refunds-how")).status, 200);
  from = "198.51.100.9";
  assert.equal(await search(), 200);
  from = "192.0.2.7";
  bench.clock.advance(2000);
  assert.deepEqual([await search(), await search()], [200, 429]);

  const costOf = async (ask: () => Promise<unknown>): Promise<number> => {
    const rounds: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      bench.clock.advance(600_000);
      const before = process.cpuUsage();
      for (let count = 0; count < 20; count += 1) await ask();
      const { user, system } = process.cpuUsage(before);
      rounds.push(user + system);
    }
    return Math.min(...rounds);
  };
  const plain = await costOf(async () => (await visitor.get("/help")).text());
  const searched = await costOf(() => search());
  assert.ok(searched < 6 * plain, `${searched} µs of CPU for 20 searches, ${plain} for 20 pages`);
});
