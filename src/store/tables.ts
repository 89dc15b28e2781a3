/**
 * The tables as Kysely sees them. What each column is for, and how long it lives, stands in `inventory.ts`; a test holds
 * both against the real schema. Times are UTC seconds since 1970 unless the name says otherwise.
 */
export interface Tables {
  accounts: AccountRow;
  vouchers: VoucherRow;
  servers: ServerRow;
  server_services: ServerServiceRow;
  traffic_slots: TrafficSlotRow;
  traffic_hours: TrafficHourRow;
}

export interface AccountRow {
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
}

interface VoucherRow {
  code_hash: string;
  days: number;
  /** 0 or 1. */
  used: number;
  delete_after: number;
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
