import { flushCompileCache } from "node:module";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { Accounts } from "../../src/accounts/accounts.ts";
import type { BegunOrder } from "../../src/billing/checkout.ts";
import { Vouchers } from "../../src/billing/vouchers.ts";
import { type Clock, systemClock } from "../../src/lib/clock.ts";
import { parseConfig } from "../../src/office/config.ts";
import { openPayments } from "../../src/office/payments.ts";
import { openStore } from "../../src/store/open.ts";
import { Switches } from "../../src/store/switches.ts";
import type { SiteEnv } from "../../src/web/options.ts";
import { addWebhooks } from "../../src/web/site/webhooks.ts";
import type { Web } from "../../src/web/web.ts";

/**
 * The office's billing, its store and its webhook routes as they are, in a process that is there to be killed. What surrounds them on
 * a real site (pages, sessions) has no part in a payment; `/begin`, `/finish`, `/receipt` and `/claim` do what the order's and the
 * refund's pages do, `/book` what an operator does who has an envelope, `/round` what a refund's own timer does.
 */
export interface KillOffice {
  /** What `openStore` takes. */
  store: { path: string } | { url: string };
  siteSecret: string;
  /** lethe.toml. */
  config: string;
  files: Record<string, string>;
  paypal: { address: string; root: string };
  /** Its clock goes so far ahead. */
  aheadMs: number;
}

/** What stands in the store. */
export interface Counts {
  /** By account: the end of the paid time. */
  paidUntil: Record<string, number | null>;
  vouchers: number;
  events: number;
  /** Refunds that are not through. */
  due: number;
  /** Orders that wait for their envelope. */
  cashOrders: number;
}

// What was compiled is kept for the next one (NODE_COMPILE_CACHE): who is killed keeps nothing at the end.
flushCompileCache();
process.once("message", (message) => void open(message as KillOffice));
process.once("disconnect", () => process.exit(0));

async function open(given: KillOffice): Promise<void> {
  const siteSecret = Buffer.from(given.siteSecret, "base64");
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + given.aheadMs };
  const store = await openStore(given.store);
  const accounts = new Accounts({ store, clock, siteSecret });
  const vouchers = new Vouchers({ store, clock, siteSecret, accounts });
  const { door, payments, receipts, refunds, cash } = openPayments({
    config: parseConfig(given.config, "lethe.toml"),
    files: given.files,
    siteSecret,
    store,
    accounts,
    vouchers,
    switches: new Switches(store),
    clock,
    source: {
      roots: [given.paypal.root],
      fetch: (address) => fetch(`${given.paypal.address}${new URL(String(address)).pathname}`),
    },
  });
  if (door === undefined || cash === undefined) throw new Error("no way to pay is set up");
  const app = new Hono<SiteEnv>();
  const site: Pick<Web, "buying" | "clientAddress" | "log"> = {
    buying: door,
    clientAddress: () => "127.0.0.1",
    log: () => undefined,
  };
  addWebhooks(app, site as Web);
  app.post("/begin", async (c) => {
    const { method, accountId, attempt } = (await c.req.json()) as Record<string, string>;
    const account = accountId === undefined ? undefined : (await accounts.stampOf(accountId))?.account;
    const wish = { planId: "30days", method: method ?? "", coupon: "", account, attempt: attempt ?? "" };
    const urls = { returnTo: "http://127.0.0.1:9/return", cancelled: "http://127.0.0.1:9/cancelled" };
    return c.json(await door.checkout.begin(wish, () => urls));
  });
  app.post("/finish", async (c) => c.json(await door.checkout.finish((await c.req.json()) as BegunOrder)));
  app.post("/member", async (c) => {
    const made = await accounts.signUp({
      name: (await c.req.json()).name,
      password: "correct horse battery",
    });
    return c.json(made.ok ? made.value.id : null);
  });
  app.post("/receipt", async (c) => {
    const { paymentId } = (await c.req.json()) as { paymentId: string };
    const record = await payments.find("paypal", paymentId);
    if (record === undefined) throw new Error("no such payment");
    const code = payments.voucherCode("paypal", paymentId);
    return c.json({ receipt: receipts.issue("paypal", paymentId, record), code });
  });
  app.post("/claim", async (c) => c.json(await refunds.claim((await c.req.json()).receipt)));
  app.post("/round", async (c) => c.json(await refunds.round()));
  app.post("/redeem", async (c) => {
    const { accountId, code } = (await c.req.json()) as { accountId: string; code: string };
    return c.json((await vouchers.redeem(accountId, code)).ok);
  });
  app.post("/book", async (c) => {
    const booked = await cash.book((await c.req.json()).code);
    return c.json(booked.ok ? { already: booked.value.already } : { error: booked.error });
  });
  app.get("/counts", async (c) => {
    const rows = await store.db.selectFrom("accounts").select(["id", "paid_until"]).execute();
    const count = async (table: "vouchers" | "payment_events" | "refunds_due" | "cash_orders") =>
      (
        await store.db
          .selectFrom(table)
          .select((each) => each.fn.countAll<number>().as("n"))
          .executeTakeFirstOrThrow()
      ).n;
    return c.json({
      paidUntil: Object.fromEntries(rows.map(({ id, paid_until }) => [id, paid_until])),
      vouchers: Number(await count("vouchers")),
      events: Number(await count("payment_events")),
      due: Number(await count("refunds_due")),
      cashOrders: Number(await count("cash_orders")),
    } satisfies Counts);
  });
  serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, ({ port }) => process.send?.({ port }));
}
