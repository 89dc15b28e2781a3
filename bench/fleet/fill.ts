import { createSecretKey, randomBytes } from "node:crypto";
import { Passwords } from "../../src/accounts/passwords.ts";
import { deriveVpnCredentials, newVpnSalt, vpnTag } from "../../src/accounts/vpn-credentials.ts";
import type { OwnServer } from "../../src/fleet/servers.ts";
import { base32 } from "../../src/lib/base32.ts";
import type { Store } from "../../src/store/open.ts";

/** Every account's; hashed once, since a million Argon2id hashes would be a night's work. */
export const PASSWORD = "correct horse battery staple";
export const accountName = (index: number): string => `member-${String(index).padStart(9, "0")}`;
export const serverName = (index: number): string => `exit${index + 1}`;

const DAY_S = 86_400;
const SLOT_S = 300;
const SLOTS_A_DAY = 288;
const HOURS_KEPT = 720;
const ROWS_AT_ONCE = 2000;
const TRANSACTION_ROWS = 50_000;

/** Adds accounts numbered `from` to `to` (not included), each paid for a year. */
export async function fillAccounts(
  store: Store,
  siteSecret: Uint8Array,
  from: number,
  to: number,
): Promise<void> {
  const key = createSecretKey(siteSecret);
  const passwordHash = await new Passwords().hash(PASSWORD);
  const paidUntil = (Math.floor(Date.now() / 60_000) + 365 * 1440) * 60;
  const row = (index: number) => {
    const salt = newVpnSalt();
    return {
      id: base32(randomBytes(16)),
      name: accountName(index),
      password_hash: passwordHash,
      email: null,
      paid_until: paidUntil,
      terminated: 0,
      delete_after: paidUntil + 30 * DAY_S,
      vpn_salt: salt,
      vpn_tag: vpnTag(key, deriveVpnCredentials(key, salt).username),
    };
  };
  for (let start = from; start < to; start += TRANSACTION_ROWS) {
    const end = Math.min(to, start + TRANSACTION_ROWS);
    await store.db.transaction().execute(async (trx) => {
      for (let at = start; at < end; at += ROWS_AT_ONCE) {
        const rows = Array.from({ length: Math.min(ROWS_AT_ONCE, end - at) }, (_, i) => row(at + i));
        await trx.insertInto("accounts").values(rows).execute();
      }
    });
  }
}

/** `count` servers in some forty countries. */
export function someServers(count: number): OwnServer[] {
  return Array.from({ length: count }, (_, index) => {
    const country = index % 40;
    const countryCode = String.fromCharCode(65 + (country >> 2), 65 + (country % 26));
    return {
      name: serverName(index),
      host: `${serverName(index)}.example.net`,
      city: `City ${index % 120}`,
      country: `Country ${countryCode}`,
      countryCode,
      latitude: ((index * 7) % 120) - 60,
      longitude: ((index * 13) % 360) - 180,
      bandwidthMbit: 1000,
      addresses: [`198.18.${index >> 8}.${index & 255}`, `2001:db8::${(index + 1).toString(16)}`],
      services: [
        {
          service: "openvpn",
          ports: [
            { protocol: "udp", port: 1194 },
            { protocol: "tcp", port: 1194 },
          ],
        },
        { service: "socks5", ports: [{ protocol: "tcp", port: 1080 }] },
        { service: "http", ports: [{ protocol: "tcp", port: 3128 }] },
      ],
    };
  });
}

/** All that the store keeps of the servers' past, up to the slot before the last one that has ended. */
export async function fillHistory(store: Store, servers: readonly string[]): Promise<void> {
  const slot = Math.floor(Date.now() / 1000 / SLOT_S) - 2;
  const hour = Math.floor((slot * SLOT_S) / 3600);
  const percent = () => Math.floor(Math.random() * 60);
  for (let start = 0; start < servers.length; start += 50) {
    const some = servers.slice(start, start + 50);
    await store.db.transaction().execute(async (trx) => {
      for (const server of some) {
        const slots = Array.from({ length: SLOTS_A_DAY }, (_, back) => ({
          server,
          slot: slot - back,
          in_percent: percent(),
          out_percent: percent(),
        }));
        const hours = Array.from({ length: HOURS_KEPT }, (_, back) => ({
          server,
          hour: hour - back,
          in_percent: percent(),
          out_percent: percent(),
        }));
        await trx.insertInto("traffic_slots").values(slots).execute();
        await trx.insertInto("traffic_hours").values(hours).execute();
      }
    });
  }
}
