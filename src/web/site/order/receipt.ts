import type { Context, Hono } from "hono";
import type { Receipts } from "../../../billing/receipts.ts";
import { formError, formToken, tokenField } from "../../forms.ts";
import { type Html, html } from "../../html.ts";
import { sayIn } from "../../languages/page-language.ts";
import { page } from "../../layout.ts";
import type { SiteEnv } from "../../options.ts";
import type { Web } from "../../web.ts";
import { receiptValues } from "./receipt-panel.ts";
import { RECEIPT_WORDING } from "./wording.ts";

/** The field into which a receipt is pasted. */
export const receiptField = (label: string, value: string): Html =>
  html`<div class="field"><label for="receipt">${label}</label>
<textarea id="receipt" name="receipt" class="code" rows="6" required spellcheck="false" autocomplete="off">${value}</textarea></div>`;

/** Anybody may check a receipt: what it says, and that this site signed it. */
export function addReceipt(app: Hono<SiteEnv>, web: Web, receipts: Receipts): void {
  const show = (
    c: Context<SiteEnv>,
    result: Html | undefined,
    typed: string,
    status: 200 | 422,
  ): Response => {
    const say = sayIn(c);
    const body = html`<h1>${say`Check a receipt`}</h1>
<p class="lead">${say`Paste the receipt, or what its QR code says. The page tells what it proves; nothing of it is kept.`}</p>
${result}
<form class="panel narrow" method="post" action="/receipt">${tokenField(formToken(web, c))}
${receiptField(say.text("Receipt"), typed)}
<button class="button">${say`Check`}</button></form>
<p class="muted small">${say`Receipts are signed with Ed25519 (RFC 8032). The public key, base64: <code>${receipts.publicKey}</code>`}</p>`;
    const title = status === 200 ? "Check a receipt" : "Error: check a receipt";
    return page(web, c, { title, body, status });
  };

  app.get("/receipt", (c) => show(c, undefined, "", 200));

  app.post("/receipt", (c) => {
    const say = sayIn(c);
    const typed = (c.get("form").get("receipt") ?? "").slice(0, 10_000);
    const opened = receipts.open(typed);
    if (!opened.ok) return show(c, formError(say.text(RECEIPT_WORDING[opened.error])), typed, 422);
    const result = html`<section class="panel" role="status"><h2>${say`A receipt of this site`} <span class="badge good">${say`genuine`}</span></h2>
${receiptValues(c, opened.value.receipt)}</section>`;
    return show(c, result, typed, 200);
  });
}
