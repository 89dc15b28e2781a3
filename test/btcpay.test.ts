import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Hono } from "hono";
import { Accounts } from "../src/accounts/accounts.ts";
import { BtcpayClient } from "../src/billing/btcpay/client.ts";
import { Btcpay } from "../src/billing/btcpay/provider.ts";
import { Payments } from "../src/billing/payments.ts";
import type { PaymentProvider } from "../src/billing/providers.ts";
import { OrderSeal } from "../src/billing/sealed-order.ts";
import { Vouchers } from "../src/billing/vouchers.ts";
import { systemClock } from "../src/lib/clock.ts";
import type { EventCode, EventFields } from "../src/lib/event-log.ts";
import { openTestStore } from "../src/store/testing.ts";
import { addPaymentControl } from "../src/web/control/payments.ts";
import { BtcpaySimulator, signature } from "./simulators/btcpay.ts";
import { type Listening, listen } from "./simulators/listening.ts";

const DAY_S = 86_400;
const secret = "a webhook's secret";
const paymentKey = new Uint8Array(32).fill(9);
const urls = { returnTo: "http://127.0.0.1:1/order/return", cancelled: "http://127.0.0.1:1/order/cancelled" };

/** An office's billing in front of a simulated BTCPay Server, whose webhooks it takes over HTTP. */
async function newOffice() {
  const { store } = await openTestStore("sqlite");
  const siteSecret = new Uint8Array(32).fill(7);
  const clock = systemClock;
  const accounts = new Accounts({ store, clock, siteSecret });
  const vouchers = new Vouchers({ store, clock, siteSecret, accounts });
  const payments = new Payments({ store, clock, accounts, vouchers, paymentKey });
  const seal = new OrderSeal(paymentKey);
  const simulator = await new BtcpaySimulator({ redeliverMs: [20, 20, 20] }).start();
  const events: [EventCode, EventFields | undefined][] = [];
  const btcpay = new Btcpay({
    client: new BtcpayClient({
      address: simulator.address,
      store: simulator.store,
      apiKey: simulator.apiKey,
    }),
    webhookSecret: secret,
    seal,
    payments,
    clock,
    log: (code, fields) => void events.push([code, fields]),
    coins: { bitcoin: ["BTC-CHAIN", "BTC-LN"], monero: ["XMR-CHAIN"] },
  });
  const answers: number[] = [];
  const hook: Listening = await listen(async (headers, body) => {
    const answer = await btcpay.webhook({ header: (name) => headers[name] as string | undefined, body });
    const status = { done: 200, refused: 400, later: 503 }[answer];
    answers.push(status);
    return { status };
  });
  simulator.webhook = { url: hook.address, secret };
  const made = await accounts.signUp({ name: "alice", password: "correct horse battery" });
  assert.ok(made.ok);
  const { id } = made.value;
  const daysOf = async (accountId = id) => {
    const paid = (await accounts.stampOf(accountId))?.account.paidUntil;
    return paid === undefined ? 0 : Math.round((paid - Date.now() / 1000) / DAY_S);
  };
  const coin = (method: PaymentProvider["method"]) =>
    btcpay.providers().find((each) => each.method === method)!;
  const order = async (
    kind: "account" | "voucher" = "account",
    method: PaymentProvider["method"] = "bitcoin",
  ) => {
    const sealed = seal.seal({
      kind,
      ...(kind === "account" && { accountId: id }),
      plan: "30days",
      days: 30,
      price: { minor: 500, currency: "EUR" },
      madeAt: Math.floor(Date.now() / 1000),
    });
    const begun = await coin(method).begin(sealed.order, sealed.text, urls);
    assert.ok(begun.ok);
    return { ...begun.value, sealed };
  };
  const end = async () => {
    await simulator.stop();
    await hook.close();
    await store.close();
  };
  return {
    accounts,
    answers,
    btcpay,
    coin,
    daysOf,
    end,
    events,
    id,
    order,
    payments,
    seal,
    simulator,
    store,
  };
}

type TestOffice = Awaited<ReturnType<typeof newOffice>>;

