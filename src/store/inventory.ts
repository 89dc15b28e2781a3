import type { Clock } from "../lib/clock.ts";
import { LIFETIMES, lifetimeText } from "../policy/lifetimes.ts";
import { BACKUP_KEPT_DAYS, COPIES_KEPT_DAYS } from "./copies.ts";
import type { Store } from "./open.ts";
import { AT_ONCE_BYTES } from "./scrubbing.ts";
import type { Tables } from "./tables.ts";

/**
 * The data inventory: everything that is kept anywhere, what for, and how long. A test compares it with the real schema;
 * the privacy page, `lethe inventory` and a member's export are rendered from it; `sweep` deletes by it. A column that
 * does not stand here can not be added without the test failing.
 */
export interface InventoryEntry {
  /** A table, or where else it is: "cookie", "memory", "file". */
  place: "table" | "cookie" | "memory" | "file";
  /** The table's name; elsewhere a short name of the thing. */
  table: string;
  /** The column's name; empty outside tables. */
  column: string;
  /** What it is, in a member's words. */
  what: string;
  purpose: string;
  lifetime: string;
  /** Whether it is about one account. */
  aboutAccount: boolean;
}

type Column = { what: string; purpose: string; lifetime?: string };
interface TableInventory<Row> {
  lifetime: string;
  aboutAccount: boolean;
  /** A row is deleted once `column` × `unitS` + `keepS` (seconds) has passed. */
  sweep?: { column: keyof Row & string; unitS: number; keepS: number };
  columns: { [Name in keyof Row]: Column };
}

const HOUR_S = 3600;
const DAY_S = 24 * HOUR_S;

const accountLife = `until the member deletes the account, or ${LIFETIMES.unpaidAccount.days} days after its paid time ended`;
const voucherLife = `${lifetimeText(LIFETIMES.voucher.days)} while nobody has used it; ${LIFETIMES.usedVoucher.days} days after it was used`;
const deviceLife = "until the member removes the device; as long as the account at most";
const paymentLife = `${LIFETIMES.paymentEvent.days} days: payers can have their bank take a payment back for months`;
const ticketLife = `${LIFETIMES.closedTicket.days} days after the ticket was closed; ${LIFETIMES.silentTicket.days} days after the last word in one that nobody closes`;
const serverLife = "as long as the server belongs to the service";

