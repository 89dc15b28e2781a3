import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, beforeEach, test } from "node:test";
import type { Payments } from "../../../billing/payments.ts";
import type { Finished, PaymentProvider, WebhookAnswer } from "../../../billing/providers.ts";
import { Receipts } from "../../../billing/receipts.ts";
import type { SealedOrder } from "../../../billing/sealed-order.ts";
import { fail, ok } from "../../../lib/result.ts";
import type { PaymentMethod } from "../../../policy/methods.ts";
import { StoreError } from "../../../store/errors.ts";
import type { SiteOptions } from "../../options.ts";
import { type Bench, type BenchParts, openBench, signedUp, tokenOf, Visitor } from "../../testkit.ts";
import { testBuying } from "../../testkit-buying.ts";

const paymentKey = randomBytes(32);
const begun: { method: string; order: SealedOrder; returnTo: string }[] = [];
/** What the provider says of an order now, by its reference. */
const states = new Map<string, Finished>();
let references = 0;
/** How often a provider was asked how an order stands. */
let asked = 0;
let newest = "";
let down = false;
let webhookSays: WebhookAnswer | Error = "done";
let body: Uint8Array | undefined;
let bench: Bench;
let payments: Payments;

/** A provider that says what the test tells it to. */
const provider = (method: PaymentMethod): PaymentProvider => ({
  method,
  begin: async (order, _text, { returnTo }) => {
    if (down) return fail("provider-unavailable");
    newest = `R${++references}`;
    begun.push({ method, order, returnTo });
    const reference = newest;
    states.set(reference, { state: "open" });
    return ok({ redirect: `https://provider.example/pay/${reference}?a=1&b="2`, reference });
  },
  finish: async (reference) => {
    asked += 1;
    return states.get(reference)!;
  },
});

function selling(parts: BenchParts): Partial<SiteOptions> {
  const buying = testBuying(parts, paymentKey, () =>
    (["paypal", "paypal-subscription", "bitcoin"] as const).map(provider),
  );
  payments = buying.payments;
  const paypal = async (request: { body: Uint8Array }) => {
    body = request.body;
    if (webhookSays instanceof Error) throw webhookSays;
    return webhookSays;
  };
  return { buying: { ...buying, webhooks: { paypal } } };
}

/** The provider takes the money for the newest order, and it is credited. */
async function takeMoney(): Promise<string> {
  const { order, method } = begun.at(-1)!;
  const reference = newest;
  const paymentId = `CAPTURE-${reference}`;
  const credited = await payments.credit({
    provider: "paypal",
    method: method as PaymentMethod,
    paymentId,
    order,
    paid: order.price,
    atS: bench.options.clock.now() / 1000,
  });
  assert.ok(credited.ok);
  states.set(reference, { state: "paid", provider: "paypal", paymentId });
  return paymentId;
}

before(async () => {
  bench = await openBench(selling);
});
beforeEach(() => {
  begun.length = 0;
  down = false;
});
after(() => bench.close());

const wish = { plan: "30days", for: "voucher", method: "paypal", attempt: "a" };
const markup = async (answer: Response) => (await answer.text()).replaceAll("&#39;", "'");

