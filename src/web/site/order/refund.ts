import type { Context, Hono } from "hono";
import type { Refunded, Refunds } from "../../../billing/refunds.ts";
import { formatMoney } from "../../../policy/money.ts";
import { REFUND_DAYS, type RefundRule, refundSentence } from "../../../policy/refund.ts";
import { formError, formToken, tokenField } from "../../forms.ts";
import { type Html, html } from "../../html.ts";
import { languageOf, sayIn } from "../../languages/page-language.ts";
import { page } from "../../layout.ts";
import type { SiteEnv } from "../../options.ts";
import type { Web } from "../../web.ts";
import { receiptField } from "./receipt.ts";
import { receiptValues } from "./receipt-panel.ts";
import { RECEIPT_WORDING, REFUND_WORDING } from "./wording.ts";

const PASTED_MOST = 10_000;

/** The rule that decided, in the words of the page "Refunds", with the way there. */
const ruleNotice = (c: Context<SiteEnv>, rule: RefundRule): Html => {
  const say = sayIn(c);
  return html`<div class="notice bad" role="alert"><p><strong>${say`This purchase is not given back.`}</strong> ${say.text(refundSentence(rule))}</p>
<p><a href="/refunds#rule-${rule}">${say`All rules for refunds`}</a></p></div>`;
};

/**
 * Claiming a refund: with the receipt alone, since nobody keeps a list of purchases. First the page says what the rules come to
 * and what it will end; only a second answer does it.
 */
export function addRefund(app: Hono<SiteEnv>, web: Web, refunds: Refunds): void {
  const ask = (c: Context<SiteEnv>, notice: Html | undefined, typed: string, status: 200 | 422): Response => {
    const say = sayIn(c);
    const support = web.has("/contact")
      ? say`<p>Something does not work? <a href="/help">The help centre</a> and <a href="/contact">our support</a> can often mend it. You need not try them first, and they do not decide about refunds.</p>`
      : say`<p>Something does not work? <a href="/help">The help centre</a> can often mend it. You need not try it first.</p>`;
    const body = html`<h1>${say`Claim a refund`}</h1>
<p class="lead">${say`A first purchase by PayPal can be given back within ${REFUND_DAYS} days.`} <a href="/refunds">${say`All rules for refunds`}</a></p>
${support}
${notice}
<form class="panel narrow" method="post" action="/refund">${tokenField(formToken(web, c))}
${receiptField(say.text("Your receipt, or what its QR code says"), typed)}
<button class="button">${say`Look at it`}</button></form>`;
    const title = status === 200 ? "Claim a refund" : "Error: claim a refund";
    return page(web, c, { title, body, status });
  };

  /** What it comes to, and the button that does it. */
  const confirm = (
    c: Context<SiteEnv>,
    claim: { receipt: Parameters<typeof receiptValues>[1]; unfinished: boolean },
    typed: string,
  ): Response => {
    const say = sayIn(c);
    const { receipt, unfinished } = claim;
    const amount = formatMoney(receipt.paid, languageOf(c).tag);
    const ends = receipt.voucher
      ? say`The voucher is void from then on.`
      : say`What it paid for ends at once; what else is paid for your account stays. A PayPal subscription is cancelled.`;
    const body = html`<h1>${say`Claim a refund`}</h1>
<p class="lead">${say`This purchase can be given back.`}</p>
<section class="panel"><h2>${say`Your receipt`}</h2>${receiptValues(c, receipt)}</section>
<form class="panel narrow" method="post" action="/refund">${tokenField(formToken(web, c))}
<input type="hidden" name="receipt" value="${typed}"><input type="hidden" name="confirm" value="yes">
${unfinished && html`<p>${say`You have asked for it before; it is not through yet.`}</p>`}
<p>${say`${amount} go back through PayPal to whoever paid.`} ${ends}</p>
<button class="button danger">${say`Give it back`}</button> <a href="/refund">${say`No, keep it`}</a></form>`;
    return page(web, c, { title: "Claim a refund", body });
  };

  const done = (c: Context<SiteEnv>, refunded: Refunded, typed: string): Response => {
    const say = sayIn(c);
    switch (refunded.outcome) {
      case "given": {
        const amount = formatMoney(refunded.receipt.paid, languageOf(c).tag);
        const body = html`<h1>${say`Given back`}</h1>
<p class="lead">${say`${amount} are on their way back through PayPal. How long that takes depends on how it was paid there: from minutes to some days.`}</p>
<p>${say`What the purchase had paid for is over.`} ${!refunded.receipt.voucher && say`Other time that was paid for <a href="/member">your account</a> stays; where there is none, the account stays for a while without access, and you can renew or delete it.`}</p>`;
        return page(web, c, { title: "Given back", body });
      }
      case "unavailable":
      case "provider-refused":
      case "stopped":
      case "payment-unknown": {
        const text = say.text(REFUND_WORDING[refunded.outcome]);
        return ask(c, formError(text), typed, 422);
      }
      case "refused":
        return ask(c, ruleNotice(c, refunded.rule), typed, 422);
      case "no-receipt":
        return ask(c, formError(say.text(RECEIPT_WORDING[refunded.error])), typed, 422);
    }
  };

  app.get("/refund", (c) => ask(c, undefined, "", 200));

  app.post("/refund", async (c) => {
    const form = c.get("form");
    const typed = (form.get("receipt") ?? "").slice(0, PASTED_MOST);
    if (form.get("confirm") === "yes") return done(c, await refunds.claim(typed), typed);
    const claim = await refunds.look(typed);
    if (claim.outcome !== "decided") return done(c, claim, typed);
    if (!claim.decision.granted) return ask(c, ruleNotice(c, claim.decision.rule), typed, 422);
    return confirm(c, claim, typed);
  });
}
