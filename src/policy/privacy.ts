import { TRAFFIC_STEP_S } from "../lib/traffic-step.ts";
import { LIFETIMES, lifetimeText } from "./lifetimes.ts";
import type { Rule } from "./rule.ts";

/** What the privacy policy says beside the list of all that is stored (store/inventory.ts). */
export const PRIVACY: readonly Rule[] = [
  {
    id: "stored-only",
    page: "privacy",
    sentence: () =>
      "We store login credentials (a username, and the password as a hash), the e-mail address if one is given, and when the account runs out, to the minute.",
  },
  {
    id: "listed-or-not-stored",
    page: "privacy",
    sentence: () =>
      "Whatever else must exist for a while stands in the list below, with its purpose and its lifetime, and is deleted on time; what does not stand there is not stored.",
  },
  {
    id: "no-log",
    page: "privacy",
    sentence: () => "No login and no connection is logged, on any machine.",
  },
  {
    id: "totals-only",
    page: "privacy",
    sentence: () =>
      `Of the traffic only each server’s total is recorded, in steps of 1 % of its bandwidth and ${TRAFFIC_STEP_S / 60} minutes, and shown to everyone.`,
  },
  {
    id: "nothing-of-the-payer",
    page: "privacy",
    sentence: ({ payerHash }) =>
      payerHash
        ? `Of who paid we keep a keyed hash of their number at PayPal for ${lifetimeText(LIFETIMES.payerHash.days)} and to the end of the month, so that a second first purchase shows; no name, no address, no e-mail address.`
        : "Nothing is stored about who paid: no name, no address, no e-mail address, no number of theirs.",
  },
  {
    id: "months-not-days",
    page: "privacy",
    sentence: () =>
      "What is kept of a payment or a used voucher carries the month with which it is deleted, and no day. The end of an account’s paid time is exact: where few people buy in a month, whoever has the database may still guess from both whether an account’s days came from a payment or a gift card; not who paid, nor through which provider.",
  },
  {
    id: "see-export-delete",
    page: "privacy",
    sentence: () =>
      "A member can see, export and delete all that is stored about the account, also when its paid time is over.",
  },
  {
    id: "copies",
    page: "privacy",
    sentence: () =>
      `Copies of the database (encrypted backups among them) live ${LIFETIMES.backup.days} days at most, so that what was deleted is gone from them, too.`,
  },
];
