import type { Context, Hono } from "hono";
import { NAME_CHARACTERS, PASSWORD_CHARACTERS } from "../../accounts/rules.ts";
import { LIFETIMES } from "../../policy/lifetimes.ts";
import { errorPage } from "../errors.ts";
import { field, formErrors, tokenField } from "../forms.ts";
import { html } from "../html.ts";
import { sayIn } from "../languages/page-language.ts";
import { page } from "../layout.ts";
import { tryLogIn } from "../log-in-attempt.ts";
import type { SiteEnv } from "../options.ts";
import { isSignUpRefusal, type SignUpProblem, trySignUp } from "../sign-up-attempt.ts";
import type { Web } from "../web.ts";
import { WORDING } from "../wording.ts";

interface Typed {
  name: string;
  email: string;
  voucher: string;
}

const FIELDS = ["name", "password", "email", "voucher"] as const;

const FIELD_OF: Record<SignUpProblem, (typeof FIELDS)[number]> = {
  "name-taken": "name",
  "name-invalid": "name",
  "password-short": "password",
  "password-long": "password",
  "password-is-name": "password",
  "email-invalid": "email",
  "voucher-unknown": "voucher",
  "voucher-used": "voucher",
  "voucher-coupon": "voucher",
};

function signUpPage(
  web: Web,
  c: Context<SiteEnv>,
  typed?: Typed,
  problems: readonly SignUpProblem[] = [],
): Response {
  const say = sayIn(c);
  const errorOf = (name: string) => {
    const problem = problems.find((each) => FIELD_OF[each] === name);
    return problem && WORDING[problem];
  };
  const wrong = FIELDS.flatMap((name) => {
    const error = errorOf(name);
    return error === undefined ? [] : [[name, say.text(error)] as const];
  });
  const body = html`<h1>${say`Create an account`}</h1>
<p class="lead">${say`A username and a password. No name, no address, and no e-mail unless you want to.`}</p>
${wrong.length > 0 && formErrors(say.text("The account was not created. See below what to change."), wrong)}
<div class="with-aside">
<div class="narrow"><form class="panel" method="post" action="/sign-up">
${tokenField(web.cookies.visitorToken(c))}
${field(
  {
    name: "name",
    label: "Username",
    required: true,
    autocomplete: "username",
    value: typed?.name ?? "",
    hint: say.text(
      "{0} to {1} letters a–z, digits, dots, dashes or underscores. Choose one you use nowhere else.",
      NAME_CHARACTERS.least,
      NAME_CHARACTERS.most,
    ),
    error: errorOf("name"),
  },
  say,
)}
${field(
  {
    name: "password",
    label: "Password",
    type: "password",
    required: true,
    autocomplete: "new-password",
    hint: say.text(
      "{0} characters or more. A few random words are good; a password manager is better.",
      PASSWORD_CHARACTERS.least,
    ),
    error: errorOf("password"),
  },
  say,
)}
${field(
  {
    name: "email",
    label: "E-mail address",
    type: "email",
    autocomplete: "email",
    value: typed?.email ?? "",
    hint:
      web.mail === undefined
        ? "For reaching you about your account, and for nothing else; this site sends no mail by itself. A forgotten password cannot be reset: keep it safe."
        : "For resetting a forgotten password and reminding you before your paid time ends, once you have opened the link that we send. Without it there is no reset: keep your password safe.",
    error: errorOf("email"),
  },
  say,
)}
${field(
  {
    name: "voucher",
    label: "Voucher",
    autocomplete: "off",
    value: typed?.voucher ?? "",
    hint: say.text(
      "The code of a gift card or voucher, if you have one. Adds its days at once. You can also redeem one later. Without paid time there is no access, and the account is deleted after {0} days.",
      LIFETIMES.unpaidAccount.days + 1,
    ),
    error: errorOf("voucher"),
  },
  say,
)}
<button class="button">${say`Create account`}</button>
</form>
<p>${say`You have an account? <a href="/log-in">Log in</a>.`}</p>
</div>
<aside class="panel" aria-labelledby="stored"><h2 id="stored">${say`What we will store`}</h2>
<ul class="facts">
<li>${say`The username`}</li>
<li>${say`The password, as a hash that cannot be turned back`}</li>
<li>${say`The e-mail address, if you give one`}</li>
<li>${say`The end of your paid time`}</li>
</ul>
<p>${say`Never when you log in or connect, nor from where. <a href="/privacy">The complete list, and for how long</a>`}</p></aside>
</div>`;
  return page(web, c, {
    title: wrong.length === 0 ? "Create an account" : "Error: create an account",
    section: "sign-up",
    body,
    status: wrong.length === 0 ? 200 : 422,
  });
}

export function addSignUp(app: Hono<SiteEnv>, web: Web): void {
  app.get("/sign-up", async (c) =>
    (await web.switches.isOn("sign-up")) ? signUpPage(web, c) : errorPage(web, c, "sign-up-closed"),
  );

  app.post("/sign-up", async (c) => {
    const form = c.get("form");
    const typed: Typed = {
      name: (form.get("name") ?? "").trim(),
      email: (form.get("email") ?? "").trim(),
      voucher: (form.get("voucher") ?? "").trim(),
    };
    const password = form.get("password") ?? "";
    const input = { name: typed.name, password, email: typed.email };
    const { made, problems } = await trySignUp(web, c, { ...input, voucher: typed.voucher });

    if (made.ok) {
      const fresh = await web.accounts.stampOf(made.value.id);
      if (fresh !== undefined) web.cookies.logIn(c, web.seal.start(made.value.id, fresh.stamp));
      const written = web.mail !== undefined && typed.email !== "";
      return c.redirect(`/member?done=${written ? "signed-up-mail" : "signed-up"}`, 303);
    }
    // A form that is sent twice meets its own first half: the name is taken, the voucher used. Whoever knows the new
    // account's password is simply logged in.
    if (made.error === "name-taken" || made.error === "voucher-used") {
      const known = await tryLogIn(web, c, typed.name, password);
      if (known.ok) {
        web.cookies.logIn(c, web.seal.start(known.value.account.id, known.value.stamp));
        return c.redirect("/member", 303);
      }
    }
    if (isSignUpRefusal(made.error)) return errorPage(web, c, made.error);
    return signUpPage(web, c, typed, problems);
  });
}
