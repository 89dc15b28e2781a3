import type { Context, Hono } from "hono";
import type { AccountView } from "../../accounts/account-view.ts";
import { PASSWORD_CHARACTERS } from "../../accounts/rules.ts";
import { REMINDER_DAYS } from "../../policy/lifetimes.ts";
import { errorPage } from "../errors.ts";
import { field, formError, tokenField } from "../forms.ts";
import { forMembers } from "../gate.ts";
import { type Html, html } from "../html.ts";
import type { Say } from "../languages/language.ts";
import { sayIn } from "../languages/page-language.ts";
import { page } from "../layout.ts";
import { tryPassword } from "../log-in-attempt.ts";
import type { Member, SiteEnv } from "../options.ts";
import { subscriptionsAt } from "../paypal-link.ts";
import { sendConfirmation } from "../send-confirmation.ts";
import type { Web } from "../web.ts";
import { WORDING } from "../wording.ts";
import { doneNotice } from "./done.ts";

type Problem =
  | "password-wrong"
  | "subscription-runs"
  | "password-short"
  | "password-long"
  | "password-is-name"
  | "email-invalid";
type Section = "password" | "email" | "delete";

interface Failed {
  section: Section;
  problem: Problem;
  email?: string;
}

const mayConfirm = (web: Web, { email, emailVerified }: AccountView): boolean =>
  web.mail !== undefined && email !== undefined && !emailVerified;

/** What an address is good for here. */
function emailText(web: Web, say: Say, { email, emailVerified }: AccountView): Html {
  if (web.mail === undefined)
    return html`<p>${say`It is optional, and only for reaching you about your account. This site sends no mail by itself, and nobody can reset a forgotten password.`}</p>`;
  if (email === undefined)
    return html`<p>${say`It is optional. Without a confirmed address a forgotten password cannot be reset, and nobody reminds you before your paid time ends.`}</p>`;
  return emailVerified
    ? html`<p>${say`<span class="badge good">confirmed</span> A forgotten password can be reset through it, and you are reminded ${REMINDER_DAYS[0]} days and ${REMINDER_DAYS[1]} day before your paid time ends.`}</p>`
    : html`<p>${say`<span class="badge warn">not confirmed</span> Until you have opened the link that we send, a forgotten password cannot be reset through it, and nobody reminds you before your paid time ends.`}</p>`;
}