test("a visitor buys a voucher: to the provider, back, and the code is shown in that browser alone", async () => {
  const visitor = new Visitor(bench.app);
  const page = await visitor.get("/order?plan=180days");
  const text = await markup(page);
  assert.match(text, /value="180days" checked/);
  assert.ok(!text.includes('value="paypal-subscription"'), "a subscription needs an account");
  assert.match(
    text,
    /given a gift card\?.*you need no account.*href="\/sign-up#voucher">sign up with its code/s,
  );
  assert.match(text, /A PayPal subscription is for an account: <a href="\/log-in">/);
  const answer = await visitor.fill("/order", "/order", { ...wish, attempt: "v1" });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("refresh"), "0; url=https://provider.example/pay/R1?a=1&b=%222");
  assert.match(await markup(answer), /href="https:\/\/provider.example\/pay\/R1\?a=1&amp;b=%222"/);
  const { order, returnTo } = begun[0]!;
  assert.equal(order.kind, "voucher");
  assert.deepEqual(order.price, { minor: 500, currency: "EUR" });
  const back = new URL(returnTo).pathname + new URL(returnTo).search;

  assert.match(await markup(await visitor.get(back)), /Not paid yet.*The price has not come/s);
  states.set(newest, { state: "open", missing: { amount: "0.00003883", currency: "BTC" } });
  const half = await markup(await visitor.get(back));
  assert.match(half, /Not paid yet.*Still missing:.*<p class="big">0\.00003883 BTC<\/p>/s);
  states.set(newest, { state: "waiting" });
  const waiting = await visitor.get(back);
  assert.ok(waiting.headers.get("refresh"));
  assert.match(await markup(waiting), /Waiting for the payment/);
  const paymentId = await takeMoney();
  const code = payments.voucherCode("paypal", paymentId);
  const thanks = await markup(await visitor.get(`${back}&token=EC-1&PayerID=X`));
  assert.ok(thanks.includes(code));
  assert.match(
    thanks,
    /needs no account beforehand\. They sign up with the code at http:\/\/localhost\/sign-up,/,
  );
  assert.match(thanks, /LR1\.[\w-]+\./);
  assert.match(thanks, /<svg/);
  assert.match(thanks, /with it you can claim a refund/);
  assert.ok(thanks.length < 100_000);
  assert.ok((await markup(await visitor.get(back))).includes(code), "as often as it is looked at");

  const receipt = await visitor.get(back.replace("/return", "/receipt.txt"));
  assert.match(receipt.headers.get("content-disposition") ?? "", /receipt\.txt/);
  assert.match(await receipt.text(), /Paid: +5\.00 EUR, PayPal, once\n[\s\S]*LR1\./);

  const stranger = new Visitor(bench.app);
  const elsewhere = await stranger.get(back);
  assert.equal(elsewhere.status, 404);
  assert.ok(!(await markup(elsewhere)).includes(code));
  stranger.cookies.set("orders", "A".repeat(200));
  assert.equal((await stranger.get(back)).status, 404);

  await payments.back.takeBack("paypal", paymentId, "refund");
  assert.match(await markup(await visitor.get(back)), /Given back/);
});

test("a member buys for the account, and a double click is one order", async () => {
  const member = await signedUp(bench, "alice");
  assert.match(await markup(await member.get("/member")), /href="\/order">Buy/);
  const text = await markup(await member.get("/order"));
  assert.match(text, /value="paypal-subscription"/);
  assert.match(text, /given a gift card\?.*href="\/member#voucher">redeem its code in your account/s);
  assert.match(await markup(await member.get("/member")), /id="voucher"/);
  const form = { ...wish, for: "account", token: tokenOf(text, "/order"), attempt: "m1" };
  const answers = await Promise.all([1, 2].map(() => member.post("/order", form)));
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200],
  );
  assert.equal(begun.length, 1);
  const account = (await bench.accounts.byName("alice"))!;
  assert.equal(begun[0]!.order.accountId, account.id);
  await takeMoney();
  const thanks = await markup(await member.get("/order/return"));
  assert.match(thanks, /30 days are added/);
  assert.match(await markup(await member.get("/member")), /href="\/order">Renew/);
  await member.post("/order", { ...form, attempt: "m2" });
  assert.equal(begun.length, 2, "another form is another order");
});

test("what cannot be ordered is told beside the field, and nothing is begun", async () => {
  const member = await signedUp(bench, "bob");
  const { id } = (await bench.accounts.byName("bob"))!;
  const [half = ""] = await bench.vouchers.create({ percent: 50, uses: 1, plan: "365days", count: 1 });
  const [gift = ""] = await bench.vouchers.create({ days: 30, count: 1 });
  const tries: [object, RegExp, number?][] = [
    [{ plan: "nothing" }, /not sold any more/],
    [{ method: "cash" }, /not open at the moment/],
    [{ method: "<b>" }, /not open at the moment/],
    [{ method: "paypal-subscription", for: "voucher" }, /subscription needs an account/],
    [{ coupon: "<script>" }, /no such coupon/],
    [{ coupon: half }, /good for another plan/],
    [{ coupon: gift }, /is a gift card/],
    [{ coupon: half, plan: "365days", method: "paypal-subscription" }, /costs the same each time/],
  ];
  for (const [change, expected] of tries) {
    const answer = await member.fill("/order", "/order", { ...wish, for: "account", ...change });
    assert.equal(answer.status, 422, JSON.stringify(change));
    const text = await markup(answer);
    assert.match(text, expected);
    assert.ok(!text.includes("<script>") && !text.includes('"<b>"'));
  }
  await bench.accounts.noteSubscription(id, "I-BW452GLLEP1G", true);
  const subscribed = { ...wish, for: "account", method: "paypal-subscription" };
  assert.match(
    await markup(await member.fill("/order", "/order", subscribed)),
    /pays for your account already/,
  );
  await bench.accounts.terminate("bob");
  const ended = await member.fill("/order", "/order", { ...wish, for: "account" });
  assert.match(await markup(ended), /ended by the operator/);
  assert.equal(begun.length, 0);
  down = true;
  const answer = await member.fill("/order", "/order", { ...wish, attempt: "again" });
  assert.equal(answer.status, 503);
  assert.match(await markup(answer), /does not answer at the moment/);
  down = false;
  const later = await member.fill("/order", "/order", { ...wish, attempt: "again" });
  assert.equal(later.status, 200, "a failure is not remembered");
});

