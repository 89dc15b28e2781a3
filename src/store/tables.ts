import type { Generated } from "kysely";

/**
 * The tables as Kysely sees them. What each column is for, and how long it lives, stands in `inventory.ts`; a test holds
 * both against the real schema. Times are UTC seconds since 1970 unless the name says otherwise.
 */
export interface Tables {
  accounts: AccountRow;
  vouchers: VoucherRow;
  servers: ServerRow;
  devices: DeviceRow;
  device_servers: DeviceServerRow;
  server_services: ServerServiceRow;
  server_health: ServerHealthRow;
  traffic_slots: TrafficSlotRow;
  traffic_hours: TrafficHourRow;
  site: SiteRow;
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
