import type { Context, Hono } from "hono";
import type { VoucherError } from "../../billing/vouchers.ts";
import { accessUntil } from "../../policy/expiry.ts";
import { day, dayAndTime, timeLeft } from "../dates.ts";
import { field, tokenField } from "../forms.ts";
import { forMembers } from "../gate.ts";
import { type Html, html } from "../html.ts";
import { page } from "../layout.ts";
import type { Member, SiteEnv } from "../options.ts";
import { subscriptionsAt } from "../paypal-link.ts";
import type { Web } from "../web.ts";
import { WORDING } from "../wording.ts";
import { doneNotice } from "./done.ts";

type Problem = VoucherError | "account-terminated" | "account-unknown";

/** Where days are bought, where anything can be. */
const toOrder = (web: Web, text: string): Html | false =>
  web.has("/order") && html`<p><a class="button" href="/order">${text}</a></p>`;

function paidPanel(web: Web, { account }: Member): Html {
  const nowS = Math.floor(web.clock.now() / 1000);
  const { paidUntil, deleteAfter } = account;
  if (account.terminated) {
    return html`<section class="panel"><h2>Access <span class="badge bad">ended</span></h2>
<p>The operator has ended this account. It gives no access any more, and is deleted by itself on ${day(deleteAfter)}. You can still export what is stored, or delete it at once, under <a href="/member/settings">Settings</a>.</p></section>`;
  }
  if (paidUntil !== undefined && paidUntil > nowS) {
    return html`<section class="panel"><h2>Access <span class="badge good">active</span></h2>
<p class="big">Paid until ${dayAndTime(paidUntil)}</p>
<p class="muted">${timeLeft(paidUntil - nowS)}. ${
      account.renews
        ? html`Your PayPal subscription adds to it with each payment. <a href="${subscriptionsAt(web)}" rel="noopener noreferrer">Cancel it at PayPal</a> (<a href="/cancellation">how</a>), and access ends then`
        : "Nothing renews by itself. If you do not renew, access ends then"
    }, and the account is deleted on ${day(deleteAfter)}.</p>${toOrder(web, "Renew")}</section>`;
  }
  if (paidUntil !== undefined && accessUntil(paidUntil, account.renews) > nowS) {
    return html`<section class="panel"><h2>Access <span class="badge good">active</span></h2>
<p class="big">Paid time ended on ${dayAndTime(paidUntil)}</p>
<p class="muted">Your PayPal subscription runs, and its next payment has not come yet. Access goes on until ${dayAndTime(accessUntil(paidUntil, true))}. <a href="${subscriptionsAt(web)}" rel="noopener noreferrer">Look at PayPal</a> whether it can charge you.</p>${toOrder(web, "Pay once")}</section>`;
  }
  return html`<section class="panel"><h2>Access <span class="badge warn">${paidUntil === undefined ? "not paid yet" : "run out"}</span></h2>
<p class="big">${paidUntil === undefined ? "No paid time yet" : html`Paid time ended on ${day(paidUntil)}`}</p>
<p>${web.has("/order") ? "Buy days, or redeem a voucher," : "Redeem a voucher"} to get online. Without paid time there is no access, and the account is deleted by itself on ${day(deleteAfter)}.</p>${toOrder(web, paidUntil === undefined ? "Buy" : "Renew")}</section>`;
}

function overview(
  web: Web,
  c: Context<SiteEnv>,
  member: Member,
  problem?: Problem,
  voucher?: string,
): Response {
  const token = tokenField(member.session.formToken);
  const body = html`${doneNotice(c.req.query("done"))}
<h1>Hello, ${member.account.name}</h1>
<div class="columns">
${paidPanel(web, member)}
<section class="panel"><h2>Redeem a voucher</h2>
<form method="post" action="/member/voucher">${token}
${field({
  name: "voucher",
  label: "Voucher code",
  required: true,
  autocomplete: "off",
  value: voucher ?? "",
  hint: "Of a voucher or a gift card, such as abcde-fghij-klmno-pqrst. Its days are added to the end of your paid time.",
  error: problem && WORDING[problem],
})}
<button class="button">Redeem</button></form></section>
</div>
<div class="columns">
<section class="panel"><h2>VPN username and password</h2>
<p>Your devices log in with these, never with your account password. They are the same for every service and every server.</p>
<form method="post" action="/member/credentials">${token}<button class="button">Show them</button></form></section>
<section class="panel"><h2>Get connected</h2>
<p>Three steps for each system: WireGuard, OpenVPN, and what else the servers offer.</p>
<p><a class="button quiet" href="/member/connect">Choose a system</a></p></section>
</div>`;
  const title = problem === undefined ? "Your account" : "Error: your account";
  return page(web, c, {
    title,
    section: "member",
    tab: "overview",
    body,
    status: problem === undefined ? 200 : 422,
  });
}

export function addOverview(app: Hono<SiteEnv>, web: Web): void {
  app.get(
    "/member",
    forMembers(web, (c, member) => overview(web, c, member)),
  );

  app.post(
    "/member/voucher",
    forMembers(web, async (c, member) => {
      const code = (c.get("form").get("voucher") ?? "").trim();
      const { outcome, again } = await web.redemptions.redeem(member.account.id, code);
      if (!outcome.ok) return overview(web, c, member, outcome.error, code.slice(0, 100));
      return c.redirect(again ? "/member?done=voucher-again" : "/member?done=voucher", 303);
    }),
  );
}