test("a coupon's price is shown before, and what it pays whole is not sent to any provider", async () => {
  const visitor = new Visitor(bench.app);
  const [half = ""] = await bench.vouchers.create({ percent: 50, uses: 5, count: 1 });
  const look = await visitor.fill("/order", "/order", { ...wish, coupon: half, look: "1" });
  assert.match(await markup(look), /costs €2\.50 instead of €5\.00/);
  assert.equal(begun.length, 0);
  await visitor.fill("/order", "/order", { ...wish, coupon: half, attempt: "half" });
  assert.deepEqual(begun[0]!.order.price, { minor: 250, currency: "EUR" });
  const [all = ""] = await bench.vouchers.create({ percent: 100, uses: 1, count: 1 });
  const form = { ...wish, method: "", coupon: all, attempt: "all" };
  const free = await visitor.fill("/order", "/order", form);
  assert.equal(free.status, 303);
  assert.equal(begun.length, 1);
  const back = new URL(free.headers.get("location")!);
  const thanks = await markup(await visitor.get(back.pathname + back.search));
  assert.match(thanks, /Your voucher, good for 30 days/);
  assert.match(thanks, /What was bought with a coupon is never given back/);
  assert.ok(!thanks.includes("you can claim a refund"), "no refund is held out that the rules refuse");
  const again = await visitor.fill("/order", "/order", { ...form, attempt: "all again" });
  assert.match(await markup(again), /has been used up/);
});

test("two browsers that send the same attempt, or none, have an order each", async () => {
  const [one, two] = [new Visitor(bench.app), new Visitor(bench.app)];
  for (const visitor of [one, two]) await visitor.fill("/order", "/order", { ...wish, attempt: "" });
  assert.equal(begun.length, 2);
  await takeMoney();
  assert.match(await markup(await two.get("/order/return")), /Your voucher/);
  assert.doesNotMatch(await markup(await one.get("/order/return")), /Your voucher/);
});

test("who looks at an order without end does not ask the provider each time", async () => {
  const visitor = new Visitor(bench.app);
  await visitor.fill("/order", "/order", { ...wish, attempt: "hammer" });
  asked = 0;
  for (let count = 0; count < 50; count += 1)
    await visitor.get(count % 2 === 0 ? "/order/return" : "/order/receipt.txt");
  assert.equal(asked, 30);
  assert.match(await markup(await visitor.get("/order/return")), /does not answer/);
});

test("what is no web address in a provider's answer becomes no link", async () => {
  const visitor = new Visitor(bench.app);
  await visitor.fill("/order", "/order", { ...wish, attempt: "script" });
  states.set(newest, { state: "open", redirect: "javascript:alert(1)" });
  assert.doesNotMatch(await markup(await visitor.get("/order/return")), /javascript:/);
  states.set(newest, { state: "open", redirect: "https://provider.example/go-on" });
  assert.match(await markup(await visitor.get("/order/return")), /href="https:\/\/provider.example\/go-on"/);
});

test("each end of an order has its words", async () => {
  const visitor = new Visitor(bench.app);
  await visitor.fill("/order", "/order", { ...wish, attempt: "ends" });
  const told = async (state: Finished, words: RegExp) => {
    states.set(newest, state);
    assert.match(await markup(await visitor.get("/order/return")), words);
  };
  await told({ state: "failed", reason: "declined" }, /was declined/);
  // Whoever is told to write with a number has it there.
  const itsNumber = (number: string) => `.*Its number: <code class="code">${number}</code>`;
  for (const [reason, words] of [
    ["short", "Less came in"],
    ["expired", "The time for this payment is over"],
  ] as const)
    await told({ state: "failed", reason }, new RegExp(`${words}${itsNumber(newest)}`, "s"));
  await told({ state: "refused", reason: "account-gone", refunded: true }, /The money goes back to you/);
  const refused = { state: "refused", reason: "amount-differs", refunded: false } as const;
  await told(refused, new RegExp(`Write to us${itsNumber(newest)}`, "s"));
  await told({ ...refused, paymentId: "2GG279541U471931P" }, new RegExp(itsNumber("2GG279541U471931P"), "s"));
  await told(
    { state: "refused", reason: "subscription-runs", refunded: true },
    /Another PayPal subscription pays for your account already.*The money goes back to you/s,
  );
  await told({ state: "unavailable" }, /does not answer/);
  await told({ state: "paid", provider: "paypal", paymentId: "UNKNOWN" }, /a while ago/);
  assert.match(await markup(await visitor.get("/order/cancelled")), /Nothing was paid/);
});

