import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { type PayPalSimulator, startPayPal } from "../../test/simulators/paypal.ts";
import type { Spoiled } from "../../test/simulators/paypal-events.ts";
import { PAYPAL_EVENTS } from "../billing/paypal/events.ts";
import { certificatesOf } from "../billing/paypal/testing.ts";
import { FakeClock } from "../lib/clock.ts";
import { refundSentence } from "../policy/refund.ts";
import { type Bench, openBench, signedUp, tokenOf, Visitor } from "../web/testkit.ts";
import { ConfigError, parseConfig } from "./config.ts";
import { openPayments, type PaymentOffice } from "./payments.ts";

let paypal: PayPalSimulator;
let bench: Bench;
let selling: PaymentOffice;
const clock = new FakeClock(Date.now() + 60_000);

before(async () => {
  paypal = await startPayPal({ automatic: false, now: () => clock.now() });
  const toml = `[paypal]\nclient_id = "${paypal.clientId}"\nsecret_file = "/run/secret"\nwebhook_id = "${paypal.webhookId}"\napi = "${paypal.url}"\n`;
  const config = parseConfig(toml, "lethe.toml");
  bench = await openBench(({ store, accounts, vouchers, switches }) => {
    selling = openPayments({
      config,
      files: { "paypal.secret_file": paypal.secret },
      siteSecret: randomBytes(32),
      store,
      accounts,
      vouchers,
      switches,
      clock,
      source: certificatesOf(paypal),
    });
    return { buying: selling.door };
  }, clock);
});
after(async () => {
  await bench.close();
  await paypal.close();
});

/** From the order page to the link that leads to PayPal; the reference there. */
async function order(visitor: Visitor, fields: Record<string, string>): Promise<string> {
  const markup = await (await visitor.get("/order")).text();
  const attempt = /name="attempt" value="([^"]*)"/.exec(markup)?.[1] ?? "";
  const answer = await visitor.post("/order", {
    token: tokenOf(markup, "/order"),
    attempt,
    plan: "30days",
    coupon: "",
    ...fields,
  });
  const page = await answer.text();
  assert.equal(answer.status, 200, page);
  const redirect = new RegExp(`href="(${paypal.url}[^"]+)"`).exec(page)?.[1]?.replaceAll("&amp;", "&");
  assert.ok(redirect !== undefined, page);
  const { searchParams } = new URL(redirect);
  return (searchParams.get("token") ?? searchParams.get("ba_token") ?? "").replace(/^BA-/, "");
}

/** The buyer approves at PayPal and comes back; the page they see, and the receipt on it. */
async function comeBack(visitor: Visitor, reference: string): Promise<{ text: string; receipt: string }> {
  const back = new URL(paypal.approve(reference));
  const text = await (await visitor.get(back.pathname + back.search)).text();
  return { text, receipt: /LR1\.[A-Za-z0-9_-]+\./.exec(text)?.[0] ?? "" };
}

const deliver = (event: Parameters<PayPalSimulator["events"]["signed"]>[0], spoiled: Spoiled = {}) => {
  const { headers, body } = paypal.events.signed(event, spoiled);
  return bench.app.request("http://localhost/webhooks/paypal", { method: "POST", headers, body });
};

test("bought, shown, and given back: from the order page to the refund", async () => {
  const visitor = await signedUp(bench, "alice");
  const reference = await order(visitor, { for: "account", method: "paypal" });
  const { text, receipt } = await comeBack(visitor, reference);
  assert.match(text, /Thank you/);
  const account = (await bench.accounts.byName("alice"))!;
  assert.ok(account.paidUntil! > clock.now() / 1000 + 29 * 86_400);

  const looked = await visitor.fill("/refund", "/refund", { receipt });
  const confirm = await looked.text();
  assert.equal(looked.status, 200);
  assert.match(confirm, /can be given back/);
  assert.equal(paypal.state.refunds.length, 0);
  // Whoever has the receipt may claim, logged in or not: it goes back to whoever paid.
  const stranger = new Visitor(bench.app);
  const given = await stranger.fill("/refund", "/refund", { receipt, confirm: "yes" });
  assert.match(await given.text(), /Given back/);
  assert.equal(paypal.state.refunds.length, 1);
  const after = (await bench.accounts.byName("alice"))!;
  assert.ok(after.paidUntil! <= clock.now() / 1000 + 60);

  const again = await stranger.fill("/refund", "/refund", { receipt, confirm: "yes" });
  assert.equal(again.status, 422);
  const refused = await again.text();
  assert.ok(refused.includes(refundSentence("refunded-once")));
  assert.ok(refused.includes('href="/refunds#rule-refunded-once"'));
  assert.equal(paypal.state.refunds.length, 1);
});

