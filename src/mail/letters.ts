import { longDate } from "../lib/locale.ts";
import { MAIL_LINK_MINUTES } from "../policy/lifetimes.ts";
import type { Letter } from "./letter.ts";

/** The texts of what the office writes. None of them holds an account's name: mail lies about in many places. */

/** Says a sentence in a letter's language; English sentences are what it goes by, as on the pages. */
export interface Words {
  /** BCP 47. */
  tag: string;
  text(sentence: string, ...values: (string | number)[]): string;
}

export interface Site {
  /** The provider's name. */
  name: string;
  /** `https://vpn.example.net`, without a slash at the end. */
  origin: string;
}

/** As members and visitors are written to. */
export interface SpokenSite extends Site {
  /** Nothing is stored of who reads which language: that of the page where the letter was asked for, or else the site's own. */
  say: Words;
  /** What addresses in that language begin with: `/de`, or nothing. */
  prefix: string;
}

const letter = (to: string, subject: string, ...paragraphs: string[]): Letter => ({
  to,
  // The provider's name is the operator's: one line by lethe.toml's own check.
  subject,
  text: `${paragraphs.join("\n\n")}\n`,
});

const at = ({ origin, prefix }: SpokenSite, path: string): string => `${origin}${prefix}${path}`;

export function confirmLetter(site: SpokenSite, to: string, link: string): Letter {
  const { say, name } = site;
  return letter(
    to,
    say.text("{0}: confirm your address", name),
    say.text(
      "Somebody entered this address for an account at {0}. If it was you, open this page and confirm it:",
      name,
    ),
    at(site, `/confirm-email?link=${link}`),
    say.text(
      "The link is good for {0} minutes, once. A forgotten password can be reset through a confirmed address, and you are reminded before your paid time ends.",
      MAIL_LINK_MINUTES,
    ),
    say.text("If it was not you, do nothing: you will not hear from us again."),
  );
}

export function resetLetter(site: SpokenSite, to: string, links: readonly string[]): Letter {
  const { say, name } = site;
  return letter(
    to,
    say.text("{0}: a new password", name),
    say.text(
      "Somebody asked for a new password for an account with this address at {0}. If it was you, open this page:",
      name,
    ),
    ...links.map((link) => at(site, `/reset-password?link=${link}`)),
    ...(links.length > 1
      ? [
          say.text("There is a link for each of your accounts with this address."),
          say.text("Each is good for {0} minutes, once.", MAIL_LINK_MINUTES),
        ]
      : [say.text("The link is good for {0} minutes, once.", MAIL_LINK_MINUTES)]),
    say.text("If it was not you, do nothing: your password stays as it is."),
  );
}

/** `paidUntil`: UTC seconds. */
export function reminderLetter(site: SpokenSite, to: string, paidUntil: number, daysLeft: number): Letter {
  const { say, name } = site;
  const day = longDate(say).format(paidUntil * 1000);
  const ends =
    daysLeft <= 1
      ? say.text("Your paid time at {0} ends on {1}, within a day.", name, day)
      : say.text("Your paid time at {0} ends on {1}, in {2} days.", name, day, daysLeft);
  return letter(
    to,
    say.text("{0}: your access ends on {1}", name, day),
    `${ends} ${say.text("Nothing renews by itself, and nothing is charged.")}`,
    `${say.text("To go on, log in and renew:")}\n${at(site, "/member")}`,
    say.text(
      "If you do not, your access ends then, and the account is deleted some time later; the page says when. To get no such reminders, take the address out of your account's settings.",
    ),
  );
}

/** That there is an answer; nothing of what was asked, and what was answered only as `text`: else that is read with the ticket's secret. */
export function answerLetter(
  site: SpokenSite,
  { to, number, text }: { to: string; number: string; text?: string },
): Letter {
  const { say, name } = site;
  return letter(
    to,
    say.text("{0}: an answer to your ticket", name),
    ...(text === undefined
      ? [
          say.text(
            "There is an answer to your ticket {0} at {1}. Read it with the ticket's number and the secret that you were shown when you wrote to us:",
            number,
            name,
          ),
        ]
      : [
          say.text("This is the answer to your ticket {0} at {1}, sent to you as you wished:", number, name),
          `---\n${text}\n---`,
          say.text(
            "To write more, go to your ticket with its number and the secret that you were shown when you wrote to us; an answer to this e-mail reaches nobody:",
          ),
        ]),
    at(site, "/ticket"),
    say.text("This address is forgotten when the ticket is closed."),
  );
}

/** To the operator, and so in English as the commands are: that there is something to read, and nothing of it. */
export const lettersLetter = (site: Site, to: string): Letter =>
  letter(
    to,
    `${site.name}: a letter is waiting`,
    `Somebody has written on the contact page of ${site.name} (${site.origin}). \`lethe ticket list\` shows what waits for an answer, and so do the admin pages.`,
    "You are told at most once an hour, however many there are.",
  );

/** To the operator. */
export const testLetter = (site: Site, to: string): Letter =>
  letter(
    to,
    `${site.name}: a test`,
    `This is a test of the mail settings of ${site.name} (${site.origin}). It works.`,
  );
