import type { Generated, Selectable } from "kysely";

/**
 * The tables as Kysely sees them. What each column is for, and how long it lives, stands in `inventory-tables.ts`; a test holds
 * both against the real schema. Times are UTC seconds since 1970 unless the name says otherwise.
 */
export interface Tables {
  accounts: AccountTable;
  vouchers: VoucherRow;
  servers: ServerRow;
  devices: DeviceRow;
  device_servers: DeviceServerRow;
  server_services: ServerServiceRow;
  server_health: ServerHealthRow;
  traffic_slots: TrafficSlotRow;
  traffic_hours: TrafficHourRow;
  site: SiteRow;
  payment_events: PaymentEventRow;
  refunds_due: RefundDueRow;
  cash_orders: CashOrderRow;
  payer_hashes: PayerHashRow;
  mail_queue: MailQueueRow;
  mail_marks: MailMarkRow;
  tickets: TicketRow;
  ticket_messages: TicketMessageRow;
  announcements: AnnouncementRow;
}

/** As it is read. */
export type AccountRow = Selectable<AccountTable>;

interface AccountTable {
  id: string;
  name: string;
  password_hash: string;
  email: string | null;
  paid_until: number | null;
  /** 0 or 1. */
  terminated: number;
  delete_after: number;
  vpn_salt: string;
  vpn_tag: string;
  /** 0 or 1: whoever reads the address has opened the link that was sent there. */
  email_verified: Generated<number>;
  /** 0 or 1: a PayPal subscription runs. */
  renews: Generated<number>;
  /** Base64url of a keyed hash of that subscription's number; null: none runs, or it was noted before this was kept. */
  subscription_hash: string | null;
  /** Paid time that was taken out again: `accounts/paid-time.ts`; null: none. */
  taken_back: string | null;
}

interface VoucherRow {
  code_hash: string;
  days: number;
  /** 0 or 1. */
  used: number;
  delete_after: number;
  /** A coupon: so many percent off a price, 1 to 100; `days` is 0 then. Null: a voucher for days. */
  percent: number | null;
  /** How often it may still be used; a voucher for days: once. */
  uses_left: Generated<number>;
  /** The id of the plan that a voucher was bought as or a coupon is good for; null: none, or any. */
  plan: string | null;
}

interface ServerRow {
  name: string;
  host: string;
  city: string;
  country: string;
  country_code: string;
  latitude: number;
  longitude: number;
  bandwidth_mbit: number;
  /** JSON: the public addresses, an array of text. */
  addresses: string;
  /** JSON: `ServicePorts[]` of `fleet/servers.ts`. */
  services: string;
  /** `office:<id>`: that office's own machine, from its lethe.toml (`office:` alone: nobody's yet); `fleet`: added by command. */
  origin: Generated<string>;
  /** The name under which the exit speaks on the link; stays when the server is renamed. */
  link_name: Generated<string>;
  /** The public half of the key that the exit connects with (NATS nkey, `U…`); null until it has enrolled. */
  nkey: string | null;
  state: Generated<"active" | "draining">;
  /** Raised after a seizure; stands in the name of the exit's certificate. */
  generation: Generated<number>;
  /** JSON: the groups it belongs to beside its city's, an array of text. */
  groups: Generated<string>;
  /** JSON: `Listens` of `fleet/listens.ts`; null: as lethe.toml says. */
  listens: string | null;
  /** SHA-256 of the exit bundle it is to run, hex; null: whichever it has. */
  release: string | null;
  /** Names the one-time token of an enrolment that is open; the token itself is nowhere. */
  enrolment_id: string | null;
  enrolment_expires: number | null;
  /** 1 and up, given once: the ports of two hops follow from it (fleet/hops.ts). */
  number: number | null;
  /** JSON: `ServerIdentity` of `link/identity.ts`; null until the exit has said it. */
  identity: string | null;
  /** JSON: `Blocked` of `lib/port-range.ts`; null: nothing. */
  blocked: string | null;
}

