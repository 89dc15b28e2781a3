import type { Hono } from "hono";
import type { SiteEnv } from "../../options.ts";
import type { Web } from "../../web.ts";
import { addCash } from "../cash.ts";
import { OrderCookie } from "./cookie.ts";
import { addOrder } from "./order.ts";
import { addReceipt } from "./receipt.ts";
import { addRefund } from "./refund.ts";
import { addOrderReturn } from "./return.ts";

/** The pages of buying, where the office has something to buy with. */
export function addBuying(app: Hono<SiteEnv>, web: Web): void {
  if (web.buying === undefined) return;
  const { checkout, receipts, refunds, cash } = web.buying;
  const cookie = new OrderCookie(web.sessionSecret, web.secure);
  addOrder(app, web, checkout, cookie);
  addOrderReturn(app, web, checkout, cookie);
  addReceipt(app, web, receipts);
  addRefund(app, web, refunds);
  if (cash !== undefined) addCash(app, web, { cash: cash.cash, checkout, cookie });
}