/** Table by table; the type makes a column without an entry a compile error. */
const tables: { [Name in keyof Tables]: TableInventory<Tables[Name]> } = {
  accounts: {
    lifetime: accountLife,
    aboutAccount: true,
    sweep: { column: "delete_after", unitS: 1, keepS: 0 },
    columns: {
      id: { what: "A random number of the account's own", purpose: "Tells accounts apart inside the office" },
      name: { what: "The username the member chose", purpose: "Logging in to the member area" },
      password_hash: {
        what: "The account password as an Argon2id hash",
        purpose: "Checking the password without knowing it",
        lifetime: `${accountLife}; the hash of an old password until it is changed`,
      },
      email: {
        what: "The e-mail address, if the member gave one",
        purpose:
          "Reaching the member about the account: before its paid time ends, and with a link to set a forgotten password anew",
        lifetime: `until the member takes it out; else ${accountLife}`,
      },
      paid_until: { what: "The end of the paid time", purpose: "Access until then" },
      terminated: { what: "Whether the operator has cut the account off", purpose: "Keeps it cut off" },
      delete_after: {
        what: "When the account is deleted by itself",
        purpose:
          "Deleting it on time; for an account that was never paid it is the day of the sign-up and 31 days",
      },
      vpn_salt: {
        what: "A random number that the VPN username and password are made from, with a secret outside the database",
        purpose: "VPN credentials that nobody can read out of the database",
        lifetime: `until the member asks for new VPN credentials; else ${accountLife}`,
      },
      vpn_tag: {
        what: "A keyed hash of the VPN username",
        purpose:
          "No two accounts get the same VPN username, and credentials that somebody published can be cut off",
        lifetime: `until the member asks for new VPN credentials; else ${accountLife}`,
      },
      email_verified: {
        what: "Whether somebody has opened the link that was sent to the e-mail address",
        purpose: "A forgotten password is set anew only by whoever reads that address",
        lifetime: `until the address is changed; else ${accountLife}`,
      },
      renews: {
        what: "Whether a PayPal subscription pays for the account; not which, nor whose",
        purpose: "Leading through PayPal first where the member leaves",
        lifetime: `until the subscription ends; else ${accountLife}`,
      },
    },
  },
  devices: {
    lifetime: deviceLife,
    aboutAccount: true,
    columns: {
      id: { what: "A random number of the WireGuard device's own", purpose: "Tells devices apart" },
      account_id: { what: "The account's random number", purpose: "Whose device it is" },
      public_key: {
        what: "The device's public key; the private key stays with the device",
        purpose: "WireGuard knows a device by it",
      },
      address_index: {
        what: "A number drawn at random, which its addresses inside the tunnel are made from",
        purpose: "The same tunnel address on every server",
      },
      name: {
        what: "What the member calls the device, if anything",
        purpose: "The member's own list of devices",
      },
    },
  },
  device_servers: {
    lifetime: `${deviceLife}; until the server is taken out of the service`,
    aboutAccount: true,
    columns: {
      device_id: { what: "The device's random number", purpose: "Which device it is about" },
      server: {
        what: "A server that the member fetched the device's profile for; nothing says whether it was ever used",
        purpose: "Letting the device online there, and on no other server",
      },
    },
  },
  vouchers: {
    lifetime: voucherLife,
    aboutAccount: false,
    sweep: { column: "delete_after", unitS: 1, keepS: 0 },
    columns: {
      code_hash: {
        what: "A keyed hash of the voucher's code",
        purpose: "Taking each code once, and telling whoever tries it again that it was used",
      },
      days: { what: "How many days the voucher gives", purpose: "Extending the account" },
      used: { what: "Whether it was used up; not by whom, nor when", purpose: "Taking each code once" },
      delete_after: { what: "The day on which the row is deleted", purpose: "Deleting it on time" },
      percent: {
        what: "For a coupon: how many percent it takes off a price",
        purpose: "Working out the price",
      },
      uses_left: {
        what: "How often it may still be used",
        purpose: "Taking it no more often than it is good for",
      },
      plan: {
        what: "The plan that it was bought as or is good for, if any",
        purpose: "Taking it for what it was made for",
      },
    },
  },
  servers: {
    lifetime: serverLife,
    aboutAccount: false,
    columns: {
      name: { what: "A server's name", purpose: "The list of servers" },
      host: { what: "Its host name", purpose: "What members' clients connect to" },
      city: { what: "Its city", purpose: "The list of servers" },
      country: { what: "Its country", purpose: "The list of servers" },
      country_code: { what: "Its country's code", purpose: "The list of servers" },
      latitude: { what: "Its latitude", purpose: "The list of servers" },
      longitude: { what: "Its longitude", purpose: "The list of servers" },
      bandwidth_mbit: { what: "What its uplink carries", purpose: "Working out its load" },
      addresses: { what: "Its public addresses", purpose: "The list of servers" },
      services: { what: "Its services and their ports", purpose: "The list of servers" },
      origin: {
        what: "Whether it is an office's own machine or was added by command",
        purpose: "Knowing who keeps the row",
      },
      link_name: {
        what: "The name by which it speaks to the office",
        purpose: "Taking its totals; sending its settings",
      },
      nkey: {
        what: "The public half of the key it connects with; the other half never leaves the server",
        purpose: "Letting it, and nobody in its place, speak to the office",
        lifetime: `until the server is rotated; else ${serverLife}`,
      },
      state: { what: "Whether it takes new logins", purpose: "Emptying a server before work on it" },
      generation: {
        what: "How often its keys were given up",
        purpose: "A certificate that was stolen fits no new profile",
      },
      groups: { what: "The groups it belongs to", purpose: "The list of servers" },
      listens: { what: "The addresses and ports of its services", purpose: "Its settings" },
      release: { what: "The version it is to run", purpose: "Upgrading it" },
      number: { what: "A number of its own", purpose: "The ports by which other servers lead on to it" },
      identity: {
        what: "The public keys of its services; the other halves never leave the server",
        purpose: "Profiles, and members making sure that it is this server they reach",
        lifetime: `until the server is rotated; else ${serverLife}`,
      },
      blocked: {
        what: "Ports and networks that nobody reaches through it",
        purpose: "Ending what somebody complained of, without knowing who it was",
        lifetime: `until the provider takes it back; else ${serverLife}`,
      },
      enrolment_id: {
        what: "A random number that names a one-time token; the token is stored nowhere",
        purpose: "A new server proves that it is the one that was asked for",
        lifetime: "until the server has enrolled; 40 minutes at most",
      },
      enrolment_expires: {
        what: "When that token ends",
        purpose: "The token ends after 30 minutes",
        lifetime: "until the server has enrolled; 40 minutes at most",
      },
    },
  },
  server_services: {
    lifetime: "replaced every five minutes; a day where the server says nothing more",
    aboutAccount: false,
    sweep: { column: "slot", unitS: 300, keepS: DAY_S + 300 },
    columns: {
      server: { what: "A server's name", purpose: "The server status page" },
      service: { what: "One of its services", purpose: "The server status page" },
      healthy: { what: "Whether that service runs", purpose: "The server status page" },
      slot: { what: "The five minutes that this is about", purpose: "The server status page" },
    },
  },
  server_health: {
    lifetime: "replaced every minute; a day where the server says nothing more",
    aboutAccount: false,
    sweep: { column: "minute", unitS: 60, keepS: DAY_S },
    columns: {
      server: { what: "A server's name", purpose: "The server status page" },
      service: { what: "One of its services", purpose: "The server status page" },
      minute: {
        what: "The minute in which the server tested it as a client would",
        purpose: "The server status page",
      },
      healthy: { what: "Whether it worked", purpose: "The server status page" },
      release: { what: "The version that the server runs", purpose: "Upgrading servers one after another" },
      upgrade_failed: {
        what: "Whether it went back to the version before",
        purpose: "Upgrading servers one after another",
      },
    },
  },
  traffic_slots: {
    lifetime: "24 hours",
    aboutAccount: false,
    sweep: { column: "slot", unitS: 300, keepS: DAY_S + 300 },
    columns: {
      server: { what: "A server's name", purpose: "The server status page" },
      slot: { what: "Five minutes of the last 24 hours", purpose: "The server status page" },
      in_percent: {
        what: "All traffic into the server in those minutes, in whole percent of its bandwidth",
        purpose: "The server status page",
      },
      out_percent: {
        what: "All traffic out of the server in those minutes, in whole percent of its bandwidth",
        purpose: "The server status page",
      },
    },
  },
  traffic_hours: {
    lifetime: "30 days",
    aboutAccount: false,
    sweep: { column: "hour", unitS: HOUR_S, keepS: 30 * DAY_S + HOUR_S },
    columns: {
      server: { what: "A server's name", purpose: "Seeing whether a server needs more bandwidth" },
      hour: { what: "An hour of the last 30 days", purpose: "Seeing whether a server needs more bandwidth" },
      in_percent: {
        what: "The hour's average of all traffic into the server, in whole percent of its bandwidth",
        purpose: "Seeing whether a server needs more bandwidth",
      },
      out_percent: {
        what: "The hour's average of all traffic out of the server, in whole percent of its bandwidth",
        purpose: "Seeing whether a server needs more bandwidth",
      },
    },
  },
  payment_events: {
    lifetime: paymentLife,
    aboutAccount: true,
    sweep: { column: "delete_after", unitS: 1, keepS: 0 },
    columns: {
      event_hash: {
        what: "A keyed hash of the payment's number at PayPal or the BTCPay server",
        purpose: "No payment counts twice, however often it is told",
      },
      sealed: {
        what: "What the payment was for: the account's random number or the voucher's hash, plan, days and amount. Encrypted under a key that only the office's key and the payment's number together give: the office alone can not read it",
        purpose: "Giving the money back, and ending what a payment bought that the buyer's bank took back",
      },
      delete_after: { what: "The day on which the row is deleted", purpose: "Deleting it on time" },
    },
  },
  cash_orders: {
    lifetime: `until the money is booked; ${LIFETIMES.cashOrder.days} days at most`,
    aboutAccount: true,
    sweep: { column: "delete_after", unitS: 1, keepS: 0 },
    columns: {
      code_hash: {
        what: "A keyed hash of the code that goes into the envelope",
        purpose: "Finding the order when the money comes",
      },
      plan: { what: "The plan that was chosen", purpose: "Booking it" },
      days: { what: "How many days it gives", purpose: "Booking it" },
      amount_minor: { what: "What it costs", purpose: "Booking it" },
      currency: { what: "In which currency", purpose: "Booking it" },
      sealed: {
        what: "The account's random number, or that it is for a voucher, encrypted under a key that only the code gives",
        purpose: "Extending the account that it was ordered for",
      },
      delete_after: { what: "The day on which the row is deleted", purpose: "Deleting it on time" },
    },
  },
  payer_hashes: {
    lifetime: `${lifetimeText(LIFETIMES.payerHash.days)}; written only where the provider has turned this on`,
    aboutAccount: false,
    sweep: { column: "delete_after", unitS: 1, keepS: 0 },
    columns: {
      hash: {
        what: "A keyed hash of the payer's number at PayPal; no account stands beside it",
        purpose: "A refund for the first purchase only, also where somebody signs up anew",
      },
      delete_after: { what: "The day on which the row is deleted", purpose: "Deleting it on time" },
    },
  },
  mail_queue: {
    lifetime: `until the e-mail is sent; ${LIFETIMES.queuedMail.days} days at most`,
    aboutAccount: true,
    sweep: { column: "delete_after", unitS: 1, keepS: 0 },
    columns: {
      id: { what: "A random number of the e-mail's own", purpose: "Telling e-mails apart" },
      sealed: {
        what: "An e-mail that waits to be sent: address, subject and text, encrypted under a key outside the database",
        purpose: "Sending it, also after a restart or when the mail server was away",
      },
      not_before: { what: "When it is tried next", purpose: "Not pestering a mail server that is away" },
      attempts: { what: "How often it was tried", purpose: "Waiting longer each time" },
      delete_after: { what: "When it is given up", purpose: "Deleting it on time" },
    },
  },
  mail_marks: {
    lifetime: "until the paid time that it reminded of has ended, and a day",
    aboutAccount: true,
    sweep: { column: "delete_after", unitS: 1, keepS: 0 },
    columns: {
      hash: {
        what: "A keyed hash of the account, the end of its paid time, and which reminder it was",
        purpose: "Sending each reminder once",
      },
      delete_after: { what: "When the row is deleted", purpose: "Deleting it on time" },
    },
  },
  tickets: {
    lifetime: ticketLife,
    aboutAccount: false,
    sweep: { column: "delete_after", unitS: 1, keepS: 0 },
    columns: {
      number: { what: "The ticket's number", purpose: "Finding the answer" },
      recipient: {
        what: "A public key that follows from the secret shown to whoever wrote",
        purpose: "Encrypting the answers so that they alone read them",
      },
      state: { what: "Open, answered or closed", purpose: "Knowing what waits for an answer" },
      opened_day: { what: "The day on which it was opened", purpose: "Answering the oldest first" },
      closed_day: { what: "The day on which it was closed", purpose: "Deleting it on time" },
      email_sealed: {
        what: "The e-mail address, if one was given, encrypted under a key outside the database",
        purpose: "Telling that there is an answer, and not what it says",
        lifetime: `until the ticket is closed; else ${ticketLife}`,
      },
      delete_after: { what: "The day on which it is deleted", purpose: "Deleting it on time" },
    },
  },
  ticket_messages: {
    lifetime: ticketLife,
    aboutAccount: false,
    columns: {
      id: {
        what: "A keyed hash of a random number that stood in the form",
        purpose: "A form that is sent twice is one message",
      },
      ticket: { what: "The ticket's number", purpose: "Which ticket it belongs to" },
      seq: { what: "Its place in the ticket", purpose: "Showing messages in their order" },
      from_operator: { what: "Whether it is an answer", purpose: "Showing who wrote" },
      body: {
        what: "The message, encrypted to the provider's key and to the ticket's own; the office can not read it",
        purpose: "Answering, and asking back",
      },
      day: { what: "The day on which it was written", purpose: "Showing how old it is" },
    },
  },
  announcements: {
    lifetime: "until the provider takes it away, or the day that it names",
    aboutAccount: false,
    sweep: { column: "delete_after", unitS: 1, keepS: 0 },
    columns: {
      id: {
        what: "A number of the announcement's own, made of its time and chance",
        purpose: "Telling announcements apart, and showing the newest first",
      },
      day: { what: "The day of it", purpose: "Showing the newest first" },
      title: { what: "Its title", purpose: "Telling the public" },
      body: { what: "Its text", purpose: "Telling the public" },
      delete_after: { what: "When it is taken away by itself", purpose: "Deleting it on time" },
    },
  },
  site: {
    lifetime: "as long as the service",
    aboutAccount: false,
    columns: {
      name: { what: "Which fact about the service this is", purpose: "Telling them apart" },
      value: {
        what: "A keyed hash of the service's own keys, a hash of its certificate, the number up to which the lists for the servers are numbered, PayPal's numbers for the plans on sale, or what the provider has turned off",
        purpose:
          "Refusing an office with the keys of another service, servers that always know the newer list from the older, selling the same plans again",
      },
    },
  },
};