function settingsPage(web: Web, c: Context<SiteEnv>, member: Member, failed?: Failed): Response {
  const token = tokenField(member.session.formToken);
  const say = sayIn(c);
  const errorIn = (section: Section, ...problems: Problem[]) =>
    failed?.section === section && problems.includes(failed.problem) ? WORDING[failed.problem] : undefined;
  const email = failed?.email ?? member.account.email ?? "";
  const body = html`${doneNotice(say, c.req.query("done"))}
<h1>${say`Settings`}</h1>
${formError(failed && say.text("Nothing was changed. See below why."))}
<section class="panel split" id="password"><div><h2>${say`Change your password`}</h2>
<p>${say`Everywhere else you are logged in to this site, you are then logged out. Your devices stay online, unless you make new VPN credentials, too.`}</p></div>
<form method="post" action="/member/password">${token}
${field(
  {
    name: "old",
    idPrefix: "password-",
    label: "Present password",
    type: "password",
    required: true,
    autocomplete: "current-password",
    error: errorIn("password", "password-wrong"),
  },
  say,
)}
${field(
  {
    name: "new",
    idPrefix: "password-",
    label: "New password",
    type: "password",
    required: true,
    autocomplete: "new-password",
    hint: say`${PASSWORD_CHARACTERS.least} characters or more.`,
    error: errorIn("password", "password-short", "password-long", "password-is-name"),
  },
  say,
)}
<div class="check"><input type="checkbox" id="renew-vpn" name="renew-vpn" value="yes" aria-describedby="renew-vpn-hint">
<div><label for="renew-vpn">${say`Make new VPN credentials, too`}</label>
<span class="hint" id="renew-vpn-hint">${say`Choose this if somebody else may have been in your account. Every device then needs the new VPN username and password.`}</span></div></div>
<button class="button">${say`Change password`}</button></form></section>
<section class="panel split" id="email"><div><h2>${say`E-mail address`}</h2>
<p>${member.account.email === undefined ? say`None is stored.` : say`Stored: <strong>${member.account.email}</strong>`}</p>
${emailText(web, say, member.account)}</div>
<div>${mayConfirm(web, member.account) && html`<form method="post" action="/member/email/confirm">${token}<button class="button">${say`Send the link to confirm it`}</button></form>`}
<form method="post" action="/member/email">${token}
${field(
  {
    name: "email",
    label: "E-mail address",
    type: "email",
    autocomplete: "email",
    value: email,
    hint: "Leave it empty to delete the address.",
    error: errorIn("email", "email-invalid"),
  },
  say,
)}
${field(
  {
    name: "password",
    idPrefix: "email-",
    label: "Your password",
    type: "password",
    required: true,
    autocomplete: "current-password",
    error: errorIn("email", "password-wrong"),
  },
  say,
)}
<button class="button">${say`Save`}</button></form></div></section>
<section class="panel split" id="export"><div><h2>${say`Everything stored about you`}</h2>
<p>${say`Every value, what it is for, and how long it stays: as a page, and as one JSON file, which also contains your VPN password.`}</p></div>
<div><p><a class="button quiet" href="/member/everything">${say`Look at it`}</a></p>
<form method="post" action="/member/export">${token}<button class="button quiet">${say`Download`}</button></form></div></section>
<section class="panel split" id="delete"><div><h2>${say`Delete the account`}</h2>
<p>${say`At once and for good: the account, its e-mail address and its paid time. Devices that are connected are cut off. Nobody can bring it back.`}</p>
${
  member.account.takenBack !== undefined &&
  html`<div class="notice warn"><p>${say`A payment for this account was taken back. If it is decided later that it stands, its days come back to this account: once that is deleted they are lost.`}</p></div>`
}
${
  member.account.renews &&
  html`<p>${say`<strong>A PayPal subscription pays for this account.</strong> Cancel it first, or PayPal goes on charging you:`}</p>
<ol><li>${say`<a href="${subscriptionsAt(web)}" rel="noopener noreferrer">Open your automatic payments at PayPal</a>, choose this service, and cancel.`}</li><li>${say`Then delete the account here.`}</li></ol>
<p class="muted">${say`If a charge comes all the same for an account that is gone, we give it back and cancel the subscription.`}</p>`
}</div>
<form method="post" action="/member/delete">${token}
${
  member.account.renews &&
  html`<div class="check"><input type="checkbox" id="subscription-cancelled" name="subscription-cancelled" value="yes"${errorIn("delete", "subscription-runs") !== undefined && html` aria-invalid="true" aria-describedby="subscription-error"`}>
<div><label for="subscription-cancelled">${say`I have cancelled the subscription at PayPal`}</label></div></div>
${errorIn("delete", "subscription-runs") !== undefined && html`<p class="error" id="subscription-error">${say.text(WORDING["subscription-runs"])}</p>`}`
}
${field(
  {
    name: "password",
    idPrefix: "delete-",
    label: "Your password",
    type: "password",
    required: true,
    autocomplete: "current-password",
    error: errorIn("delete", "password-wrong"),
  },
  say,
)}
<button class="button danger">${say`Delete this account`}</button></form></section>`;
  return page(web, c, {
    title: failed === undefined ? "Settings" : "Error: settings",
    section: "member",
    tab: "settings",
    body,
    status: failed === undefined ? 200 : 422,
  });
}

/** What a form posts to can also be opened: a reload after logging in again leads there. */
function backToSettings(app: Hono<SiteEnv>, web: Web, path: string): void {
  app.get(
    path,
    forMembers(web, (c) => c.redirect("/member/settings", 303)),
  );
}

