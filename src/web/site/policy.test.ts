import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { allRules } from "../../policy/all-rules.ts";
import { LIFETIMES, lifetimeText } from "../../policy/lifetimes.ts";
import type { PolicyValues } from "../../policy/rule.ts";
import { inventory } from "../../store/inventory.ts";
import { escapeHtml } from "../html.ts";
import { DEFAULT_POLICY } from "../policy-choice.ts";
import { type Bench, openBench, Visitor } from "../testkit.ts";
import type { OwnTexts } from "../text-pages.ts";
import { splitText } from "../text-pages.ts";

const texts: Record<string, string> = {
  "en/refunds":
    "# Our word\n\nWe are *glad* to help. <script>alert(1)</script>\n\n---\n\nWritten by [us](https://example.net/).",
  "de/refunds": "Auf Deutsch.",
};
const own: OwnTexts = {
  find: (page, folders) => {
    const found = folders.map((folder) => texts[`${folder}/${page}`]).find((text) => text !== undefined);
    return found === undefined ? undefined : splitText(found);
  },
};
const policy = { ...DEFAULT_POLICY, sessionsPerCredential: 7, deniedPorts: [445] };
let bench: Bench;
before(async () => {
  bench = await openBench({ policy, texts: own });
});
after(() => bench.close());

const page = async (path: string) => {
  const answer = await new Visitor(bench.app).get(path);
  assert.equal(answer.status, 200, path);
  return answer.text();
};

test("every rule stands with its sentence on its page", async () => {
  const values: PolicyValues = { ...policy, siteName: bench.options.siteName };
  const rules = allRules(values);
  assert.ok(rules.length > 40);
  for (const { id, page: name, sentence } of rules) {
    const markup = await page(`/${name}`);
    assert.ok(markup.includes(`<li id="rule-${id}">${escapeHtml(sentence)}</li>`), id);
  }
});

test("cancelling leads to PayPal's own list of automatic payments", async () => {
  const link = /<a href="https:\/\/www\.paypal\.com\/myaccount\/autopay\/" rel="noopener noreferrer">/;
  assert.match(await page("/cancellation"), link);
});

test("the rules speak of what is offered at the moment", async () => {
  assert.match(await page("/cancellation"), /A subscription exists with PayPal alone/);
  await bench.switches.set("paypal-subscription", false);
  assert.match(await page("/cancellation"), /No subscription is sold at the moment/);
  await bench.switches.set("paypal-subscription", true);
});

test("the operator's words stand around the rules and never in their place", async () => {
  const markup = await page("/refunds");
  assert.match(
    markup,
    /<h2>Our word<\/h2>\s*<p>We are <em>glad<\/em> to help\. &lt;script&gt;alert\(1\)&lt;\/script&gt;/,
  );
  assert.match(markup, /<a href="https:\/\/example\.net\/" rel="nofollow noopener noreferrer">us<\/a>/);
  const [word, rule, foot] = ["Our word", "rule-within-seven-days", "Written by"].map((text) =>
    markup.indexOf(text),
  );
  assert.ok(word! < rule! && rule! < foot!);
});

test("what the privacy page promises of lifetimes is what the inventory says and the sweeper does", async () => {
  const lifetimes = inventory.map(({ lifetime }) => lifetime).join("\n");
  const { expiredTold, mailMark, ...stored } = LIFETIMES;
  assert.ok(expiredTold.days < LIFETIMES.unpaidAccount.days && mailMark.days > 7);
  for (const [name, { days }] of Object.entries(stored))
    assert.ok(lifetimes.includes(lifetimeText(days)) || lifetimes.includes(`${days} days`), name);
  assert.match(await page("/privacy"), /About your account, in our database/);
});

test("pricing shows each plan, its price and the ways to pay; nothing to buy while buying is off", async () => {
  const markup = await page("/pricing");
  for (const text of [
    "One month",
    "€5.00",
    "Six months",
    "€27.00",
    "10 % cheaper per day",
    "One year",
    "€48.00",
  ])
    assert.ok(markup.includes(text), text);
  await bench.switches.set("buying", false);
  assert.match(await page("/pricing"), /At the moment nothing can be bought here/);
  await bench.switches.set("buying", true);
});

test("programs get the same: plans with exact prices, and every rule", async () => {
  const get = async (path: string) => JSON.parse(await page(path));
  const { plans, methods, buying } = await get("/api/v1/plans");
  assert.deepEqual(plans[0], { id: "30days", title: "One month", days: 30, price: "5.00", currency: "EUR" });
  assert.equal(methods.length, 7);
  assert.equal(buying, false, "this site has nothing to take money with");
  assert.deepEqual(await get("/api/v1/rules"), allRules({ ...policy, siteName: bench.options.siteName }));
});

test("a text ends its introduction at dashes between empty lines, and not at a heading's", () => {
  assert.deepEqual(splitText("a\n\n---\n\nb"), { introduction: "a", footnotes: "b" });
  assert.deepEqual(splitText("\u{FEFF}a\r\n\r\n---\r\nb\r\n"), { introduction: "a", footnotes: "b" });
  assert.deepEqual(splitText("Heading\n---\n\ntext"), {
    introduction: "Heading\n---\n\ntext",
    footnotes: "",
  });
  assert.deepEqual(splitText("---\nb"), { introduction: "", footnotes: "b" });
  assert.deepEqual(splitText(""), { introduction: "", footnotes: "" });
});
