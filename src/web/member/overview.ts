import type { Context, Hono } from "hono";
import type { VoucherError } from "../../billing/vouchers.ts";
import { accessUntil } from "../../policy/expiry.ts";
import { day, dayAndTime, timeLeft } from "../dates.ts";
import { field, tokenField } from "../forms.ts";
import { forMembers } from "../gate.ts";
import { type Html, html } from "../html.ts";
import type { Say } from "../languages/language.ts";
import { sayIn } from "../languages/page-language.ts";
import { page } from "../layout.ts";
import type { Member, SiteEnv } from "../options.ts";
import { subscriptionsAt } from "../paypal-link.ts";
import type { Web } from "../web.ts";
import { WORDING } from "../wording.ts";
import { doneNotice } from "./done.ts";

type Problem = VoucherError | "account-terminated" | "account-unknown";

/** Where days are bought, where anything can be. */
const toOrder = (web: Web, text: Html): Html | false =>
  web.has("/order") && html`<p><a class="button" href="/order">${text}</a></p>`;

function paidPanel(web: Web, say: Say, { account }: Member): Html {
  const nowS = Math.floor(web.clock.now() / 1000);
  const { paidUntil, deleteAfter } = account;
  if (account.terminated) {
    return html`<section class="panel"><h2>${say`Access <span class="badge bad">ended</span>`}</h2>
<p>${say`The operator has ended this account. It gives no access any more, and is deleted by itself on ${day(deleteAfter, say)}. You can still export what is stored, or delete it at once, under <a href="/member/settings">Settings</a>.`}</p></section>`;
  }
  if (paidUntil !== undefined && paidUntil > nowS) {
    return html`<section class="panel"><h2>${say`Access <span class="badge good">active</span>`}</h2>
<p class="big">${say`Paid until ${dayAndTime(paidUntil, say)}`}</p>
<p class="muted">${timeLeft(say, paidUntil - nowS)}. ${
      account.renews
        ? say`Your PayPal subscription adds to it with each payment. <a href="${subscriptionsAt(web)}" rel="noopener noreferrer">Cancel it at PayPal</a> (<a href="/cancellation">how</a>), and access ends then, and the account is deleted on ${day(deleteAfter, say)}.`
        : say`Nothing renews by itself. If you do not renew, access ends then, and the account is deleted on ${day(deleteAfter, say)}.`
    }</p>${toOrder(web, say`Renew`)}</section>`;
  }
  if (paidUntil !== undefined && accessUntil(paidUntil, account.renews) > nowS) {
    return html`<section class="panel"><h2>${say`Access <span class="badge good">active</span>`}</h2>
<p class="big">${say`Paid time ended on ${dayAndTime(paidUntil, say)}`}</p>
<p class="muted">${say`Your PayPal subscription runs, and its next payment has not come yet. Access goes on until ${dayAndTime(accessUntil(paidUntil, true), say)}. <a href="${subscriptionsAt(web)}" rel="noopener noreferrer">Look at PayPal</a> whether it can charge you.`}</p>${toOrder(web, say`Pay once`)}</section>`;
  }
  return html`<section class="panel"><h2>${paidUntil === undefined ? say`Access <span class="badge warn">not paid yet</span>` : say`Access <span class="badge warn">run out</span>`}</h2>
<p class="big">${paidUntil === undefined ? say`No paid time yet` : say`Paid time ended on ${day(paidUntil, say)}`}</p>
<p>${web.has("/order") ? say`Buy days, or redeem a voucher, to get online.` : say`Redeem a voucher to get online.`} ${say`Without paid time there is no access, and the account is deleted by itself on ${day(deleteAfter, say)}.`}</p>${toOrder(web, paidUntil === undefined ? say`Buy` : say`Renew`)}</section>`;
}

function overview(
  web: Web,
  c: Context<SiteEnv>,
  member: Member,
  problem?: Problem,
  voucher?: string,
): Response {
  const token = tokenField(member.session.formToken);
  const say = sayIn(c);
  const body = html`${doneNotice(say, c.req.query("done"))}
<h1>${say`Hello, ${member.account.name}`}</h1>
<div class="columns">
${paidPanel(web, say, member)}
<section class="panel"><h2>${say`Redeem a voucher`}</h2>
<form method="post" action="/member/voucher">${token}
${field(
  {
    name: "voucher",
    label: "Voucher code",
    required: true,
    autocomplete: "off",
    value: voucher ?? "",
    hint: "Of a voucher or a gift card, such as abcde-fghij-klmno-pqrst. Its days are added to the end of your paid time.",
    error: problem && WORDING[problem],
  },
  say,
)}
<button class="button">${say`Redeem`}</button></form></section>
</div>
<div class="columns">
<section class="panel"><h2>${say`VPN username and password`}</h2>
<p>${say`Your devices log in with these, never with your account password. They are the same for every service and every server.`}</p>
<form method="post" action="/member/credentials">${token}<button class="button">${say`Show them`}</button></form></section>
<section class="panel"><h2>${say`Get connected`}</h2>
<p>${say`Three steps for each system: WireGuard, OpenVPN, and what else the servers offer.`}</p>
<p><a class="button quiet" href="/member/connect">${say`Choose a system`}</a></p></section>
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
