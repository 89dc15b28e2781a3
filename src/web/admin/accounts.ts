import type { Hono } from "hono";
import type { AccountView } from "../../accounts/account-view.ts";
import { EXTENSION_DAYS_MOST } from "../../accounts/accounts.ts";
import { randomPassword } from "../../lib/random-password.ts";
import type { Result } from "../../lib/result.ts";
import { accessUntil } from "../../policy/expiry.ts";
import { LIFETIMES } from "../../policy/lifetimes.ts";
import { day, dayAndTime } from "../dates.ts";
import { type Html, html } from "../html.ts";
import { findForm, newAccountForm, renewAllForm } from "./account-forms.ts";
import { line, numberField, sureBox, wholeNumber } from "./fields.ts";
import { adminPage, buttonForm, notice, problem, tokenOf } from "./layout.ts";
import type { AdminContext, AdminEnv, AdminOptions } from "./options.ts";

type Shown = AccountView & { devices?: number };

function accountPanel(c: AdminContext, account: Shown, nowS: number): Html {
  const { name, paidUntil, terminated } = account;
  const act = (action: string, label: string, look: "quiet" | "danger" = "quiet") =>
    buttonForm(c, { action: "account", label, fields: { name, action }, look });
  const access = terminated
    ? html`<span class="badge bad">terminated: no access</span>`
    : paidUntil !== undefined && accessUntil(paidUntil, account.renews) > nowS
      ? html`<span class="badge good">has access</span>`
      : html`<span class="badge warn">not paid</span>`;
  return html`<section class="panel"><h2>${name}</h2>
<p>${access}</p>
<dl class="values">
<div><dt>E-mail</dt><dd>${account.email ?? "none given"}</dd></div>
<div><dt>Paid until</dt><dd>${paidUntil === undefined ? "never paid" : dayAndTime(paidUntil)}</dd></div>
<div><dt>Deleted after</dt><dd>${day(account.deleteAfter)}</dd></div>
${account.devices !== undefined && html`<div><dt>WireGuard devices</dt><dd>${account.devices}</dd></div>`}
${account.renews && html`<div><dt>PayPal</dt><dd>A subscription runs. Deleting the account does not end it; its next charge is given back, and ends it.</dd></div>`}
</dl>
<form method="post" action="account">${tokenOf(c)}<input type="hidden" name="name" value="${name}"><input type="hidden" name="action" value="extend">
${numberField({ name: "days", label: "Extend by so many days", value: 30, least: 1, most: EXTENSION_DAYS_MOST })}<button class="button small">Extend</button></form>
<div class="actions">${terminated ? act("reinstate", "Reinstate: access as paid") : act("terminate", "Terminate: no access from now on", "danger")}
${act("renew", "New VPN credentials; the old ones stop at once")}</div>
<form method="post" action="account">${tokenOf(c)}<input type="hidden" name="name" value="${name}"><input type="hidden" name="action" value="delete">
${sureBox("sure", "Delete the account and all that is stored about it, now. It cannot be undone.")}<button class="button small danger">Delete</button></form>
</section>`;
}

const DONE: Record<string, string> = {
  extend: "Extended.",
  terminate: `Terminated: no new login, and live sessions end within two seconds. The account is deleted after ${LIFETIMES.unpaidAccount.days + 1} days.`,
  reinstate: "Access is back, as far as it is paid.",
  renew: "New VPN credentials. Every device needs the new ones.",
  delete: "Deleted.",
};

interface Said {
  done?: string | undefined;
  error?: string;
  account?: Shown;
  /** One that was made for the account. */
  password?: string;
  /** A new account that was refused. */
  typed?: URLSearchParams;
}

const passwordPanel = (password: string): Html =>
  html`<section class="panel"><h2>Its password</h2><p>It is shown this once. Whoever logs in with it can choose another in the settings.</p>
<pre><code>${password}</code></pre></section>`;