test("the page for refunds: no receipt, markup instead of one, ten megabytes, no token", async () => {
  const visitor = new Visitor(bench.app);
  for (const receipt of ["", "hello", '"><script>alert(1)</script>']) {
    const answer = await visitor.fill("/refund", "/refund", { receipt });
    assert.equal(answer.status, 422);
    assert.ok(!(await answer.text()).includes("<script>alert"));
  }
  const markup = await (await visitor.get("/refund")).text();
  const token = tokenOf(markup, "/refund");
  assert.equal((await visitor.post("/refund", { token, receipt: "x".repeat(10_000_000) })).status, 413);
  assert.equal((await visitor.post("/refund", { receipt: "hello" })).status, 403);
});

test("a subscription by the pages and the webhook", async () => {
  const visitor = await signedUp(bench, "bob");
  const reference = await order(visitor, { for: "account", method: "paypal-subscription" });
  const { text } = await comeBack(visitor, reference);
  assert.match(text, /Thank you/);
  assert.equal((await bench.accounts.byName("bob"))!.renews, true);
  clock.advance(30 * 86_400_000);
  paypal.charge(reference);
  const answer = await deliver(paypal.events.made.at(-1)!);
  assert.equal(answer.status, 200);
  assert.equal(await answer.text(), "");
  assert.ok((await bench.accounts.byName("bob"))!.paidUntil! > clock.now() / 1000 + 29 * 86_400);
});

test("a voucher bought without an account is shown to the browser that bought it, and void with the refund", async () => {
  const visitor = new Visitor(bench.app);
  const reference = await order(visitor, { for: "voucher", method: "paypal" });
  const { text, receipt } = await comeBack(visitor, reference);
  const code = /[a-z2-7]{5}(-[a-z2-7]{5}){3}/.exec(text)?.[0] ?? "";
  assert.notEqual(code, "");
  assert.match(
    await (await visitor.fill("/refund", "/refund", { receipt, confirm: "yes" })).text(),
    /Given back/,
  );
  const other = new Visitor(bench.app);
  const signUp = await other.fill("/sign-up", "/sign-up", {
    name: "carol",
    password: "correct horse battery",
    voucher: code,
  });
  assert.equal(signUp.status, 422);
});

test("the webhook's door: forged 400, too large 413, PayPal silent 503, no other way in", async () => {
  const visitor = await signedUp(bench, "dora");
  const reference = await order(visitor, { for: "account", method: "paypal" });
  paypal.approve(reference);
  const event = paypal.events.made.at(-1)!;
  assert.equal((await deliver(event, { webhookId: "ANOTHER" })).status, 400);
  assert.equal((await deliver(event, { body: `{"x":"${"y".repeat(300_000)}"}` })).status, 413);
  paypal.wrong.down = 503;
  assert.equal((await deliver(event)).status, 503);
  delete paypal.wrong.down;
  assert.equal((await bench.accounts.byName("dora"))!.paidUntil, undefined);
  assert.equal((await deliver(event)).status, 200);
  assert.notEqual((await bench.accounts.byName("dora"))!.paidUntil, undefined);
  assert.equal((await bench.app.request("http://localhost/webhooks/paypal")).status, 405);
});

test("the office says whether PayPal takes its settings, and which events are missing", async () => {
  const { check } = selling.paypal!;
  const wanted = "http://127.0.0.1:8080/webhooks/paypal";
  assert.deepEqual(await check(), { state: "webhook-elsewhere", wanted });
  paypal.events.url = wanted;
  assert.deepEqual(await check(), { state: "good" });
  paypal.events.subscribed = ["CHECKOUT.ORDER.APPROVED", "PAYMENT.SALE.COMPLETED"];
  const missing = await check();
  assert.ok(missing.state === "events-missing");
  assert.equal(missing.events.length, PAYPAL_EVENTS.length - 2);
  paypal.wrong.down = 500;
  assert.deepEqual(await check(), { state: "unavailable" });
  paypal.wrong.down = 403;
  assert.deepEqual(await check(), { state: "credentials" });
  delete paypal.wrong.down;
});

test("half of [paypal] set, or an address without TLS, is said at the start", () => {
  const why = (toml: string) => {
    try {
      parseConfig(toml, "lethe.toml");
      return "";
    } catch (error) {
      assert.ok(error instanceof ConfigError);
      return error.message;
    }
  };
  assert.match(
    why('[paypal]\nclient_id = "abc"\n'),
    /paypal\.secret_file must be set.*\n?.*paypal\.webhook_id/s,
  );
  assert.match(why('[paypal]\napi = "http://api.example.net"\n'), /paypal\.api/);
  assert.equal(why('[paypal]\napi = "https://api-m.sandbox.paypal.com"\n'), "");
});
