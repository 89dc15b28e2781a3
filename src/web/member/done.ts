import { type Html, html } from "../html.ts";
import type { Say } from "../languages/language.ts";

/** What was just done, told on the page that one is led to after a form. The address carries a word of this list, no text. */
export const DONE: Record<string, string> = {
  "signed-up": "Your account is ready. Keep its username and password safe.",
  "signed-up-mail":
    "Your account is ready. Keep its username and password safe. A letter is on its way to your e-mail address: open its link within half an hour to confirm it.",
  voucher: "The voucher is counted: see below until when your account is paid.",
  "voucher-again": "This voucher is already counted on this account. Nothing was counted twice.",
  password:
    "Your password is changed. Everywhere else you were logged in to this site, you are now logged out.",
  "password-vpn":
    "Your password is changed, and you have new VPN credentials: every device needs the new ones before it gets online again.",
  "device-removed": "The device is removed, and cut off on every server.",
  email: "Your e-mail address is saved.",
  "email-link":
    "Your e-mail address is saved. A letter is on its way to it: open its link within half an hour to confirm the address.",
  "email-removed": "Your e-mail address is deleted.",
};

export function doneNotice(say: Say, word: string | undefined): Html | undefined {
  const text = word !== undefined && Object.hasOwn(DONE, word) ? DONE[word] : undefined;
  return text === undefined
    ? undefined
    : html`<div class="notice" role="status"><p>${say.text(text)}</p></div>`;
}