export function addSettings(app: Hono<SiteEnv>, web: Web): void {
  app.get(
    "/member/settings",
    forMembers(web, (c, member) => settingsPage(web, c, member)),
  );
  for (const path of [
    "/member/password",
    "/member/email",
    "/member/email/confirm",
    "/member/export",
    "/member/delete",
  ]) {
    backToSettings(app, web, path);
  }

  app.post(
    "/member/password",
    forMembers(web, async (c, member) => {
      const form = c.get("form");
      const renewVpn = form.get("renew-vpn") === "yes";
      const changed = await tryPassword(web, c, member, (id) =>
        web.accounts.login.changePassword(id, form.get("old") ?? "", form.get("new") ?? "", { renewVpn }),
      );
      if (!changed.ok) {
        const problem = changed.error;
        if (problem === "slow-down") return errorPage(web, c, problem);
        return settingsPage(web, c, member, { section: "password", problem });
      }
      // The same form token as before, so that pages that are open in this browser go on working.
      const session = web.seal.start(member.account.id, changed.value.stamp, member.session.formToken);
      web.cookies.logIn(c, session);
      return c.redirect(`/member/settings?done=${renewVpn ? "password-vpn" : "password"}`, 303);
    }),
  );

  app.post(
    "/member/email",
    forMembers(web, async (c, member) => {
      const form = c.get("form");
      const email = (form.get("email") ?? "").trim();
      const changed = await tryPassword(web, c, member, (id) =>
        web.accounts.login.changeEmail(id, form.get("password") ?? "", email),
      );
      if (!changed.ok) {
        const problem = changed.error;
        if (problem === "slow-down") return errorPage(web, c, problem);
        return settingsPage(web, c, member, { section: "email", problem, email });
      }
      if (email === "") return c.redirect("/member/settings?done=email-removed", 303);
      const sent = await sendConfirmation(web, c, changed.value);
      return c.redirect(`/member/settings?done=${sent === "sent" ? "email-link" : "email"}`, 303);
    }),
  );

  app.post(
    "/member/email/confirm",
    forMembers(web, async (c, member) => {
      const sent = await sendConfirmation(web, c, member.account);
      if (sent === "slow-down") return errorPage(web, c, "mail-slow");
      return c.redirect(`/member/settings${sent === "sent" ? "?done=email-link" : ""}`, 303);
    }),
  );

  // A POST as the VPN password stands in it.
  app.post(
    "/member/export",
    forMembers(web, async (c, member) => {
      const everything = await web.accounts.exportEverything(member.account.id);
      if (everything === undefined) return c.redirect("/account-gone", 303);
      return c.body(`${JSON.stringify(everything, undefined, 2)}\n`, 200, {
        "content-type": "application/json; charset=utf-8",
        "content-disposition": 'attachment; filename="everything-stored.json"',
      });
    }),
  );

  app.post(
    "/member/delete",
    forMembers(web, async (c, member) => {
      const form = c.get("form");
      const password = form.get("password") ?? "";
      const subscriptionCancelled = form.get("subscription-cancelled") === "yes";
      const removed = await tryPassword(web, c, member, (id) =>
        web.accounts.remove(id, password, { subscriptionCancelled }),
      );
      if (!removed.ok && removed.error === "slow-down") return errorPage(web, c, "slow-down");
      if (!removed.ok && removed.error === "subscription-runs")
        return settingsPage(web, c, member, { section: "delete", problem: removed.error });
      if (!removed.ok && removed.error === "password-wrong") {
        // A second click on the button meets an account that is gone already.
        if ((await web.accounts.stampOf(member.account.id)) !== undefined) {
          return settingsPage(web, c, member, { section: "delete", problem: removed.error });
        }
      }
      web.cookies.logOut(c);
      return c.redirect("/account-gone", 303);
    }),
  );
}