export function addAccounts(app: Hono<AdminEnv>, admin: AdminOptions): void {
  const page = (c: AdminContext, said: Said = {}) => {
    const nowS = Math.floor(admin.clock.now() / 1000);
    const body = html`<h1>Accounts</h1>
${notice(said.done)}${problem(said.error)}
${said.account !== undefined && accountPanel(c, said.account, nowS)}
${said.password !== undefined && passwordPanel(said.password)}
${findForm(c)}
<div class="columns">${newAccountForm(c, said.typed)}${renewAllForm(c)}</div>
<p class="muted small">There is no list of accounts: who asks for one by its name is shown what is stored about it, and nothing else.</p>`;
    return adminPage(admin, c, { title: "Accounts", body, status: said.error === undefined ? 200 : 422 });
  };
  const find = (name: string) => admin.ask<Shown>("POST", "/accounts/show", { name });

  app.get("/accounts", (c) => page(c));

  app.post("/accounts", async (c) => {
    const form = c.get("form");
    const vpnUsername = line(form, "vpnUsername");
    let found: Result<Shown, string>;
    if (vpnUsername === "") found = await find(line(form, "name"));
    else {
      found = await admin.ask<Shown>("POST", "/accounts/find", { vpnUsername });
      if (found.ok) found = await find(found.value.name);
    }
    return found.ok ? page(c, { account: found.value }) : page(c, { error: found.error });
  });

  app.post("/account-new", async (c) => {
    const form = c.get("form");
    const [name, email] = [line(form, "name"), line(form, "email")];
    const days = wholeNumber(form, "days", 0, EXTENSION_DAYS_MOST);
    const refused = (error: string) => page(c, { error, typed: form });
    if (days === undefined) return refused(`The days are a whole number from 0 to ${EXTENSION_DAYS_MOST}.`);
    const chosen = form.get("password") ?? "";
    const password = chosen === "" ? randomPassword() : chosen;
    const made = await admin.ask("POST", "/accounts/add", {
      name,
      password,
      ...(email !== "" && { email }),
      ...(days > 0 && { days }),
    });
    if (!made.ok) return refused(made.error);
    const account = await find(name);
    return page(c, {
      done: "The account is made.",
      ...(chosen === "" && { password }),
      ...(account.ok && { account: account.value }),
    });
  });

  app.post("/accounts-renew", async (c) => {
    if (line(c.get("form"), "sure") !== "yes")
      return page(c, { error: "Nothing was renewed: tick the box to say that you mean it." });
    const done = await admin.ask<{ renewed: number }>("POST", "/accounts/renew-all", {});
    if (!done.ok) return page(c, { error: done.error });
    const { renewed } = done.value;
    return page(c, {
      done: `New VPN credentials for ${renewed} ${renewed === 1 ? "account" : "accounts"}. Every device needs the new ones.`,
    });
  });

  app.post("/account", async (c) => {
    const form = c.get("form");
    const name = line(form, "name");
    const action = line(form, "action");
    const refused = async (error: string) => {
      const account = await find(name);
      return page(c, { error, ...(account.ok && { account: account.value }) });
    };
    if (!Object.hasOwn(DONE, action)) return refused("There is no such action.");
    if (action === "delete" && line(form, "sure") !== "yes")
      return refused("Nothing was deleted: tick the box to say that you mean it.");
    const days = wholeNumber(form, "days", 1, EXTENSION_DAYS_MOST);
    if (action === "extend" && days === undefined)
      return refused(`The days are a whole number from 1 to ${EXTENSION_DAYS_MOST}.`);
    const done = await admin.ask("POST", `/accounts/${action}`, {
      name,
      ...(action === "extend" && { days }),
    });
    if (!done.ok) return refused(done.error);
    const account = action === "delete" ? undefined : await find(name);
    return page(c, { done: DONE[action], ...(account?.ok && { account: account.value }) });
  });
}
