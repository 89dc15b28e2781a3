import { EXTENSION_DAYS_MOST } from "../../accounts/accounts.ts";
import { NAME_CHARACTERS, PASSWORD_CHARACTERS } from "../../accounts/rules.ts";
import { type Html, html } from "../html.ts";
import { line, numberField, sureBox } from "./fields.ts";
import { tokenOf } from "./layout.ts";
import type { AdminContext } from "./options.ts";

/** A name stands in forms alone: an address is kept by browsers, and shown. */
export function findForm(c: AdminContext): Html {
  return html`<div class="columns">
<form class="panel" method="post" action="accounts">${tokenOf(c)}<h2>By username</h2>
<div class="field"><label for="name">Username</label><input id="name" name="name" required autocomplete="off" autocapitalize="none" spellcheck="false"></div>
<button class="button">Find</button></form>
<form class="panel" method="post" action="accounts">${tokenOf(c)}<h2>By published credentials</h2>
<div class="field"><label for="vpn">VPN username</label><p class="hint" id="vpn-hint">Twelve characters, as somebody has published them.</p>
<input id="vpn" name="vpnUsername" required autocomplete="off" autocapitalize="none" spellcheck="false" aria-describedby="vpn-hint"></div>
<button class="button">Find</button></form></div>`;
}

/** `typed`: what was refused; a password is typed again. */
export const newAccountForm = (c: AdminContext, typed = new URLSearchParams()): Html =>
  html`<form class="panel" method="post" action="account-new">${tokenOf(c)}<h2>New account</h2>
<div class="field"><label for="new-name">Username</label><p class="hint" id="new-name-hint">${NAME_CHARACTERS.least} to ${NAME_CHARACTERS.most} letters a to z, digits, dots, dashes and underscores.</p>
<input id="new-name" name="name" required autocomplete="off" autocapitalize="none" spellcheck="false" value="${line(typed, "name")}" aria-describedby="new-name-hint"></div>
<div class="field"><label for="new-password">Password <span class="muted">(optional)</span></label><p class="hint" id="new-password-hint">At least ${PASSWORD_CHARACTERS.least} characters. Empty: one is made, and shown once.</p>
<input id="new-password" name="password" type="password" autocomplete="new-password" aria-describedby="new-password-hint"></div>
<div class="field"><label for="new-email">E-mail address <span class="muted">(optional)</span></label>
<input id="new-email" name="email" type="email" autocomplete="off" value="${line(typed, "email")}"></div>
${numberField({ name: "days", id: "new-days", label: "Days of access", hint: "0: none yet.", value: line(typed, "days") || 30, least: 0, most: EXTENSION_DAYS_MOST })}
<button class="button">Make the account</button></form>`;

export const renewAllForm = (c: AdminContext): Html =>
  html`<form class="panel" method="post" action="accounts-renew">${tokenOf(c)}<h2>After a seizure</h2>
<p>New VPN credentials for every account. The old ones stop at once, live sessions end, and every member’s every device needs the new ones. <a href="servers">Rotate the server</a> first.</p>
${sureBox("sure-all", "Every member has to set up every device anew.")}<button class="button danger">Renew all VPN credentials</button></form>`;
