import type { Hono } from "hono";
import { type AccountView, EXTENSION_DAYS_MOST } from "../../accounts/accounts.ts";
import type { Result } from "../../lib/result.ts";
import { day, dayAndTime } from "../dates.ts";
import { type Html, html } from "../html.ts";
import { line, numberField, sureBox, wholeNumber } from "./fields.ts";
import { adminPage, buttonForm, notice, problem, tokenOf } from "./layout.ts";
import type { AdminContext, AdminEnv, AdminOptions } from "./options.ts";

type Shown = AccountView & { devices?: number };

/** A name stands in forms alone: an address is kept by browsers, and shown. */
function findForm(c: AdminContext): Html {
  return html`<div class="columns">
<form class="panel" method="post" action="accounts">${tokenOf(c)}<h2>By username</h2>
<div class="field"><label for="name">Username</label><input id="name" name="name" required autocomplete="off" autocapitalize="none" spellcheck="false"></div>
<button class="button">Find</button></form>
<form class="panel" method="post" action="accounts">${tokenOf(c)}<h2>By published credentials</h2>
<div class="field"><label for="vpn">VPN username</label><p class="hint" id="vpn-hint">Twelve characters, as somebody has published them.</p>
<input id="vpn" name="vpnUsername" required autocomplete="off" autocapitalize="none" spellcheck="false" aria-describedby="vpn-hint"></div>
<button class="button">Find</button></form></div>`;
}

function accountPanel(c: AdminContext, account: Shown, nowS: number): Html {
  const { name, paidUntil, terminated } = account;
  const act = (action: string, label: string, look: "quiet" | "danger" = "quiet") =>
    buttonForm(c, { action: "account", label, fields: { name, action }, look });
  const access = terminated
    ? html`<span class="badge bad">terminated: no access</span>`
    : paidUntil !== undefined && paidUntil > nowS
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
  terminate:
    "Terminated: no new login, and live sessions end within two seconds. The account is deleted after 30 days.",
  reinstate: "Access is back, as far as it is paid.",
  renew: "New VPN credentials. Every device needs the new ones.",
  delete: "Deleted.",
};

export function addAccounts(app: Hono<AdminEnv>, admin: AdminOptions): void {
  const page = (
    c: AdminContext,
    said: { done?: string | undefined; error?: string; account?: Shown } = {},
  ) => {
    const nowS = Math.floor(admin.clock.now() / 1000);
    const body = html`<h1>Accounts</h1>
${notice(said.done)}${problem(said.error)}
${said.account !== undefined && accountPanel(c, said.account, nowS)}
${findForm(c)}
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
