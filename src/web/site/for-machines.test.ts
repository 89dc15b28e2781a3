import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../../lib/clock.ts";
import type { Language } from "../languages/language.ts";
import { openBench } from "../testkit.ts";

const GERMAN: Language = { tag: "de", name: "Deutsch", sentences: new Map() };
const ORIGIN = "https://vpn.example.net";

test("security.txt has the fields of RFC 9116, good for a month, in the operator's words", async () => {
  const bench = await openBench(
    {
      publicUrl: ORIGIN,
      securityContacts: ["mailto:security@example.net", "tel:+1-201-555-0123"],
      languages: [GERMAN],
    },
    new FakeClock(Date.UTC(2031, 4, 1, 18, 3)),
  );
  const answer = await bench.app.request("/.well-known/security.txt");
  assert.equal(answer.headers.get("content-type"), "text/plain; charset=utf-8");
  assert.equal(
    await answer.text(),
    [
      "Contact: mailto:security@example.net",
      "Contact: tel:+1-201-555-0123",
      "Expires: 2031-05-31T00:00:00Z",
      "Preferred-Languages: en, de",
      `Canonical: ${ORIGIN}/.well-known/security.txt`,
      "",
    ].join("\n"),
  );
  assert.equal(
    (await bench.app.request("/security.txt")).headers.get("location"),
    "/.well-known/security.txt",
  );
  await bench.close();
});

test("the site map has every public page once a language, none of a member's, and each answers", async () => {
  for (const languages of [[], [GERMAN]]) {
    const bench = await openBench({ publicUrl: ORIGIN, languages });
    const map = await (await bench.app.request("/sitemap.xml")).text();
    const found = [...map.matchAll(/<loc>([^<]+)<\/loc>/g)].map(([, address]) => address!);
    assert.equal(new Set(found).size, found.length);
    const prefix = languages.length === 0 ? "" : "/de";
    for (const path of [
      "/",
      "/how-it-works",
      "/status",
      "/status/amsterdam1",
      "/help/first-steps",
      "/privacy",
      "/about",
    ])
      assert.ok(found.includes(`${ORIGIN}${prefix}${path}`), path);
    assert.ok(!found.some((address) => /\/(member|api|order)/.test(address)));
    for (const address of found)
      assert.equal((await bench.app.request(address.slice(ORIGIN.length))).status, 200, address);
    const alternates = [...map.matchAll(/hreflang="(\w+)"/g)].map(([, tag]) => tag);
    assert.deepEqual([...new Set(alternates)], languages.length === 0 ? [] : ["en", "de"]);
    const robots = await (await bench.app.request("/robots.txt")).text();
    assert.match(robots, /^User-agent: \*\nDisallow: \/member\n/);
    assert.match(robots, /\nSitemap: https:\/\/vpn\.example\.net\/sitemap\.xml\n$/);
    await bench.close();
  }
});

test("the site map is an XML document, whatever an address holds", async () => {
  const bench = await openBench({ publicUrl: ORIGIN });
  const map = await (await bench.app.request("/sitemap.xml")).text();
  assert.ok(!/&(?!amp;|lt;|gt;|quot;|#)/.test(map));
  assert.match(map, /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<urlset /);
  await bench.close();
});
