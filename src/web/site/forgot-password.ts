import type { Context, Hono } from "hono";
import { acceptEmail } from "../../accounts/rules.ts";
import { reasonOf } from "../../lib/event-log.ts";
import { resetLetter } from "../../mail/letters.ts";
import { MAIL_LINK_MINUTES } from "../../policy/lifetimes.ts";
import { errorPage } from "../errors.ts";
import { field, formError, tokenField } from "../forms.ts";
import { type Html, html } from "../html.ts";
import type { PageLanguage, Say } from "../languages/language.ts";
import { languageOf, sayIn } from "../languages/page-language.ts";
import { page } from "../layout.ts";
import { MAIL_LINK_S } from "../mail-door.ts";
import type { SiteEnv } from "../options.ts";
import type { Web } from "../web.ts";
import { WORDING } from "../wording.ts";

/** One letter holds the links of so many accounts with one address. */
const ACCOUNTS_MOST = 5;

const withoutMail = (
  say: Say,
): Html => html`<p class="lead">${say`This site sends no mail, so a forgotten password cannot be reset. Nobody can look it up: only a hash of it is stored.`}</p>
<p>${say`Your devices go on working with their VPN username and password until the paid time ends. Then <a href="/sign-up">make a new account</a>.`}</p>`;

function askPage(web: Web, c: Context<SiteEnv>, typed = "", problem?: "email-invalid"): Response {
  const say = sayIn(c);
  const form = html`<p class="lead">${say`If the address is stored with an account and was confirmed there, we send a link by which you choose a new password.`}</p>
${formError(problem && say.text(WORDING[problem]))}
<form class="panel" method="post" action="/forgot-password">
${tokenField(web.cookies.visitorToken(c))}
${field(
  {
    name: "email",
    label: "E-mail address of your account",
    type: "email",
    required: true,
    autocomplete: "email",
    value: typed,
  },
  say,
)}
<button class="button">${say`Send the link`}</button>
</form>
<p>${say`An account without a confirmed address has no reset: nobody can look a password up, since only a hash of it is stored. Its devices go on working until the paid time ends.`}</p>`;
  return page(web, c, {
    title: problem === undefined ? "Forgot your password?" : "Error: forgot your password?",
    section: "log-in",
    body: html`<div class="narrow"><h1>${say`Forgot your password?`}</h1>${web.mail === undefined ? withoutMail(say) : form}</div>`,
    status: problem === undefined ? 200 : 422,
  });
}

/** The same to the letter, whether or not there is such an account. */
const answer = (say: Say): Html => html`<div class="narrow"><h1>${say`Look into your mailbox`}</h1>
<p class="lead">${say`If an account has this address and confirmed it, a letter is on its way to it. Its link is good for ${MAIL_LINK_MINUTES} minutes, once.`}</p>
<p>${say`Nothing came after some minutes? Look among the unwanted mail; then the address is perhaps another one, or was never confirmed.`}</p>
<p><a href="/log-in">${say`Back to the log-in`}</a></p></div>`;

/**
 * Finds the accounts and writes the letter. After the answer went out: neither its words nor how long it takes may tell
 * a stranger whether somebody has an account here.
 */
async function sendLinks(web: Web, email: string, { say, prefix }: PageLanguage): Promise<void> {
  const { mail } = web;
  if (mail === undefined || !web.mailThrottle.mayWrite(email)) return;
  // By the address as it is stored, and not as a stranger spelled it: a link goes to the mailbox that was confirmed.
  const letters = new Map<string, string[]>();
  for (const account of await web.accounts.byVerifiedEmail(email, ACCOUNTS_MOST)) {
    const link = await mail.links.issue("reset-password", account.id);
    if (link === undefined || account.email === undefined) continue;
    letters.set(account.email, [...(letters.get(account.email) ?? []), link]);
  }
  const site = { name: web.siteName, origin: mail.origin, say, prefix };
  for (const [to, links] of letters)
    await mail.enqueue(resetLetter(site, to, links), { goodForS: MAIL_LINK_S });
}

export function addForgotPassword(app: Hono<SiteEnv>, web: Web): void {
  app.get("/forgot-password", (c) => askPage(web, c));

  app.post("/forgot-password", (c) => {
    if (web.mail === undefined) return askPage(web, c);
    const email = (c.get("form").get("email") ?? "").trim();
    const accepted = acceptEmail(email);
    if (!accepted.ok || accepted.value === undefined)
      return askPage(web, c, email.slice(0, 254), "email-invalid");
    if (!web.mailThrottle.mayAsk(web.clientAddress(c))) return errorPage(web, c, "mail-slow");
    const language = languageOf(c);
    setImmediate(() => {
      sendLinks(web, email, language).catch((error: unknown) =>
        web.log("mail-undelivered", { reason: reasonOf(error) }),
      );
    });
    return page(web, c, { title: "Look into your mailbox", section: "log-in", body: answer(sayIn(c)) });
  });
}