describe("an invoice at BTCPay Server", () => {
  let office: TestOffice;
  before(async () => {
    office = await newOffice();
  });
  after(() => office.end());
  /** Days that something adds to the account. */
  const added = async (use: () => void | Promise<void>): Promise<number> => {
    const had = await office.daysOf();
    await use();
    await office.simulator.delivered();
    return (await office.daysOf()) - had;
  };

  it("is for one coin, holds the sealed order and nothing of the buyer, and leads back here", async () => {
    const { simulator, order, coin } = office;
    const { redirect, reference, sealed } = await order("account", "monero");
    const invoice = simulator.invoices.get(reference)!;
    assert.equal(redirect, `${simulator.address}/i/${reference}`);
    assert.deepEqual(invoice.methods, ["XMR-CHAIN"]);
    assert.equal(invoice.amount, "5.00");
    assert.equal(invoice.redirectURL, urls.returnTo);
    assert.deepEqual(invoice.metadata, { orderId: sealed.text, itemCode: "monero", itemDesc: "30 days" });
    assert.ok(!JSON.stringify([...simulator.invoices.values()]).includes(office.id));
    assert.deepEqual(await coin("monero").finish(reference), { state: "open", redirect });
  });

  it("is the same one for the same order, also for two clicks at once", async () => {
    const { coin, seal, simulator } = office;
    const sealed = seal.seal({
      kind: "voucher",
      plan: "30days",
      days: 30,
      price: { minor: 500, currency: "EUR" },
      madeAt: Math.floor(Date.now() / 1000),
    });
    const count = simulator.invoices.size;
    const both = await Promise.all([1, 2].map(() => coin("bitcoin").begin(sealed.order, sealed.text, urls)));
    assert.deepEqual(both[0], both[1]);
    assert.equal(simulator.invoices.size, count + 1);
  });

  it("counts when it is settled, and not before", async () => {
    const { order, coin, simulator } = office;
    const { reference } = await order();
    assert.equal(await added(() => simulator.pay(reference)), 0);
    assert.deepEqual(await coin("bitcoin").finish(reference), { state: "waiting" });
    assert.equal(await added(() => simulator.confirm(reference)), 30);
    const paid = { state: "paid", provider: "btcpay", paymentId: reference };
    assert.deepEqual(await coin("bitcoin").finish(reference), paid);
    assert.equal((await office.payments.find("btcpay", reference))?.method, "bitcoin");
  });

  it("counts at once over Lightning, and without any webhook when the buyer comes back", async () => {
    const { order, coin, simulator } = office;
    simulator.held = true;
    const { reference } = await order();
    assert.equal(await added(() => simulator.pay(reference, "all", "BTC-LN")), 0);
    assert.equal((await coin("bitcoin").finish(reference)).state, "paid");
    assert.equal(await added(() => simulator.release()), 0, "the webhooks that come later change nothing");
  });

  it("counts once, however its events are repeated, reordered and sent at one time", async () => {
    const { order, coin, simulator } = office;
    simulator.held = true;
    const { reference } = await order("account", "monero");
    simulator.pay(reference);
    simulator.confirm(reference);
    const gained = await added(async () => {
      simulator.release((waiting) => waiting.toReversed());
      const all = simulator.deliveries.filter(({ invoiceId }) => invoiceId === reference);
      for (const delivery of [...all, ...all]) simulator.redeliver(delivery);
      await Promise.all(Array.from({ length: 5 }, () => coin("monero").finish(reference)));
    });
    assert.equal(gained, 30);
    assert.equal((await office.payments.find("btcpay", reference))?.method, "monero");
  });

  it("is told again where the office could not look, and counts then", async () => {
    const { order, simulator, answers } = office;
    const { reference } = await order();
    simulator.pay(reference);
    await simulator.delivered();
    answers.length = 0;
    simulator.failures = 2;
    simulator.confirm(reference);
    const had = await office.daysOf();
    for (let tries = 0; tries < 200 && (await office.daysOf()) === had; tries++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    await simulator.delivered();
    assert.equal((await office.daysOf()) - had, 30);
    assert.ok(answers.includes(503));
    assert.ok(
      office.events.some(([code, fields]) => code === "provider-failed" && fields?.reason === "unreachable"),
    );
  });

  it("that is underpaid stays open, counts for nothing when its time is over, and counts when the rest comes in time", async () => {
    const { order, coin, simulator } = office;
    const short = await order();
    assert.equal(await added(() => simulator.pay(short.reference, "half")), 0);
    const stands = await coin("bitcoin").finish(short.reference);
    // 5.00 EUR at 64392.23 are 7765 of the smallest units, rounded up; the half is 3882.
    assert.deepEqual(stands.state === "open" && stands.missing, { amount: "0.00003883", currency: "BTC" });
    assert.equal(await added(() => simulator.confirm(short.reference)), 0);
    assert.equal(await added(() => simulator.expire(short.reference)), 0);
    assert.deepEqual(await coin("bitcoin").finish(short.reference), { state: "failed", reason: "short" });
    const whole = await order();
    const open = await coin("bitcoin").finish(whole.reference);
    assert.equal(open.state === "open" && open.missing, undefined, "nothing has come yet");
    simulator.pay(whole.reference, "half");
    simulator.payRest(whole.reference);
    assert.equal(await added(() => simulator.confirm(whole.reference)), 30);
  });

  it("that is overpaid counts for what was ordered", async () => {
    const { order, simulator } = office;
    const { reference } = await order();
    simulator.pay(reference, "double");
    assert.equal(await added(() => simulator.confirm(reference)), 30);
    assert.equal(simulator.invoices.get(reference)?.additionalStatus, "PaidOver");
  });

  it("that is paid when its time is over counts as soon as the payment is confirmed", async () => {
    const { order, coin, simulator } = office;
    const { reference } = await order();
    simulator.expire(reference);
    assert.deepEqual(await coin("bitcoin").finish(reference), { state: "failed", reason: "expired" });
    assert.equal(await added(() => simulator.pay(reference)), 0);
    assert.equal(simulator.invoices.get(reference)?.additionalStatus, "PaidLate");
    assert.deepEqual(await coin("bitcoin").finish(reference), { state: "waiting" });
    assert.equal(await added(() => simulator.confirm(reference)), 30);
    assert.equal((await coin("bitcoin").finish(reference)).state, "paid");
  });

  it("that never confirms becomes invalid and counts for nothing; a double spend is no payment", async () => {
    const { order, coin, simulator } = office;
    const slow = await order();
    simulator.pay(slow.reference);
    assert.equal(await added(() => simulator.endMonitoring(slow.reference)), 0);
    assert.deepEqual(await coin("bitcoin").finish(slow.reference), { state: "failed", reason: "declined" });
    const twice = await order();
    simulator.pay(twice.reference);
    assert.equal(await added(() => simulator.doubleSpend(twice.reference)), 0);
    assert.equal((await coin("bitcoin").finish(twice.reference)).state, "open");
  });

  it("that the operator settles by hand counts; made invalid by hand it ends what it paid for, and nothing else", async () => {
    const { order, simulator } = office;
    const { reference } = await order();
    simulator.expire(reference);
    assert.equal(await added(() => simulator.mark(reference, "Settled")), 30);
    assert.equal(await added(() => simulator.mark(reference, "Invalid")), -30);
    assert.equal(await added(() => simulator.mark(reference, "Invalid")), 0);
    assert.equal(await added(() => simulator.mark(reference, "Settled")), 30);
  });

  it("of another shop of the same store, or for another amount than ordered, changes nothing", async () => {
    const { coin, simulator, seal, id } = office;
    const dear = seal.seal({
      kind: "account",
      accountId: id,
      plan: "365days",
      days: 365,
      price: { minor: 4800, currency: "EUR" },
      madeAt: Math.floor(Date.now() / 1000),
    });
    const client = new BtcpayClient({
      address: simulator.address,
      store: simulator.store,
      apiKey: simulator.apiKey,
    });
    const make = (orderId: string, amount: { minor: number; currency: string }) =>
      client.create({
        amount,
        orderId,
        itemCode: "bitcoin",
        description: "x",
        paymentMethods: ["BTC-CHAIN"],
        redirectUrl: urls.returnTo,
      });
    for (const [orderId, amount, stands] of [
      ["a T-shirt", { minor: 500, currency: "EUR" }, { state: "failed", reason: "cancelled" }],
      [
        dear.text,
        { minor: 500, currency: "EUR" },
        { state: "refused", reason: "amount-differs", refunded: false },
      ],
      [
        dear.text,
        { minor: 4800, currency: "JPY" },
        { state: "refused", reason: "amount-differs", refunded: false },
      ],
    ] as const) {
      const invoice = await make(orderId, amount);
      simulator.pay(invoice.id);
      assert.equal(await added(() => simulator.confirm(invoice.id)), 0);
      assert.deepEqual(await coin("bitcoin").finish(invoice.id), stands);
    }
    assert.ok(
      office.events.some(
        ([code, fields]) => code === "payment-uncredited" && fields?.reason === "amount-differs",
      ),
    );
  });

  it("for a voucher gives its code, and for an account that is gone nothing", async () => {
    const { order, simulator, payments, accounts } = office;
    const bought = await order("voucher");
    simulator.pay(bought.reference);
    simulator.confirm(bought.reference);
    await simulator.delivered();
    assert.ok((await payments.find("btcpay", bought.reference))?.voucherHash);
    const other = await accounts.signUp({ name: "bob", password: "correct horse battery" });
    assert.ok(other.ok);
    const sealed = office.seal.seal({
      kind: "account",
      accountId: other.value.id,
      plan: "30days",
      days: 30,
      price: { minor: 500, currency: "EUR" },
      madeAt: Math.floor(Date.now() / 1000),
    });
    const begun = await office.coin("bitcoin").begin(sealed.order, sealed.text, urls);
    assert.ok(begun.ok);
    await accounts.remove(other.value.id);
    simulator.pay(begun.value.reference);
    simulator.confirm(begun.value.reference);
    await simulator.delivered();
    assert.equal(await payments.find("btcpay", begun.value.reference), undefined);
    assert.ok(
      office.events.some(
        ([code, fields]) => code === "payment-uncredited" && fields?.reason === "account-gone",
      ),
    );
  });

  it("is not believed of a webhook that is forged, mutated or unsigned, nor of one that lies about it", async () => {
    const { order, simulator, btcpay } = office;
    const { reference } = await order();
    const event = simulator.deliveries.find(({ invoiceId }) => invoiceId === reference)!;
    const settled = { ...JSON.parse(event.body), type: "InvoiceSettled", overPaid: false };
    const send = (body: string, header: string | undefined) =>
      btcpay.webhook({
        header: (name) => (name === "btcpay-sig" ? header : undefined),
        body: Buffer.from(body),
      });
    const text = JSON.stringify(settled);
    assert.equal(await send(text, undefined), "refused");
    assert.equal(await send(text, signature("another secret", text)), "refused");
    assert.equal(await send(`${text} `, signature(secret, text)), "refused");
    assert.equal(await added(async () => void (await send(text, signature(secret, text)))), 0);
    for (const rest of ["{}", "[]", "nonsense", JSON.stringify({ ...settled, storeId: "another" })])
      assert.equal(await send(rest, signature(secret, rest)), "done");
    const unknown = JSON.stringify({ ...settled, invoiceId: "doesNotExist" });
    assert.equal(await send(unknown, signature(secret, unknown)), "done");
    assert.ok(
      office.events.some(([code, fields]) => code === "webhook-refused" && fields?.reason === "signature"),
    );
  });
});

describe("lethe payment", () => {
  let office: TestOffice;
  const app = new Hono();
  before(async () => {
    office = await newOffice();
    addPaymentControl(app, office);
  });
  after(() => office.end());
  const ask = async (path: string, body: object) => {
    const answer = await app.request(path, { method: "POST", body: JSON.stringify(body) });
    return (await answer.json()) as Record<string, unknown> & { error?: string };
  };

  it("shows what a payment was for, with a voucher's code, and whose account it was to nobody", async () => {
    const { order, simulator, id, payments } = office;
    const voucher = await order("voucher");
    simulator.pay(voucher.reference, "all", "BTC-LN");
    await simulator.delivered();
    const shown = await ask("/payments/look", { number: ` ${voucher.reference}\n` });
    const code = payments.voucherCode("btcpay", voucher.reference);
    assert.deepEqual(shown.voucher, { code, used: false });
    assert.deepEqual([shown.method, shown.paid, shown.days], ["Bitcoin", "5.00 EUR", 30]);
    const account = await order("account");
    simulator.held = true;
    simulator.pay(account.reference, "all", "BTC-LN");
    const looked = await ask("/payments/look", { number: account.reference });
    assert.deepEqual(
      [looked.kind, looked.state],
      ["account", "paid"],
      "a payment whose webhook got lost counts now",
    );
    assert.ok(!JSON.stringify(looked).includes(id));
  });

  it("says in words how an invoice stands that does not count, and what is wrong with the server", async () => {
    const { order, simulator } = office;
    simulator.held = true;
    const { reference } = await order();
    assert.match((await ask("/payments/look", { number: reference })).error!, /nothing, or too little/);
    simulator.pay(reference);
    assert.match((await ask("/payments/look", { number: reference })).error!, /not confirmed yet/);
    assert.match((await ask("/payments/look", { number: "unknown" })).error!, /No payment of that number/);
    assert.match((await ask("/payments/look", { number: "../../x" })).error!, /No payment of that number/);
    assert.deepEqual(await ask("/payments/test", {}), { works: true });
    simulator.failures = 1;
    assert.match((await ask("/payments/test", {})).error!, /does not answer/);
  });
});
