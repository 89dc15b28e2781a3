import type { Context, Hono } from "hono";
import { z } from "zod";
import type { Cash, CashError, CashOrder, WaitingCash } from "../../billing/cash.ts";
import { LIFETIMES, lifetimeText } from "../../policy/lifetimes.ts";
import { parsePrice, priceText } from "../../policy/money.ts";

const codeRequest = z.strictObject({ code: z.string().max(100) });
const bookRequest = z.strictObject({ code: z.string().max(100), amount: z.string().max(40).optional() });

const ERRORS: Record<CashError, string> = {
  "cash-unknown": `No order waits for that code. Compare it with the envelope; an order that nobody pays is forgotten after ${lifetimeText(LIFETIMES.cashOrder.days)}.`,
  "amount-differs":
    "That is less than the order costs, or another currency. Nothing was booked; an account can be given days by hand (lethe account extend).",
  "account-gone":
    "The account that it was ordered for no longer exists. Nothing was booked; send the money back, then cancel the order.",
  "account-terminated":
    "The account that it was ordered for is terminated. Nothing was booked; reinstate it, or send the money back and cancel the order.",
  "order-expired": "The order is too old to be booked. Extend the account by hand: lethe account extend.",
  "coupon-used": "The order's coupon has been used up meanwhile. Nothing was booked.",
};

/** An order as commands and the admin pages show it; `ordered`: UTC, YYYY-mm-dd. */
export interface CashView {
  plan: string;
  days: number;
  price: string;
  ordered: string;
}

const viewOf = ({ plan, days, price, orderedS }: WaitingCash): CashView => ({
  plan,
  days,
  price: priceText(price),
  ordered: new Date(orderedS * 1000).toISOString().slice(0, 10),
});

const wholeOf = (order: CashOrder): CashView & { kind: CashOrder["kind"] } => ({
  ...viewOf(order),
  kind: order.kind,
});

/** What the operator does with envelopes. `cash` undefined: none is taken. */
export function addCashControl(app: Hono, cash: Cash | undefined): void {
  const refuse = (c: Context, error: string) => c.json({ error }, 400);
  if (cash === undefined) {
    const none = (c: Context) =>
      refuse(c, "Cash is not taken: cash.address in lethe.toml says where envelopes would go.");
    app.get("/cash", none);
    for (const path of ["look", "book", "cancel"]) app.post(`/cash/${path}`, none);
    return;
  }
  app.get("/cash", async (c) => c.json({ orders: (await cash.list()).map(viewOf) }));
  app.post("/cash/look", async (c) => {
    const order = await cash.look(codeRequest.parse(await c.req.json()).code);
    return order === undefined ? refuse(c, ERRORS["cash-unknown"]) : c.json(wholeOf(order));
  });
  app.post("/cash/book", async (c) => {
    const { code, amount } = bookRequest.parse(await c.req.json());
    const paid = amount === undefined ? undefined : parsePrice(amount);
    if (amount !== undefined && paid === undefined) return refuse(c, 'An amount is written like "5.00 EUR".');
    const booked = await cash.book(code, paid);
    if (!booked.ok) return refuse(c, ERRORS[booked.error]);
    return c.json({ ...wholeOf(booked.value), already: booked.value.already });
  });
  app.post("/cash/cancel", async (c) => {
    const { code } = codeRequest.parse(await c.req.json());
    return (await cash.cancel(code)) ? c.json({ cancelled: true }) : refuse(c, ERRORS["cash-unknown"]);
  });
}
