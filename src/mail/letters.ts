import { MAIL_LINK_MINUTES } from "../policy/lifetimes.ts";
import type { Letter } from "./letter.ts";

/** The texts of what the office writes. None of them holds an account's name: mail lies about in many places. */
export interface Site {
  /** The provider's name. */
  name: string;
  /** `https://vpn.example.net`, without a slash at the end. */
  origin: string;
}

const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeZone: "UTC" });

const letter = (to: string, subject: string, ...paragraphs: string[]): Letter => ({
  to,
  // The provider's name is the operator's: one line by lethe.toml's own check.
  subject,
  text: `${paragraphs.join("\n\n")}\n`,
});

export const confirmLetter = (site: Site, to: string, link: string): Letter =>
  letter(
    to,
    `${site.name}: confirm your address`,
    `Somebody entered this address for an account at ${site.name}. If it was you, open this page and confirm it:`,
    `${site.origin}/confirm-email?link=${link}`,
    `The link is good for ${MAIL_LINK_MINUTES} minutes, once. A forgotten password can be reset through a confirmed address, and you are reminded before your paid time ends.`,
    "If it was not you, do nothing: you will not hear from us again.",
  );

export const resetLetter = (site: Site, to: string, links: readonly string[]): Letter =>
  letter(
    to,
    `${site.name}: a new password`,
    `Somebody asked for a new password for an account with this address at ${site.name}. If it was you, open this page:`,
    ...links.map((link) => `${site.origin}/reset-password?link=${link}`),
    ...(links.length > 1 ? ["There is a link for each of your accounts with this address."] : []),
    `${links.length > 1 ? "Each" : "The link"} is good for ${MAIL_LINK_MINUTES} minutes, once.`,
    "If it was not you, do nothing: your password stays as it is.",
  );

/** `paidUntil`: UTC seconds. */
export const reminderLetter = (site: Site, to: string, paidUntil: number, daysLeft: number): Letter =>
  letter(
    to,
    `${site.name}: your access ends on ${day.format(paidUntil * 1000)}`,
    `Your paid time at ${site.name} ends on ${day.format(paidUntil * 1000)}, ${daysLeft <= 1 ? "within a day" : `in ${daysLeft} days`}. Nothing renews by itself, and nothing is charged.`,
    `To go on, log in and renew:\n${site.origin}/member`,
    "If you do not, your access ends then, and the account is deleted some time later; the page says when. To get no such reminders, take the address out of your account's settings.",
  );

/** That there is an answer; nothing of what was asked, and what was answered only as `text`: else that is read with the ticket's secret. */
export const answerLetter = (
  site: Site,
  { to, number, text }: { to: string; number: string; text?: string },
): Letter =>
  letter(
    to,
    `${site.name}: an answer to your ticket`,
    ...(text === undefined
      ? [
          `There is an answer to your ticket ${number} at ${site.name}. Read it with the ticket's number and the secret that you were shown when you wrote to us:`,
        ]
      : [
          `This is the answer to your ticket ${number} at ${site.name}, sent to you as you wished:`,
          `---\n${text}\n---`,
          "To write more, go to your ticket with its number and the secret that you were shown when you wrote to us; an answer to this e-mail reaches nobody:",
        ]),
    `${site.origin}/ticket`,
    "This address is forgotten when the ticket is closed.",
  );

/** To the operator: that there is something to read, and nothing of it. */
export const lettersLetter = (site: Site, to: string): Letter =>
  letter(
    to,
    `${site.name}: a letter is waiting`,
    `Somebody has written on the contact page of ${site.name} (${site.origin}). \`lethe ticket list\` shows what waits for an answer, and so do the admin pages.`,
    "You are told at most once an hour, however many there are.",
  );

export const testLetter = (site: Site, to: string): Letter =>
  letter(
    to,
    `${site.name}: a test`,
    `This is a test of the mail settings of ${site.name} (${site.origin}). It works.`,
  );