export interface DeviceRow {
  id: string;
  account_id: string;
  /** The device's WireGuard public key, base64 (wg(8)). */
  public_key: string;
  /** Its number, 1 and up; its addresses inside the tunnel are worked out from it (lib/device-addresses.ts). */
  address_index: number;
  /** What the member calls it. */
  name: string | null;
}

/** A server on which a device may be online. */
interface DeviceServerRow {
  device_id: string;
  server: string;
}

interface ServerHealthRow {
  server: string;
  service: string;
  /** UTC minutes since 1970: the minute in which the exit last tested that service. */
  minute: number;
  /** 0 or 1. */
  healthy: number;
  /** First 12 hex digits of the running bundle's SHA-256; empty for a checkout. */
  release: string;
  /** 0 or 1: the exit has gone back to its former bundle. */
  upgrade_failed: Generated<number>;
}

interface ServerServiceRow {
  server: string;
  service: string;
  /** 0 or 1. */
  healthy: number;
  /** Five-minute slot (UTC seconds / 300) that the news is of. */
  slot: number;
}

interface TrafficSlotRow {
  server: string;
  /** UTC seconds / 300. */
  slot: number;
  in_percent: number;
  out_percent: number;
}

interface TrafficHourRow {
  server: string;
  /** UTC seconds / 3600. */
  hour: number;
  in_percent: number;
  out_percent: number;
}

interface SiteRow {
  /** `SiteFact` of `site.ts`. */
  name: string;
  value: string;
}

/** What has been paid for, once: see `billing/payments.ts`. */
export interface PaymentEventRow {
  /** HMAC(office's payment key, provider ‖ payment id), hex. */
  event_hash: string;
  /** Base64 of AES-256-GCM under a key of the payment key and the payment id. */
  sealed: string;
  delete_after: number;
}

/** A payment that is being given back, until it is: see `billing/refunds-due.ts`. */
export interface RefundDueRow {
  /** As in `payment_events`. */
  event_hash: string;
  /** Base64 of AES-256-GCM under a key of the office's payment key: the provider's number of the payment. */
  sealed: string;
  not_before: number;
  attempts: Generated<number>;
  delete_after: number;
}

export interface CashOrderRow {
  /** Keyed hash of the code that goes into the envelope, hex. */
  code_hash: string;
  plan: string;
  days: number;
  amount_minor: number;
  /** ISO 4217. */
  currency: string;
  /** The account's id, or that it is for a voucher, under a key of the code. */
  sealed: string;
  delete_after: number;
}

export interface PayerHashRow {
  hash: string;
  delete_after: number;
}

export interface MailQueueRow {
  id: string;
  /** Recipient, subject and text, under a key in the office's folder. */
  sealed: string;
  not_before: number;
  attempts: Generated<number>;
  delete_after: number;
}

export interface MailMarkRow {
  /** Keyed hash of account, end of the paid time, and which reminder. */
  hash: string;
  delete_after: number;
}

export interface TicketRow {
  number: string;
  /** The age public key that follows from the secret shown to whoever wrote (`age1…`). */
  recipient: string;
  state: Generated<"open" | "answered" | "closed">;
  /** UTC days since 1970. */
  opened_day: number;
  closed_day: number | null;
  email_sealed: string | null;
  delete_after: number | null;
}

export interface TicketMessageRow {
  id: string;
  ticket: string;
  /** 1 and up within the ticket. */
  seq: number;
  /** 0 or 1. */
  from_operator: number;
  /** age, armored: to the operator and to the ticket's own key. */
  body: string;
  /** UTC days since 1970. */
  day: number;
}

export interface AnnouncementRow {
  id: string;
  /** UTC days since 1970. */
  day: number;
  title: string;
  /** Markdown. */
  body: string;
  delete_after: number | null;
}
