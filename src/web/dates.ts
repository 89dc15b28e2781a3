import { clockTime, longDate, longDateAndTime } from "../lib/locale.ts";
import { type Html, html } from "./html.ts";
import { PLAIN_ENGLISH, type Say } from "./languages/language.ts";

const DAY_S = 86_400;

const iso = (seconds: number): string => `${new Date(seconds * 1000).toISOString().slice(0, 16)}Z`;

/** `12 March 2027`. All times on the pages are UTC: the machine knows no member's zone. */
export const day = (seconds: number, say: Say = PLAIN_ENGLISH.say): Html =>
  html`<time datetime="${iso(seconds)}">${longDate(say).format(seconds * 1000)}</time>`;

/** `12 March 2027 at 14:05 UTC`. */
export const dayAndTime = (seconds: number, say: Say = PLAIN_ENGLISH.say): Html =>
  html`<time datetime="${iso(seconds)}">${longDateAndTime(say).format(seconds * 1000)} UTC</time>`;

/** `14:05 UTC`. */
export const timeOfDay = (seconds: number, say: Say = PLAIN_ENGLISH.say): Html =>
  html`<time datetime="${iso(seconds)}">${clockTime(say).format(seconds * 1000)} UTC</time>`;

/** `95 days left`, `less than a day left`, rounded down. */
export function timeLeft(say: Say, seconds: number): string {
  const days = Math.floor(seconds / DAY_S);
  if (days < 1) return say.text("less than a day left");
  return days === 1 ? say.text("1 day left") : say.text("{0} days left", days);
}
