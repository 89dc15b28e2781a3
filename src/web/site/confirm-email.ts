import type { Context, Hono } from "hono";
import { tokenField } from "../forms.ts";
import { type Html, html } from "../html.ts";
import { sayIn } from "../languages/page-language.ts";
import { page } from "../layout.ts";
import type { SiteEnv } from "../options.ts";
import type { Web } from "../web.ts";

function answer(web: Web, c: Context<SiteEnv>, title: string, text: Html, status: 200 | 410 = 200): Response {
  const body = html`<div class="narrow"><h1>${sayIn(c).text(title)}</h1>${text}</div>`;
  return page(web, c, { title, body, status });
}

function linkOver(web: Web, c: Context<SiteEnv>): Response {
  const say = sayIn(c);
  const text = html`<p class="lead">${say`It was used already, is older than half an hour, or was not copied whole. Nothing was changed.`}</p>
<p>${say`If the address is not confirmed yet, your account's <a href="/member/settings#email">settings</a> send another.`}</p>`;
  return answer(web, c, "This link is over", text, 410);
}

/** Opening the link changes nothing and names no account (mail programs open links by themselves to look at them); the form on its page does. */
export function addConfirmEmail(app: Hono<SiteEnv>, web: Web): void {
  app.get("/confirm-email", async (c) => {
    const link = c.req.query("link") ?? "";
    const found = await web.mail?.links.open("confirm-email", link);
    if (found === undefined) return linkOver(web, c);
    const { email } = found.account;
    const say = sayIn(c);
    return answer(
      web,
      c,
      "Confirm your address",
      html`<p class="lead">${say`Did you enter <strong>${email}</strong> for your account here?`}</p>
<p>${say`Whoever reads this address can then set a new password for that account, and is reminded before its paid time ends.`}</p>
<form class="panel" method="post" action="/confirm-email">${tokenField(web.cookies.visitorToken(c))}
<input type="hidden" name="link" value="${link}">
<button class="button">${say`Yes, confirm it`}</button></form>
<p>${say`If it is not yours, close this page: you will not hear from us again.`}</p>`,
    );
  });

  app.post("/confirm-email", async (c) => {
    const found = await web.mail?.links.open("confirm-email", c.get("form").get("link") ?? "");
    if (found?.account.email === undefined) return linkOver(web, c);
    const { id, email } = found.account;
    if (!(await web.accounts.login.confirmEmail(id, email))) return linkOver(web, c);
    const say = sayIn(c);
    const text = html`<p class="lead">${say`A forgotten password can be reset through it now.`}</p><p><a class="button" href="/member">${say`To your account`}</a></p>`;
    return answer(web, c, "Your address is confirmed", text);
  });
}
