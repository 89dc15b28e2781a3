import type { Hono } from "hono";
import { EXTENSION_DAYS_MOST } from "../../accounts/accounts.ts";
import { COUPON_USES_MOST } from "../../billing/vouchers.ts";
import { LIFETIMES } from "../../policy/lifetimes.ts";
import { type Html, html } from "../html.ts";
import { line, numberField, wholeNumber } from "./fields.ts";
import { adminPage, notice, problem, tokenOf } from "./layout.ts";
import type { AdminContext, AdminEnv, AdminOptions } from "./options.ts";

/** What stays well below the form's own limit when it is shown; `lethe voucher make` makes more. */
const AT_ONCE = 200;
const VALID_DAYS = 3 * 365;

interface Said {
  codes?: readonly string[];
  error?: string;
}

const codesPanel = (codes: readonly string[]): Html =>
  html`${notice(`${codes.length === 1 ? "One code was" : `${codes.length} codes were`} made.`)}
<section class="panel"><h2>Codes</h2><p>They are shown this once: only a hash of each is kept.</p>
<pre><code>${codes.join("\n")}</code></pre></section>`;

export function addVouchers(app: Hono<AdminEnv>, admin: AdminOptions): void {
  const page = async (c: AdminContext, said: Said = {}): Promise<Response> => {
    const counts = await admin.ask<{ unused: number; used: number }>("GET", "/vouchers/counts");
    const body = html`<h1>Vouchers</h1>
<p class="lead">Gift cards give days of access; coupons take something off the price of an order.${counts.ok && html` Not used yet: ${counts.value.unused}. Used, and still known for ${LIFETIMES.usedVoucher.days} days and to the end of the month: ${counts.value.used}.`}</p>
${problem(said.error)}${said.codes !== undefined && codesPanel(said.codes)}
<div class="columns">
<form class="panel" method="post" action="vouchers">${tokenOf(c)}<input type="hidden" name="kind" value="days"><h2>Gift cards</h2>
${numberField({ name: "days", label: "Days of access each", value: 30, least: 1, most: EXTENSION_DAYS_MOST })}
${numberField({ name: "count", id: "count-days", label: "How many", value: 1, least: 1, most: AT_ONCE })}
<button class="button">Make gift cards</button></form>
<form class="panel" method="post" action="vouchers">${tokenOf(c)}<input type="hidden" name="kind" value="percent"><h2>Coupons</h2>
${numberField({ name: "percent", label: "Percent off", value: 20, least: 1, most: 100 })}
${numberField({ name: "uses", label: "Orders each is good for", value: 1, least: 1, most: COUPON_USES_MOST })}
${numberField({ name: "validDays", label: "Good for so many days", value: 90, least: 1, most: VALID_DAYS })}
<div class="field"><label for="plan">For this plan only <span class="muted">(optional)</span></label><p class="hint" id="plan-hint">Its id in lethe.toml.</p>
<input id="plan" name="plan" autocomplete="off" autocapitalize="none" spellcheck="false" aria-describedby="plan-hint"></div>
${numberField({ name: "count", id: "count-percent", label: "How many", value: 1, least: 1, most: AT_ONCE })}
<button class="button">Make coupons</button></form></div>`;
    return adminPage(admin, c, { title: "Vouchers", body, status: said.error === undefined ? 200 : 422 });
  };

  app.get("/vouchers", (c) => page(c));

  app.post("/vouchers", async (c) => {
    const form = c.get("form");
    const count = wholeNumber(form, "count", 1, AT_ONCE);
    if (count === undefined)
      return page(c, {
        error: `How many: a whole number from 1 to ${AT_ONCE}. \`lethe voucher make\` makes more at once.`,
      });
    const plan = line(form, "plan");
    const days = wholeNumber(form, "days", 1, EXTENSION_DAYS_MOST);
    const percent = wholeNumber(form, "percent", 1, 100);
    const uses = wholeNumber(form, "uses", 1, COUPON_USES_MOST);
    const validDays = wholeNumber(form, "validDays", 1, VALID_DAYS);
    const gift = line(form, "kind") !== "percent";
    const complete = gift ? days !== undefined : ![percent, uses, validDays].includes(undefined);
    if (!complete) return page(c, { error: "Each number is a whole one, within what the field says." });
    const request = gift
      ? { days, count }
      : { percent, uses, validDays, count, ...(plan !== "" && { plan }) };
    const made = await admin.ask<{ codes: string[] }>("POST", "/vouchers", request);
    return page(c, made.ok ? { codes: made.value.codes } : { error: made.error });
  });
}
