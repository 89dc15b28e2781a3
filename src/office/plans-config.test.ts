import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_PLANS } from "../policy/plans.ts";
import { ConfigError, initialConfigText, parseConfig } from "./config.ts";

const plan = (values: Record<string, string> = {}) => {
  const all = { id: '"month"', title: '"A month"', days: "30", price: '"5.00 EUR"', ...values };
  return `[[plans]]\n${Object.entries(all)
    .filter(([, value]) => value !== "")
    .map(([key, value]) => `${key} = ${value}\n`)
    .join("")}`;
};
const messageOf = (text: string): string => {
  try {
    parseConfig(text, "lethe.toml");
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
  assert.fail(`taken: ${text}`);
};

test("without plans there are three; those that a first start writes are the same", () => {
  assert.deepEqual(parseConfig("", "lethe.toml").plans, DEFAULT_PLANS);
  assert.deepEqual(parseConfig(initialConfigText(), "lethe.toml").plans, DEFAULT_PLANS);
  assert.deepEqual(parseConfig("plans = []", "lethe.toml").plans, [], "none: nothing is sold");
});

test("plans are read in their order, prices exactly", () => {
  const text = `[site]\nname = "x"\n${plan()}${plan({ id: '"forint"', price: '"1999 HUF"' })}[wireguard]\nport = 1\n`;
  assert.deepEqual(parseConfig(text, "lethe.toml").plans, [
    { id: "month", title: "A month", days: 30, price: { minor: 500, currency: "EUR" } },
    { id: "forint", title: "A month", days: 30, price: { minor: 199_900, currency: "HUF" } },
  ]);
});

test("what is wrong with a plan is said with its line", () => {
  assert.equal(
    messageOf(plan() + plan({ id: '"two"', price: "4.99" })),
    'lethe.toml:10: plans.price must be an amount and a currency in quotes, such as "5.00 EUR"',
  );
  assert.match(
    messageOf(plan({ days: "" })),
    /^lethe\.toml:1: plans\.days must be a whole number from 1 to 3660/,
  );
  assert.match(messageOf(plan() + plan()), /^lethe\.toml:7: plans\.id: another plan is called "month"/);
  assert.match(messageOf(plan({ colour: '"red"' })), /^lethe\.toml:6: there is no key plans\.colour/);
  for (const wrong of [
    { price: '"0.00 EUR"' },
    { price: '"5.001 EUR"' },
    { price: '"5.00 XXX"' },
    { price: '"5.50 HUF"' },
    { price: '"-5.00 EUR"' },
    { price: '"200000.00 EUR"' },
    { days: "0" },
    { days: "1.5" },
    { id: '"A"' },
    { id: '"a b"' },
    { id: `"${"a".repeat(25)}"` },
    { title: '""' },
    { title: '"a\\nb"' },
  ])
    assert.match(messageOf(plan(wrong)), /^lethe\.toml:\d: plans\./, JSON.stringify(wrong));
  assert.match(messageOf("plans = 1"), /^lethe\.toml:1: plans are at most 12/);
  assert.match(messageOf(plan().repeat(13)), /plans are at most 12/);
});
