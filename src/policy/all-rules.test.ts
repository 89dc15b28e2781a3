import assert from "node:assert/strict";
import { test } from "node:test";
import { allRules, rulesOf } from "./all-rules.ts";
import { goesAfter, LIFETIMES, lifetimeText } from "./lifetimes.ts";
import { METHODS, PAYMENT_METHODS } from "./methods.ts";
import { DEFAULT_PLANS, savingPercent } from "./plans.ts";
import { POLICY_PAGES, type PolicyValues } from "./rule.ts";

const values: PolicyValues = {
  siteName: "Example Collective",
  plans: DEFAULT_PLANS,
  methods: PAYMENT_METHODS,
  sessionsPerCredential: 7,
  devicesPerAccount: 11,
  deniedPorts: [25, 6881, 445],
  payerHash: false,
};

test("each rule has an id of its own and one whole sentence, and each page has rules", () => {
  const rules = allRules(values);
  assert.equal(new Set(rules.map(({ id }) => id)).size, rules.length);
  assert.equal(new Set(rules.map(({ sentence }) => sentence)).size, rules.length);
  for (const { id, sentence } of rules) assert.match(sentence, /^[A-Z].{20,}\.$/s, id);
  for (const page of POLICY_PAGES) assert.ok(rulesOf(page, values).length > 0, page);
});

test("what the operator chose stands in the sentences", () => {
  const text = allRules(values)
    .map(({ sentence }) => sentence)
    .join("\n");
  assert.match(text, /One month \(30 days of access\) for €5\.00/);
  assert.match(text, /at most 7 devices and programs/);
  assert.match(text, /at most 11 WireGuard devices/);
  assert.match(text, /so are ports 445, 6881\./);
  const other = allRules({ ...values, plans: [], methods: ["cash"], deniedPorts: [], payerHash: true });
  const sentenceOf = (id: string) => other.find((rule) => rule.id === id)?.sentence;
  assert.match(sentenceOf("plans")!, /^Nothing is sold on this site/);
  assert.match(
    sentenceOf("subscription-paypal-only")!,
    /^No subscription is sold at the moment; one that still runs is with PayPal alone/,
  );
  const payerLife = `kept for ${lifetimeText(LIFETIMES.payerHash.days)} and to the end of the month`;
  assert.ok(sentenceOf("refund-after-deletion")!.includes(payerLife));
  assert.match(sentenceOf("nothing-of-the-payer")!, /keyed hash/);
});

test("a subscription exists with PayPal alone, and it takes an account", () => {
  const recurring = PAYMENT_METHODS.filter((method) => METHODS[method].recurring);
  assert.deepEqual(recurring, ["paypal-subscription"]);
  assert.ok(METHODS["paypal-subscription"].needsAccount);
});

test("lifetimes read as people say them", () => {
  assert.equal(lifetimeText(LIFETIMES.voucher.days), "3 years");
  assert.equal(lifetimeText(LIFETIMES.payerHash.days), "12 months");
  assert.equal(lifetimeText(1), "1 day");
  assert.equal(lifetimeText(LIFETIMES.paymentEvent.days), "400 days");
});

test("what is kept of a payment goes at the start of a month, never earlier than it should, and no day can be read from it", () => {
  const at = (text: string) => Date.parse(text) / 1000;
  assert.equal(goesAfter(at("2030-06-01T12:34Z"), 30), at("2030-08-01T00:00Z"));
  assert.equal(goesAfter(at("2030-06-02T00:00Z"), 29), at("2030-08-01T00:00Z"));
  assert.equal(goesAfter(at("2030-12-31T23:59Z"), 400), at("2032-03-01T00:00Z"));
  for (let hour = 0; hour < 10_000; hour += 7) {
    const nowS = at("2030-01-01T00:00Z") + hour * 3600;
    const keptS = goesAfter(nowS, 400) - nowS;
    assert.ok(keptS > 400 * 86_400 && keptS <= 432 * 86_400);
    assert.equal(new Date(goesAfter(nowS, 400) * 1000).getUTCDate(), 1);
  }
});

test("what a longer plan saves is held against the dearest day in its currency", () => {
  assert.deepEqual(
    DEFAULT_PLANS.map((plan) => savingPercent(plan, DEFAULT_PLANS)),
    [0, 10, 21],
  );
  const dollars = { ...DEFAULT_PLANS[1]!, price: { minor: 100, currency: "USD" } };
  assert.equal(savingPercent(dollars, [...DEFAULT_PLANS, dollars]), 0);
});
