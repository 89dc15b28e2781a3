import type { Context } from "hono";
import { toString as qrCode } from "qrcode";
import type { Bought } from "../../../billing/checkout.ts";
import type { Receipt } from "../../../billing/receipts.ts";
import { METHODS } from "../../../policy/methods.ts";
import { formatMoney, priceText } from "../../../policy/money.ts";
import type { PaymentRecord } from "../../../policy/payment-record.ts";
import { decideRefund, refundSentence } from "../../../policy/refund.ts";
import { dayAndTime } from "../../dates.ts";
import { type Html, html, trusted } from "../../html.ts";
import type { Say } from "../../languages/language.ts";
import { languageOf, sayIn } from "../../languages/page-language.ts";
import type { SiteEnv } from "../../options.ts";
import type { Web } from "../../web.ts";

const receiptOf = (record: PaymentRecord): Receipt => ({
  ...record,
  voucher: record.voucherHash !== undefined,
});

/** What a receipt says, for people. */
export function receiptValues(c: Context<SiteEnv>, receipt: Receipt): Html {
  const say = sayIn(c);
  const yesNo = (yes: boolean) => (yes ? say`yes` : say`no`);
  return html`<dl class="values">
<div><dt>${say`Paid on`}</dt><dd>${dayAndTime(receipt.atS, say)}</dd></div>
<div><dt>${say`For`}</dt><dd>${say`${receipt.days} days (plan “${receipt.plan}”)`}${receipt.voucher && html`, ${say`as a voucher`}`}</dd></div>
<div><dt>${say`Paid`}</dt><dd>${formatMoney(receipt.paid, languageOf(c).tag)}</dd></div>
<div><dt>${say`Way to pay`}</dt><dd>${say.text(METHODS[receipt.method].title)}</dd></div>
<div><dt>${say`First purchase`}</dt><dd>${yesNo(receipt.first)}</dd></div>
<div><dt>${say`With a coupon`}</dt><dd>${yesNo(receipt.coupon)}</dd></div>
</dl>`;
}

/** The receipt as a text file: the lines are for people, and the last one alone counts. */
export function receiptText(web: Web, say: Say, { record, receipt }: Bought): string {
  const at = new Date(record.atS * 1000).toISOString();
  const yesNo = (yes: boolean) => (yes ? say.text("yes") : say.text("no"));
  const days = say.text("{0} days (plan “{1}”)", record.days, record.plan);
  const rows = [
    [say.text("Paid on"), `${at.slice(0, 10)} ${at.slice(11, 16)} UTC`],
    [say.text("For"), record.voucherHash === undefined ? days : `${days}, ${say.text("as a voucher")}`],
    [say.text("Paid"), `${priceText(record.paid)}, ${say.text(METHODS[record.method].title)}`],
    [say.text("First purchase"), yesNo(record.first)],
    [say.text("With a coupon"), yesNo(record.coupon)],
  ] as const;
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  return [
    say.text("Receipt of {0}", web.siteName),
    ...rows.map(([name, value]) => `${`${name}:`.padEnd(width)}${value}`),
    "",
    say.text("What counts is the signed text below: it alone is read."),
    "",
    receipt,
    "",
  ].join("\n");
}

/** The receipt on the page after a purchase, as text to be copied, as a file, and as a QR code. */
export async function receiptPanel(
  web: Web,
  c: Context<SiteEnv>,
  bought: Bought,
  orderId?: string,
): Promise<Html> {
  const say = sayIn(c);
  const { record } = bought;
  // Level L: the text is long, and a screen or paper is clean.
  const refund = decideRefund({
    ...record,
    boughtAt: record.atS,
    redeemedVoucher: false,
    alreadyRefunded: false,
    nowS: Math.floor(web.clock.now() / 1000),
  });
  const picture = await qrCode(bought.receipt, { type: "svg", errorCorrectionLevel: "L", margin: 4 });
  return html`<section class="panel"><h2>${say`Your receipt`}</h2>
<p>${refund.granted ? say`Keep it: with it you can claim a refund, and we have no list in which we could look you up.` : say`Keep it: it shows that you paid, and we have no list in which we could look you up. ${say.text(refundSentence(refund.rule))}`} ${say`It is signed by ${web.siteName}; the payment’s number is sealed inside, and we alone can read that.`}</p>
${receiptValues(c, receiptOf(bought.record))}
<p><label for="receipt">${say`Signed text`}</label></p>
<p><textarea id="receipt" class="code" rows="5" readonly spellcheck="false">${bought.receipt}</textarea></p>
<p class="actions">${orderId !== undefined && html`<a class="button quiet" href="/order/receipt.txt?order=${orderId}" download>${say`Save as a file`}</a>`} <a href="/receipt">${say`Check a receipt`}</a> <a href="/refunds">${say`Refunds`}</a></p>
<figure class="qr" role="img" aria-label="${say.text("The receipt as a QR code")}">${trusted(picture)}</figure></section>`;
}
