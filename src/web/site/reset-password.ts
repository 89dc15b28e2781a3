import type { Context, Hono } from "hono";
import { PASSWORD_CHARACTERS } from "../../accounts/rules.ts";
import { field, formError, tokenField } from "../forms.ts";
import { html } from "../html.ts";
import { sayIn } from "../languages/page-language.ts";
import { page } from "../layout.ts";
import type { SiteEnv } from "../options.ts";
import type { Web } from "../web.ts";
import { WORDING } from "../wording.ts";

type Problem = "password-short" | "password-long" | "password-is-name";

function linkOver(web: Web, c: Context<SiteEnv>): Response {
  const say = sayIn(c);
  return page(web, c, {
    title: "This link is over",
    section: "log-in",
    body: html`<div class="narrow"><h1>${say`This link is over`}</h1>
<p class="lead">${say`It was used already, is older than half an hour, or was not copied whole. Nothing was changed.`}</p>
<p><a class="button" href="/forgot-password">${say`Ask for another`}</a></p></div>`,
    status: 410,
  });
}

/** Says nothing of the account: this is what a mail provider sees whose programs open links to look at them. */
function startPage(web: Web, c: Context<SiteEnv>, link: string): Response {
  const say = sayIn(c);
  const body = html`<div class="narrow"><h1>${say`Choose a new password`}</h1>
<p class="lead">${say`For the account that this link was sent for. It is good once.`}</p>
<form class="panel" method="post" action="/reset-password">
${tokenField(web.cookies.visitorToken(c))}
<input type="hidden" name="link" value="${link}">
<button class="button">${say`Go on`}</button></form></div>`;
  return page(web, c, { title: "Choose a new password", section: "log-in", body });
}

function choosePage(web: Web, c: Context<SiteEnv>, link: string, name: string, problem?: Problem): Response {
  const say = sayIn(c);
  const body = html`<div class="narrow"><h1>${say`Choose a new password`}</h1>
<p class="lead">${say`For the account <strong>${name}</strong>.`}</p>
${formError(problem && say.text("Nothing was changed. See below why."))}
<form class="panel" method="post" action="/reset-password">
${tokenField(web.cookies.visitorToken(c))}
<input type="hidden" name="link" value="${link}">
<input type="hidden" name="username" value="${name}" autocomplete="username">
${field(
  {
    name: "new",
    label: "New password",
    type: "password",
    required: true,
    autocomplete: "new-password",
    hint: say`${PASSWORD_CHARACTERS.least} characters or more.`,
    error: problem && WORDING[problem],
  },
  say,
)}
<div class="check"><input type="checkbox" id="renew-vpn" name="renew-vpn" value="yes" aria-describedby="renew-vpn-hint">
<div><label for="renew-vpn">${say`Make new VPN credentials, too`}</label>
<span class="hint" id="renew-vpn-hint">${say`Choose this if somebody else may have been in your account. Every device then needs the new VPN username and password.`}</span></div></div>
<button class="button">${say`Set the password`}</button></form>
<p>${say`Wherever you are logged in to this site, you are then logged out. Your devices stay online.`}</p></div>`;
  const title = problem === undefined ? "Choose a new password" : "Error: choose a new password";
  return page(web, c, { title, section: "log-in", body, status: problem === undefined ? 200 : 422 });
}

/** Opening the link changes and tells nothing (mail programs open links by themselves to look at them); the forms that follow do. */
export function addResetPassword(app: Hono<SiteEnv>, web: Web): void {
  app.get("/reset-password", async (c) => {
    const link = c.req.query("link") ?? "";
    const found = await web.mail?.links.open("reset-password", link);
    return found === undefined ? linkOver(web, c) : startPage(web, c, link);
  });

  app.post("/reset-password", async (c) => {
    const form = c.get("form");
    const link = form.get("link") ?? "";
    const found = await web.mail?.links.open("reset-password", link);
    if (found === undefined) return linkOver(web, c);
    const { account, stamp } = found;
    const password = form.get("new");
    if (password === null) return choosePage(web, c, link, account.name);
    const changed = await web.accounts.login.resetPassword(account.id, stamp, password, {
      renewVpn: form.get("renew-vpn") === "yes",
    });
    if (changed.ok) {
      web.cookies.logOut(c);
      return c.redirect("/log-in?why=reset", 303);
    }
    if (changed.error === "link-over") return linkOver(web, c);
    return choosePage(web, c, link, account.name, changed.error);
  });
}
