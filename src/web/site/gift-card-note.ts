import { type Html, html } from "../html.ts";
import type { Say } from "../languages/language.ts";

/** For whoever was given a gift card and looks where to spend it: there is nothing to buy. `member`: is logged in. */
export const giftCardNote = (say: Say, member: boolean): Html =>
  html`<p><strong>${say`You were given a gift card?`}</strong> ${
    member
      ? say`Then there is nothing to buy: <a href="/member#voucher">redeem its code in your account</a>.`
      : say`Then there is nothing to buy, and you need no account beforehand: <a href="/sign-up#voucher">sign up with its code</a>, and its days count at once. If you have an account, <a href="/log-in">log in</a> and redeem the code there.`
  }</p>`;