test("buying, or a way to pay, can be switched off at any time", async () => {
  const visitor = new Visitor(bench.app);
  const page = await markup(await visitor.get("/order"));
  await bench.switches.set("bitcoin", false);
  assert.ok(!(await markup(await visitor.get("/order"))).includes('value="bitcoin"'));
  const form = { ...wish, token: tokenOf(page, "/order"), method: "bitcoin", attempt: "off" };
  assert.equal((await visitor.post("/order", form)).status, 422);
  await bench.switches.set("buying", false);
  assert.match(await markup(await visitor.get("/order")), /nothing can be bought/);
  assert.match(await markup(await visitor.post("/order", form)), /nothing can be bought/);
  await bench.switches.set("buying", true);
  await bench.switches.set("bitcoin", true);
  assert.equal(begun.length, 0);
});

test("anybody can check a receipt; altered ones and another site's are told apart", async () => {
  const visitor = new Visitor(bench.app);
  await visitor.fill("/order", "/order", { ...wish, attempt: "receipt" });
  await takeMoney();
  const thanks = await markup(await visitor.get("/order/return"));
  const receipt = /LR1\.[\w-]+\./.exec(thanks)![0];
  const check = async (text: string) => {
    const answer = await new Visitor(bench.app).fill("/receipt", "/receipt", { receipt: text });
    return [answer.status, await markup(answer)] as const;
  };
  const [status, genuine] = await check(`My receipt:\n${receipt}`);
  assert.equal(status, 200);
  assert.match(genuine, /genuine/);
  assert.match(genuine, /plan “30days”/);
  assert.match((await check(receipt.replace(/.{5}\.$/, "AAAAA.")))[1], /was altered/);
  assert.match((await check("hello <b>"))[1], /no receipt in this text/);
  const other = new Receipts(randomBytes(32)).issue(
    "paypal",
    "X",
    (await payments.find("paypal", `CAPTURE-${newest}`))!,
  );
  assert.match((await check(other))[1], /not one of this site’s/);
});

test("a form without the token, or of another site, orders nothing", async () => {
  const visitor = new Visitor(bench.app);
  await visitor.get("/order");
  assert.equal((await visitor.post("/order", wish)).status, 403);
  assert.equal((await visitor.post("/order", wish, { "sec-fetch-site": "cross-site" })).status, 403);
  assert.equal(begun.length, 0);
});

test("a webhook gets the bytes as they came, without cookie or token, and its answer has no text", async () => {
  const send = (path: string, content: string | Uint8Array<ArrayBuffer>) =>
    bench.app.request(path, {
      method: "POST",
      body: content,
      headers: { "content-type": "application/json" },
    });
  const odd = new Uint8Array([0, 255, 13, 10, 123, 34]);
  for (const [says, status] of [
    ["done", 200],
    ["refused", 400],
    ["later", 503],
    [new StoreError("full"), 503],
    [new Error("a mistake of ours"), 503],
  ] as const) {
    webhookSays = says;
    const answer = await send("/webhooks/paypal", odd);
    assert.equal(answer.status, status);
    assert.equal(await answer.text(), "");
    assert.deepEqual(body, odd);
  }
  assert.deepEqual(bench.logged.slice(-2), ["store-unwritable", "internal-error"]);
  body = undefined;
  assert.equal((await send("/webhooks/paypal", "x".repeat(10_000_000))).status, 413);
  assert.equal(body, undefined);
  assert.equal((await send("/webhooks/btcpay", "{}")).status, 404, "not set up");
  assert.equal((await bench.app.request("/webhooks/paypal")).status, 405);
});

test("where no way to pay is set up there are none of these pages", async () => {
  const plain = await openBench();
  for (const path of ["/order", "/order/return", "/receipt"])
    assert.equal((await plain.app.request(path)).status, 404, path);
  await plain.close();
});
