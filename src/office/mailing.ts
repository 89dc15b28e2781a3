import { createHmac } from "node:crypto";
import type { Accounts } from "../accounts/accounts.ts";
import { MailLinks } from "../accounts/mail-links.ts";
import type { Clock } from "../lib/clock.ts";
import { type Log, reasonOf } from "../lib/event-log.ts";
import { type Delivery, letterProblem } from "../mail/letter.ts";
import { testLetter } from "../mail/letters.ts";
import { MailQueue } from "../mail/queue.ts";
import { Reminders } from "../mail/reminders.ts";
import { smtpDelivery } from "../mail/smtp.ts";
import type { Store } from "../store/open.ts";
import type { PageLanguage } from "../web/languages/language.ts";
import type { MailDoor } from "../web/mail-door.ts";
import type { MailSettings } from "./mail-settings.ts";

const REMIND_EVERY_MS = 3_600_000;

/** Everything of the office that sends mail. */
export interface Mailing {
  /** What pages send mail through. */
  door: MailDoor;
  /** Hands a letter to the mail server at once, past the queue, for `lethe mail test`. */
  test(to: string): Promise<Delivery | "address-invalid">;
  waiting(): Promise<number>;
  close(): Promise<void>;
}

/** Undefined where lethe.toml names no mail server. Throws StoreError. */
export function startMailing(options: {
  settings: MailSettings;
  password: string;
  siteName: string;
  /** The site's own language: for letters that no page asked for. */
  language: Pick<PageLanguage, "say" | "prefix">;
  /** The site's origin: what links begin with. */
  origin: string;
  store: Store;
  accounts: Accounts;
  clock: Clock;
  /** 32 bytes: keys for the letters that wait, for links and for marks follow from it. */
  siteSecret: Uint8Array;
  log: Log;
  /** PEM; for tests, whose mail server has a certificate of nobody else's. */
  authority?: string;
}): Mailing | undefined {
  const { settings, password, siteName, language, origin, store, accounts, clock, siteSecret, log } = options;
  if (settings.host === "") return undefined;
  const key = (purpose: string) => createHmac("sha256", siteSecret).update(`mail ${purpose}`).digest();
  const deliver = smtpDelivery({
    host: settings.host,
    port: settings.port,
    tls: settings.tls,
    user: settings.user,
    password,
    from: settings.from,
    siteName,
    ...(options.authority !== undefined && { authority: options.authority }),
  });
  const { say, prefix } = language;
  const site = { name: siteName, origin, say, prefix };
  const queue = new MailQueue({ store, clock, key: key("queue"), deliver, log });
  const reminders = new Reminders({ store, clock, key: key("marks"), queue, site });
  const remind = () =>
    reminders.round().catch((error: unknown) => log("store-unwritable", { reason: reasonOf(error) }));
  queue.start();
  void remind();
  const timer = setInterval(remind, REMIND_EVERY_MS);
  timer.unref();
  return {
    door: {
      origin,
      links: new MailLinks({ accounts, clock, secret: key("links") }),
      enqueue: (letter, enqueueOptions) => queue.enqueue(letter, enqueueOptions),
    },
    async test(to) {
      const letter = testLetter(site, to);
      if (letterProblem(letter) === "address-invalid") return "address-invalid";
      return deliver(letter, `test-${Math.floor(clock.now() / 1000)}`);
    },
    waiting: () => queue.waiting(),
    async close() {
      clearInterval(timer);
      await queue.close();
    },
  };
}
