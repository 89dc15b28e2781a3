import type { Kysely } from "kysely";
import { type InventoryEntry, inventory } from "../store/inventory.ts";
import type { AccountRow, Tables } from "../store/tables.ts";
import type { VpnCredentials } from "./vpn-credentials.ts";

/** Every row about one account, by table. */
interface RowsOfAccount {
  accounts: [AccountRow];
  devices: Tables["devices"][];
  device_servers: Tables["device_servers"][];
}

/** Everything stored about one account, as JSON. */
export interface AccountExport {
  /** Each value in the database. */
  stored: {
    table: string;
    column: string;
    value: string | number | null;
    what: string;
    purpose: string;
    lifetime: string;
  }[];
  /** What is made anew each time it is asked for. */
  workedOut: { what: string; value: string }[];
  /** What is kept outside the account's rows, or that nobody can find by the account. */
  elsewhere: ({ where: string } & Pick<InventoryEntry, "place" | "what" | "purpose" | "lifetime">)[];
  notes: string[];
}

/** Rows that are about an account and that nobody can find by it: neither does anything in them name it in clear. */
const NOT_TO_BE_FOUND = new Set(["payment_events", "refunds_due", "cash_orders", "mail_queue", "mail_marks"]);

/** What is stored about an account: its row, and what hangs on it. */
export async function exportOf(
  db: Kysely<Tables>,
  row: AccountRow,
  vpn: VpnCredentials,
): Promise<AccountExport> {
  const devices = await db.selectFrom("devices").selectAll().where("account_id", "=", row.id).execute();
  const onServers = await db
    .selectFrom("device_servers")
    .innerJoin("devices", "devices.id", "device_servers.device_id")
    .selectAll("device_servers")
    .where("account_id", "=", row.id)
    .execute();
  return describeAccount({ accounts: [row], devices, device_servers: onServers }, vpn);
}

/**
 * What is stored about an account, as an object for JSON: each column with its value, purpose and lifetime out of the data
 * inventory, so that nothing can be forgotten; then what is worked out from it, and what is kept outside the database.
 */
function describeAccount(ofAccount: RowsOfAccount, vpn: VpnCredentials): AccountExport {
  const about = inventory.filter((entry) => entry.aboutAccount);
  const rows = ofAccount as unknown as Record<string, Record<string, string | number | null>[]>;
  const isRow = ({ place, table }: { place: string; table: string }) =>
    place === "table" && !NOT_TO_BE_FOUND.has(table);
  const missing = about.find((entry) => isRow(entry) && rows[entry.table] === undefined);
  if (missing !== undefined) throw new Error(`describeAccount: no rows of ${missing.table}`);
  return {
    stored: Object.entries(rows).flatMap(([from, list]) =>
      list.flatMap((row) =>
        about
          .filter(({ place, table }) => place === "table" && table === from)
          .map(({ table, column, what, purpose, lifetime }) => ({
            table,
            column,
            value: row[column] ?? null,
            what,
            purpose,
            lifetime,
          })),
      ),
    ),
    workedOut: [
      { what: "VPN username, made anew each time and not stored", value: vpn.username },
      { what: "VPN password, made anew each time and not stored", value: vpn.password },
    ],
    elsewhere: about
      .filter((entry) => !isRow(entry))
      .map(({ place, table, what, purpose, lifetime }) => ({ where: table, place, what, purpose, lifetime })),
    notes: ["Times are seconds since 1970-01-01 00:00 UTC."],
  };
}
