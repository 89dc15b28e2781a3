import { dayEndText, LIFETIMES, lifetimeText } from "../policy/lifetimes.ts";
import { paymentRecordText } from "../policy/payment-record.ts";
import type { Tables } from "./tables.ts";

/** `what`: in a member's words. `lifetime`: where it is another than the row's. */
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
const voucherLife = `${lifetimeText(LIFETIMES.voucher.days)} while nobody has used it; ${LIFETIMES.usedVoucher.days} days after it was used; in both cases to the end of the month`;
const deviceLife = "until the member removes the device; as long as the account at most";
const paymentLife = `${LIFETIMES.paymentEvent.days} days and to the end of the month: payers can have their bank take a payment back for months`;
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
        what: "Whether a PayPal subscription pays for the account; not whose",
        purpose:
          "Leading through PayPal first where the member leaves, and waiting a day for its next payment before access ends",
        lifetime: `until the subscription ends; else ${accountLife}`,
      },
      subscription_hash: {
        what: "A keyed hash of the number that PayPal gave that subscription; it finds the subscription for whoever has PayPal's list of them and the office's key",
        purpose:
          "Telling it from an older one, whose late news must not count for it, and giving back what a second one takes",
        lifetime: `until the subscription ends; else ${accountLife}`,
      },
      taken_back: {
        what: "Nothing, unless a payment for the account was given back or taken back by the buyer's bank: how much paid time that ended in all, and what of it lies ahead, from when to when; not which payment it was",
        purpose: "A payment that is taken back ends what it paid for, and never what another one paid for",
        lifetime: `until the first payment after a pause as long as what was ended; else ${accountLife}`,
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
      delete_after: {
        what: "The month with which the row is deleted: no day of a purchase follows from it",
        purpose: "Deleting it on time",
      },
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
        what: "A keyed hash of the payment's number at PayPal or the BTCPay server, of the code in an envelope with cash, or of an order that a coupon paid in full",
        purpose: "No payment counts twice, however often it is told",
      },
      sealed: {
        what: `What the payment was for, as far as each applies: ${paymentRecordText}. Encrypted under a key that only the office's key and the payment's number together give: the office alone can not read it`,
        purpose: "Giving the money back, and ending what a payment bought that the buyer's bank took back",
      },
      delete_after: {
        what: "The month with which the row is deleted: no day of a purchase follows from it",
        purpose: "Deleting it on time",
      },
    },
  },
  refunds_due: {
    lifetime: `until the money has gone back; PayPal is asked for ${LIFETIMES.refundTried.days} days, and the row lives ${dayEndText(LIFETIMES.refundDue.days, "it fell due")} at most`,
    aboutAccount: true,
    sweep: { column: "delete_after", unitS: 1, keepS: 0 },
    columns: {
      event_hash: {
        what: "A keyed hash of the payment's number, as with the payment itself",
        purpose: "Giving it back once, and taking the row away when that is done",
      },
      sealed: {
        what: "The number that PayPal gave a payment which is to be given back and is not yet, those of its subscription and, once PayPal makes it, of the refund, encrypted under a key outside the database; no account, no amount",
        purpose:
          "Asking PayPal again by itself and looking how the refund stands, also after a restart; what it does not do the provider does by hand",
      },
      not_before: { what: "When PayPal is asked next", purpose: "Not pestering PayPal while it is away" },
      attempts: { what: "How often it was asked", purpose: "Waiting longer each time" },
      delete_after: { what: "The day on which the row is deleted", purpose: "Deleting it on time" },
    },
  },
  cash_orders: {
    lifetime: `until the money is booked; ${dayEndText(LIFETIMES.cashOrder.days, "the order")} at most`,
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
    lifetime: `${lifetimeText(LIFETIMES.payerHash.days)} and to the end of the month; written only where the provider has turned this on`,
    aboutAccount: false,
    sweep: { column: "delete_after", unitS: 1, keepS: 0 },
    columns: {
      hash: {
        what: "A keyed hash of the payer's number at PayPal; no account stands beside it",
        purpose: "A refund for the first purchase only, also where somebody signs up anew",
      },
      delete_after: {
        what: "The month with which the row is deleted: no day of a purchase follows from it",
        purpose: "Deleting it on time",
      },
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
        what: "The e-mail address, if one was given, and whether the answer itself is to be sent there, encrypted under a key outside the database",
        purpose: "Telling that there is an answer; what it says only where whoever wrote wants that",
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

/** Ours and Kysely's. */
export const everyTable = { ...tables, ...migrationTables } as unknown as Record<
  string,
  TableInventory<Record<string, unknown>>
>;