/** Kysely's own two tables: which migrations ran when (kysely.dev, "Migrations"). */
const migrationTables: Record<string, TableInventory<Record<string, unknown>>> = {
  kysely_migration: {
    lifetime: "as long as the database",
    aboutAccount: false,
    columns: {
      name: { what: "A step of the database's structure", purpose: "Upgrading the database" },
      timestamp: { what: "When this installation took that step", purpose: "Upgrading the database" },
    },
  },
  kysely_migration_lock: {
    lifetime: "as long as the database",
    aboutAccount: false,
    columns: {
      id: { what: "A fixed word", purpose: "Upgrading the database once at a time" },
      is_locked: { what: "Whether an upgrade runs", purpose: "Upgrading the database once at a time" },
    },
  },
};

/** What is kept outside the tables, and about members. */
const elsewhere: readonly Omit<InventoryEntry, "column">[] = [
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

const everyTable = { ...tables, ...migrationTables } as unknown as Record<
  string,
  TableInventory<Record<string, unknown>>
>;

export const inventory: readonly InventoryEntry[] = [
  ...Object.entries(everyTable).flatMap(([table, { lifetime, aboutAccount, columns }]) =>
    Object.entries(columns).map(
      ([column, entry]): InventoryEntry => ({
        place: "table",
        table,
        column,
        what: entry.what,
        purpose: entry.purpose,
        lifetime: entry.lifetime ?? lifetime,
        aboutAccount,
      }),
    ),
  ),
  ...elsewhere.map((entry) => ({ ...entry, column: "" })),
];

/**
 * Deletes every row whose lifetime is over and returns how many that were; what was deleted is then gone from the files
 * too. To be called at the start and every few minutes. Throws StoreError.
 */
export async function sweep(store: Store, clock: Clock): Promise<number> {
  const nowS = Math.floor(clock.now() / 1000);
  // In one transaction, so that of several offices' sweeps and changes one comes after the other.
  const swept = await store.db.transaction().execute(async (trx) => {
    let count = 0;
    for (const [table, { sweep: rule }] of Object.entries(everyTable)) {
      if (rule === undefined) continue;
      const lastToGo = Math.floor((nowS - rule.keepS) / rule.unitS);
      const { numDeletedRows } = await trx
        .deleteFrom(table as keyof Tables)
        .where((expression) => expression(expression.ref(rule.column as never), "<=", lastToGo as never))
        .executeTakeFirst();
      count += Number(numDeletedRows);
    }
    return count;
  });
  if (swept > 0) await store.scrub();
  return swept;
}
