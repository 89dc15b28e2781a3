import { flushCompileCache } from "node:module";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { Accounts } from "../../src/accounts/accounts.ts";
import type { BegunOrder } from "../../src/billing/checkout.ts";
import { Vouchers } from "../../src/billing/vouchers.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { parseConfig } from "../../src/office/config.ts";
import { openPayments } from "../../src/office/payments.ts";
import { openStore } from "../../src/store/open.ts";
import { Switches } from "../../src/store/switches.ts";
import type { SiteEnv } from "../../src/web/options.ts";
import { addWebhooks } from "../../src/web/site/webhooks.ts";
import type { Web } from "../../src/web/web.ts";

/**
 * The office's billing, its store and its webhook routes as they are, in a process that is there to be killed. What surrounds them on
 * a real site (pages, sessions) has no part in a payment; `/begin` and `/finish` do what the order page and the way back do.
 */
export interface KillOffice {
  /** What `openStore` takes. */
  store: { path: string } | { url: string };
  siteSecret: string;
  /** lethe.toml. */
  config: string;
  files: Record<string, string>;
  paypal: { address: string; root: string };
}

/** What stands in the store. */
export interface Counts {
  /** By account: the end of the paid time. */
  paidUntil: Record<string, number | null>;
  vouchers: number;
  events: number;
}

// What was compiled is kept for the next one (NODE_COMPILE_CACHE): who is killed keeps nothing at the end.
flushCompileCache();
process.once("message", (message) => void open(message as KillOffice));
process.once("disconnect", () => process.exit(0));

async function open(given: KillOffice): Promise<void> {
  const siteSecret = Buffer.from(given.siteSecret, "base64");
  const clock = systemClock;
  const store = await openStore(given.store);
  const accounts = new Accounts({ store, clock, siteSecret });
  const vouchers = new Vouchers({ store, clock, siteSecret, accounts });
  const { door } = openPayments({
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
  if (door === undefined) throw new Error("no way to pay is set up");
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
  app.get("/counts", async (c) => {
    const rows = await store.db.selectFrom("accounts").select(["id", "paid_until"]).execute();
    const count = async (table: "vouchers" | "payment_events") =>
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
    } satisfies Counts);
  });
  serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, ({ port }) => process.send?.({ port }));
}
