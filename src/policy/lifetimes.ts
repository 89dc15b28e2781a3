/** How long each stored thing lives, and why so long. Whoever deletes, or speaks of deleting, takes the number from here. */
export interface Lifetime {
  days: number;
  purpose: string;
}

export const LIFETIMES = {
  unpaidAccount: {
    days: 30,
    purpose: "After its paid time an account stays so long, so that it can be renewed, exported and deleted",
  },
  expiredTold: {
    days: 3,
    purpose: "So long servers say that the paid time is over, and not that the password is wrong",
  },
  voucher: { days: 3 * 365, purpose: "A voucher that nobody uses is good for so long" },
  usedVoucher: {
    days: 30,
    purpose: "A second try with a used voucher is told that it was used, and not that there is none",
  },
  paymentEvent: {
    days: 400,
    purpose:
      "A payment counts once, however often it is reported, and can be taken back: PayPal lets a buyer dispute one for 180 days and decides within months",
  },
  refundTried: {
    days: 21,
    purpose:
      "A granted refund that PayPal does not carry out is asked for again so long; PayPal knows a repeated request for 30 days at least",
  },
  refundDue: { days: 90, purpose: "So long the provider can look up a refund that has to be made by hand" },
  cashOrder: { days: 90, purpose: "An envelope may be on its way for so long" },
  payerHash: { days: 365, purpose: "A second first purchase of the same payer shows" },
  queuedMail: { days: 3, purpose: "A mail that cannot be delivered is tried for so long" },
  mailMark: {
    days: 10,
    purpose: "A reminder goes once, also when the machine starts anew: the first is 7 days before the end",
  },
  closedTicket: { days: 30, purpose: "The answer can be read for so long after a ticket was closed" },
  silentTicket: { days: 180, purpose: "A ticket that nobody answers or closes does not stay for ever" },
  storeCopy: { days: 7, purpose: "The way back where an upgrade or a restore goes wrong" },
  backup: { days: 30, purpose: "Going on after a machine is lost" },
} as const satisfies Record<string, Lifetime>;

/** Days before the end of the paid time on which a member with a verified address is reminded. */
export const REMINDER_DAYS = [7, 1] as const;

/** Links that come by mail are good for so long. */
export const MAIL_LINK_MINUTES = 30;

/**
 * When a row goes that has to live for so many days: the start of the month (UTC) after that. The date in it then tells the month in
 * which it was written and not the day: beside the end of an account's paid time the day would say whose payment it was.
 */
export function goesAfter(nowS: number, days: number): number {
  const over = new Date((nowS + days * 86_400) * 1000);
  return Date.UTC(over.getUTCFullYear(), over.getUTCMonth() + 1, 1) / 1000;
}

/** When a row goes whose day may be known, and no more than that: with the end (UTC) of the day so many days on. */
export const goesWithDay = (nowS: number, days: number): number =>
  (Math.floor(nowS / 86_400) + 1 + days) * 86_400;

/** The same in words: what a row may live at most. */
export const dayEndText = (days: number, since: string): string =>
  `to the end of the day (UTC) ${days} days after ${since}`;

/** `30 days`, `3 years`: years where they are whole. */
export const lifetimeText = (days: number): string => {
  if (days % 365 === 0 && days > 365) return `${days / 365} years`;
  if (days === 365) return "12 months";
  return days === 1 ? "1 day" : `${days} days`;
};
