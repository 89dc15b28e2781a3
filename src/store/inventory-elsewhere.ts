import { BACKUP_KEPT_DAYS, COPIES_KEPT_DAYS } from "./copies.ts";
import { AT_ONCE_BYTES } from "./scrubbing.ts";

interface Elsewhere {
  place: "cookie" | "memory" | "file";
  /** A short name of the thing. */
  table: string;
  what: string;
  purpose: string;
  lifetime: string;
  aboutAccount: boolean;
}

/** What is kept outside the tables, and about members. */
export const elsewhere: readonly Elsewhere[] = [
  {
    place: "cookie",
    table: "session cookie",
    what: "The account's random number, sealed, in the member's own browser",
    purpose: "Staying logged in; the office keeps no list of sessions",
    lifetime: "until the member logs out, changes the password or closes the browser; 24 hours at most",
    aboutAccount: true,
  },
  {
    place: "cookie",
    table: "form cookie",
    what: "A random text in a visitor's own browser, on pages with a form",
    purpose: "Forms that no other site can send in the visitor's name",
    lifetime: "until the browser is closed",
    aboutAccount: false,
  },
  {
    place: "cookie",
    table: "order cookie",
    what: "In a buyer's own browser: the last four orders begun there, with the payment provider's numbers of them, sealed",
    purpose: "Showing what was bought, and a voucher, to that browser alone",
    lifetime: "7 days after the last order",
    aboutAccount: false,
  },
  {
    place: "memory",
    table: "orders begun",
    what: "That a form of an order was sent, and the office's counts of orders by network, under keys made at each start: no account and no address can be read out",
    purpose: "A form that is sent twice is one order; slowing those who begin orders in great numbers",
    lifetime: "10 minutes, in the office's memory only",
    aboutAccount: false,
  },
  {
    place: "memory",
    table: "failed logins",
    what: "The office's counts of wrong passwords, under a key made at each start: no name and no address can be read out",
    purpose: "Slowing those who guess passwords",
    lifetime: "15 minutes, in memory only",
    aboutAccount: false,
  },
  {
    place: "memory",
    table: "sign-ups",
    what: "The office's counts of new accounts by network, under a key made at each start: no address can be read out",
    purpose: "Slowing those who make accounts in great numbers",
    lifetime: "10 minutes, in memory only",
    aboutAccount: false,
  },
  {
    place: "memory",
    table: "letters asked for",
    what: "The office's counts of letters that somebody asked for, by network and by e-mail address, under a key made at each start: neither can be read out",
    purpose: "Nobody's mailbox is filled by strangers",
    lifetime: "an hour, in memory only",
    aboutAccount: false,
  },
  {
    place: "memory",
    table: "letters",
    what: "The office's counts of letters to the provider and of looks at tickets by network, and of wrong ticket secrets, under keys made at each start: no address can be read out",
    purpose: "Slowing those who send letters in great numbers or guess secrets",
    lifetime: "40 minutes, in memory only",
    aboutAccount: false,
  },
  {
    place: "memory",
    table: "searches",
    what: "The office's counts of searches in the help centre by network, under a key made at each start: neither an address nor what was searched for can be read out",
    purpose: "Searching costs work: slowing those who do it in great numbers",
    lifetime: "2 minutes, in the office's memory only",
    aboutAccount: false,
  },
  {
    place: "memory",
    table: "enrolments",
    what: "The office's counts of refused tries to join the servers, by network, under a key made at each start: no address can be read out",
    purpose: "Slowing those who try tokens",
    lifetime: "10 minutes, in memory only",
    aboutAccount: false,
  },
  {
    place: "memory",
    table: "tests of protection",
    what: "For the page “Am I protected?”: which resolvers have asked for a random name that a page was given; not whose page it was",
    purpose: "Telling the visitor which resolver their device asks",
    lifetime: "2 minutes, in the office's memory only",
    aboutAccount: false,
  },
  {
    place: "memory",
    table: "redeemed vouchers",
    what: "That an account has just used a voucher, under a key made at each start",
    purpose: "A form that is sent twice counts once",
    lifetime: "10 minutes, in the office's memory only",
    aboutAccount: true,
  },
  {
    place: "cookie",
    table: "operator's cookie",
    what: "A random text in an operator's own browser, on the admin pages; no member has it",
    purpose: "Staying in after the one-time link",
    lifetime: "until the operator leaves, closes the browser or shows no page for an hour; 8 hours at most",
    aboutAccount: false,
  },
  {
    place: "memory",
    table: "operators' visits",
    what: "Hashes of the one-time links that are open and of the operators' cookies, in the office; nothing says from where",
    purpose: "Letting operators, and nobody else, see the admin pages",
    lifetime: "5 minutes a link, 8 hours a visit at most, in memory only",
    aboutAccount: false,
  },
  {
    place: "memory",
    table: "roster",
    what: "On each exit: VPN username, a hash of the VPN password (on one with IKEv2 also that which IKEv2 needs), and until when they are good; on the servers that it is enabled on, a WireGuard device's public key and number, and the VPN username that it belongs to",
    purpose: "Letting members online, also while the office cannot be reached",
    lifetime:
      "until the paid time ends or the credentials change; 72 hours where the office cannot be reached",
    aboutAccount: true,
  },
  {
    place: "file",
    table: "sealed roster",
    what: "The same, encrypted, in a file system that is memory and gone when the machine stops",
    purpose: "Letting members online after a restart of an exit's programs",
    lifetime: "as the roster",
    aboutAccount: true,
  },
  {
    place: "memory",
    table: "sessions",
    what: "On each exit: which credentials are online now and how many sessions and connections each has, the client's address in the engine that serves it, and the kernel's table of connections",
    purpose: "Sending answers back, the limit on sharing, and ending what must end",
    lifetime: "as long as the connection; in the kernel's table until its time-out, in memory only",
    aboutAccount: true,
  },
  {
    place: "memory",
    table: "wrong VPN passwords",
    what: "Each exit's counts of wrong VPN passwords, under a key made at each start: no name and no address can be read out",
    purpose: "Slowing those who guess passwords",
    lifetime: "about a minute, in memory only",
    aboutAccount: false,
  },
  {
    place: "file",
    table: "free room in the database file",
    what: `Copies of deleted rows, in places of the database's file that are no longer read: with SQLite in a file above ${AT_ONCE_BYTES / 1024 / 1024} MiB (some 40,000 accounts), or with PostgreSQL; a smaller SQLite file has none once a deletion is answered`,
    purpose: "None: they go when the file is written anew, for many deletions together",
    lifetime: "as a rule minutes; in a database of a million accounts about three hours",
    aboutAccount: true,
  },
  {
    place: "file",
    table: "news between offices",
    what: "Where several offices share a database: the random number of an account that has just changed, or whose devices have, on the database's server",
    purpose: "Every server hears of the change at once, whichever office made it",
    lifetime: "until all offices have heard it, as a rule less than a second; its file is used again later",
    aboutAccount: true,
  },
  {
    place: "file",
    table: "copy before a change",
    what: "A copy of the database on the office's own machine, made before an upgrade changes the database or a backup takes its place",
    purpose: "The way back where that goes wrong",
    lifetime: `${COPIES_KEPT_DAYS} days`,
    aboutAccount: true,
  },
  {
    place: "file",
    table: "backups",
    what: "Copies of the database, encrypted to a key that the provider keeps away from the servers",
    purpose: "Going on after a machine is lost; what was over by then is deleted before anything starts",
    lifetime: `${BACKUP_KEPT_DAYS} days; an older one is not taken back`,
    aboutAccount: true,
  },
  {
    place: "file",
    table: "keys and settings",
    what: "The service's own secrets, certificates and settings",
    purpose: "Running the service",
    lifetime: "as long as the service",
    aboutAccount: false,
  },
];
