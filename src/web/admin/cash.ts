import type { Hono } from "hono";
import { type Html, html } from "../html.ts";
import { cells, line, table } from "./fields.ts";
import { adminPage, notice, problem, tokenOf } from "./layout.ts";
import type { AdminContext, AdminEnv, AdminOptions } from "./options.ts";

/** An order for cash as `lethe cash list` shows it: its code is in the envelope alone. */
export interface CashOrder {
  plan: string;
  days: number;
  /** As `5.00 EUR`. */
  price: string;
  /** `2031-01-01`. */
  ordered: string;
}
type FoundOrder = CashOrder & { kind: "account" | "voucher" };

interface Said {
  done?: string;
  error?: string;
  code?: string;
  found?: FoundOrder;
}

const codeForm = (c: AdminContext, code: string): Html =>
  html`<form class="panel narrow" method="post" action="cash">${tokenOf(c)}<input type="hidden" name="action" value="look"><h2>An envelope has come</h2>
<div class="field"><label for="code">Its code</label><p class="hint" id="code-hint">As it stands in the envelope; capitals, dashes and blanks do not matter.</p>
<input id="code" name="code" value="${code}" required autocomplete="off" autocapitalize="none" spellcheck="false" aria-describedby="code-hint"></div>
<button class="button">Find the order</button></form>`;

const foundPanel = (c: AdminContext, code: string, { plan, days, price, ordered, kind }: FoundOrder): Html =>
  html`<section class="panel"><h2>The order</h2>
<dl class="values"><div><dt>Plan</dt><dd>${plan}</dd></div><div><dt>Days</dt><dd>${days}</dd></div><div><dt>Price</dt><dd>${price}</dd></div><div><dt>Ordered</dt><dd>${ordered}</dd></div><div><dt>For</dt><dd>${kind === "account" ? "an account" : "a voucher, which the buyer’s page then shows"}</dd></div></dl>
<form method="post" action="cash">${tokenOf(c)}<input type="hidden" name="action" value="book"><input type="hidden" name="code" value="${code}">
<div class="field"><label for="amount">What was in the envelope</label><p class="hint" id="amount-hint">As ${price}: amount and currency.</p>
<input id="amount" name="amount" value="${price}" required autocomplete="off" aria-describedby="amount-hint"></div>
<button class="button">Book it</button></form>
<form method="post" action="cash">${tokenOf(c)}<input type="hidden" name="action" value="cancel"><input type="hidden" name="code" value="${code}">
<button class="button small danger">Cancel the order</button></form></section>`;

const orderTable = (orders: readonly CashOrder[]): Html => {
  const labels = ["Ordered", "Plan", "Days", "Price"];
  const rows = orders.map(({ ordered, plan, days, price }) => cells(labels, [ordered, plan, days, price]));
  return table("Waiting for an envelope", labels, rows);
};

export function addCashAdmin(app: Hono<AdminEnv>, admin: AdminOptions): void {
  const page = async (c: AdminContext, said: Said = {}): Promise<Response> => {
    const asked = await admin.ask<{ orders: CashOrder[] }>("GET", "/cash");
    const orders = asked.ok ? asked.value.orders : [];
    const body = html`<h1>Cash by mail</h1>
${notice(said.done)}${problem(said.error ?? (asked.ok ? undefined : asked.error))}
${said.found !== undefined && foundPanel(c, said.code ?? "", said.found)}
${asked.ok && codeForm(c, said.found === undefined ? (said.code ?? "") : "")}
${asked.ok && (orders.length === 0 ? html`<p>No order waits for an envelope.</p>` : orderTable(orders))}`;
    return adminPage(admin, c, { title: "Cash", body, status: said.error === undefined ? 200 : 422 });
  };

  app.get("/cash", (c) => page(c));
  app.post("/cash", async (c) => {
    const form = c.get("form");
    const code = line(form, "code");
    const action = line(form, "action");
    if (action === "book") {
      const booked = await admin.ask<FoundOrder & { already: boolean }>("POST", "/cash/book", {
        code,
        amount: line(form, "amount"),
      });
      if (booked.ok) return page(c, { done: booked.value.already ? "It was booked already." : "Booked." });
      const found = await admin.ask<FoundOrder>("POST", "/cash/look", { code });
      return page(c, { error: booked.error, code, ...(found.ok && { found: found.value }) });
    }
    if (action === "cancel") {
      const cancelled = await admin.ask("POST", "/cash/cancel", { code });
      return page(c, cancelled.ok ? { done: "Cancelled." } : { error: cancelled.error, code });
    }
    const found = await admin.ask<FoundOrder>("POST", "/cash/look", { code });
    return page(c, found.ok ? { found: found.value, code } : { error: found.error, code });
  });
}
