import type { Context, Hono } from "hono";
import { errorPage } from "../errors.ts";
import { field, formError, tokenField } from "../forms.ts";
import { html } from "../html.ts";
import { sayIn } from "../languages/page-language.ts";
import { page } from "../layout.ts";
import { tryLogIn } from "../log-in-attempt.ts";
import type { SiteEnv } from "../options.ts";
import type { Web } from "../web.ts";
import { WORDING } from "../wording.ts";

function logInPage(web: Web, c: Context<SiteEnv>, name = "", problem?: "login-wrong"): Response {
  const say = sayIn(c);
  const ended = c.req.query("why") === "ended";
  const body = html`<div class="narrow">
<h1>${say`Log in`}</h1>
${ended && html`<div class="notice warn"><p>${say`Your session is over: it ends after a day, when you log out, and when the password is changed. Log in again to go on.`}</p></div>`}
${c.req.query("why") === "reset" && html`<div class="notice" role="status"><p>${say`Your password is changed. Log in with the new one.`}</p></div>`}
${formError(problem && say.text(WORDING[problem]))}
<form class="panel" method="post" action="/log-in">
${tokenField(web.cookies.visitorToken(c))}
${field({ name: "name", label: "Username", required: true, autocomplete: "username", value: name }, say)}
${field({ name: "password", label: "Password", type: "password", required: true, autocomplete: "current-password" }, say)}
<button class="button">${say`Log in`}</button>
</form>
<p>${say`This is for your account. Your devices log in to the VPN and the proxies with the <em>VPN username and password</em> that you find in your account.`}</p>
<p><a href="/forgot-password">${say`Forgot your password?`}</a></p>
<p>${say`No account yet? <a href="/sign-up">Create one</a>.`}</p>
</div>`;
  const title = problem === undefined ? "Log in" : "Error: log in";
  return page(web, c, { title, section: "log-in", body, status: problem === undefined ? 200 : 422 });
}

export function addLogIn(app: Hono<SiteEnv>, web: Web): void {
  app.get("/log-in", (c) => logInPage(web, c));

  app.post("/log-in", async (c) => {
    const form = c.get("form");
    const name = (form.get("name") ?? "").trim();
    const found = await tryLogIn(web, c, name, form.get("password") ?? "");
    if (!found.ok) {
      return found.error === "slow-down"
        ? errorPage(web, c, "slow-down")
        : logInPage(web, c, name, found.error);
    }
    web.cookies.logIn(c, web.seal.start(found.value.account.id, found.value.stamp));
    return c.redirect("/member", 303);
  });

  app.post("/log-out", (c) => {
    web.cookies.logOut(c);
    return c.redirect("/", 303);
  });

  // Password managers look here (W3C "A Well-Known URL for Changing Passwords").
  app.get("/.well-known/change-password", (c) => c.redirect("/member/settings#password"));

  app.get("/account-gone", (c) => errorPage(web, c, "gone"));
}
