import { RENEWAL_DAYS } from "./expiry.ts";
import { LIFETIMES, lifetimeText } from "./lifetimes.ts";
import { formatMoney } from "./money.ts";
import { daysText } from "./plans.ts";
import type { Rule } from "./rule.ts";

/** What holds between the service and a member, beside the pages of their own. */
export const TERMS: readonly Rule[] = [
  {
    id: "plans",
    page: "terms",
    sentence: ({ plans }) =>
      plans.length === 0
        ? "Nothing is sold on this site: paid time comes from vouchers that the operator gives out."
        : `On sale are: ${plans.map(({ title, days, price }) => `${title} (${daysText(days)} of access) for ${formatMoney(price)}`).join("; ")}.`,
  },
  {
    id: "time-adds-up",
    page: "terms",
    sentence: () =>
      "Paid days are added to the end of the paid time, or count from now where it is over; they are counted once for each payment.",
  },
  {
    id: "access-ends",
    page: "terms",
    sentence: () =>
      "Access ends with the paid time, to the minute, on all devices; nothing is owed after it.",
  },
  {
    id: "access-while-renewing",
    page: "terms",
    sentence: () =>
      `While a PayPal subscription runs, access goes on for up to ${daysText(RENEWAL_DAYS)} after the end of the paid time, since PayPal’s next payment may come some hours late; it ends earlier if the subscription does.`,
  },
  {
    id: "account-deleted",
    page: "terms",
    sentence: () =>
      `An account is deleted by itself ${LIFETIMES.unpaidAccount.days} days after its paid time ended, and one that was never paid ${LIFETIMES.unpaidAccount.days + 1} days after the day of its sign-up.`,
  },
  {
    id: "voucher-lifetime",
    page: "terms",
    sentence: () =>
      `A voucher can be redeemed once, within ${lifetimeText(LIFETIMES.voucher.days)}; whoever has the code can redeem it.`,
  },
  {
    id: "cash-lifetime",
    page: "terms",
    sentence: () =>
      `Cash that arrives later than ${lifetimeText(LIFETIMES.cashOrder.days)} after the day of the order, or without its code, cannot be booked: we then do not know for whom it is.`,
  },
  {
    id: "no-lost-password",
    page: "terms",
    sentence: () =>
      "A forgotten password can be reset by a verified e-mail address alone; without one nobody can open the account, we included.",
  },
  {
    id: "chargeback",
    page: "terms",
    sentence: () =>
      "A payment that is taken back (a chargeback) ends the time that it paid for, as far as that is still to come, and nothing else. Decided otherwise later, it gives as much again, unless the account was deleted meanwhile.",
  },
  {
    id: "no-crime",
    page: "terms",
    sentence: () =>
      "The service must not be used to break into others’ systems, to send unsolicited mail, or to harm others in another way that the law forbids; an account that is shown to do so is ended.",
  },
  {
    id: "terminated",
    page: "terms",
    sentence: () =>
      `An account that the operator has ended gives no access any more, can still be exported and deleted by its member, and is deleted by itself after ${LIFETIMES.unpaidAccount.days + 1} days.`,
  },
  {
    id: "lawful-answer",
    page: "terms",
    sentence: () =>
      "A lawful request for data is answered truthfully: with what the privacy policy lists, since nothing else is there.",
  },
];
