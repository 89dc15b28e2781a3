import type { Hono } from "hono";
import type { RefundDueRow, RefundView } from "../control/refunds.ts";
import { type Html, html } from "../html.ts";
import { line } from "./fields.ts";
import { adminPage, notice, problem, tokenOf } from "./layout.ts";
import type { AdminContext, AdminEnv, AdminOptions } from "./options.ts";

interface Said {
  done?: string;
  error?: string;
  receipt?: string;
  view?: RefundView;
}

function decision(c: AdminContext, pasted: string, { receipt, granted, sentence, rule }: RefundView): Html {
  return html`<section class="panel"><h2>What the receipt says</h2>
<dl class="values"><div><dt>Paid on</dt><dd>${receipt.paidOn} UTC</dd></div><div><dt>Plan</dt><dd>${receipt.plan}, ${receipt.days} days${receipt.voucher && ", as a voucher"}</dd></div><div><dt>Paid</dt><dd>${receipt.paid}, by ${receipt.method}${receipt.coupon && ", with a coupon"}</dd></div><div><dt>First purchase</dt><dd>${receipt.first ? "yes" : "no"}</dd></div></dl>
${
  granted
    ? html`<p><span class="badge good">granted by the rules</span></p>
<form method="post" action="refunds">${tokenOf(c)}<input type="hidden" name="action" value="give"><input type="hidden" name="receipt" value="${pasted}">
<p>The money goes back by the way it came, once; what was bought ends.</p><button class="button danger">Give it back</button></form>`
    : html`<p><span class="badge warn">refused by the rules</span></p><p>${sentence}${rule !== undefined && html` <span class="muted">(rule ${rule})</span>`}</p>`
}</section>`;
}

const receiptForm = (c: AdminContext, pasted: string): Html =>
  html`<form class="panel" method="post" action="refunds">${tokenOf(c)}<input type="hidden" name="action" value="look"><h2>A receipt</h2>
<div class="field"><label for="receipt">Its text</label><p class="hint" id="receipt-hint">All of it, from LR1. to the last dot. Members claim by themselves on the site; this is for those who write to you.</p>
<textarea id="receipt" name="receipt" rows="6" required spellcheck="false" aria-describedby="receipt-hint">${pasted}</textarea></div>
<button class="button">See what the rules say</button></form>`;

const underWay = (due: readonly RefundDueRow[]): Html =>
  html`<div class="panel"><table><caption>Granted, and not made by PayPal yet</caption>
<thead><tr><th scope="col">Payment at PayPal</th><th scope="col">Granted</th><th scope="col">Asked again</th><th scope="col">Next</th></tr></thead>
<tbody>${due.map(
    ({ number, since, pending, attempts, next }) =>
      html`<tr><th scope="row"><code class="long">${number}</code></th><td data-label="Granted">${since}</td><td data-label="Asked again">${attempts} times${pending && ", pending there"}</td><td data-label="Next">${next === null ? html`<span class="badge bad">to be made by hand, at PayPal</span>` : `${next} UTC`}</td></tr>`,
  )}</tbody></table></div>`;

/** Refunds are decided by the rules, here as on the site: an operator sees the decision and can carry it out. */
export function addRefunds(app: Hono<AdminEnv>, admin: AdminOptions): void {
  const page = async (c: AdminContext, said: Said = {}): Promise<Response> => {
    const pasted = said.receipt ?? "";
    const due = await admin.ask<{ refunds: RefundDueRow[] }>("GET", "/refunds");
    const body = html`<h1>Refunds</h1>
${notice(said.done)}${problem(said.error)}
${said.view !== undefined && decision(c, pasted, said.view)}
${receiptForm(c, said.view === undefined ? pasted : "")}
${due.ok && due.value.refunds.length > 0 && underWay(due.value.refunds)}`;
    return adminPage(admin, c, { title: "Refunds", body, status: said.error === undefined ? 200 : 422 });
  };

  app.get("/refunds", (c) => page(c));
  app.post("/refunds", async (c) => {
    const form = c.get("form");
    const receipt = line(form, "receipt");
    if (line(form, "action") === "give") {
      const given = await admin.ask<RefundView>("POST", "/refunds", { receipt });
      return page(
        c,
        given.ok ? { done: `Given back: ${given.value.receipt.paid}.` } : { error: given.error, receipt },
      );
    }
    const looked = await admin.ask<RefundView>("POST", "/refunds/look", { receipt });
    return page(c, looked.ok ? { view: looked.value, receipt } : { error: looked.error, receipt });
  });
}
