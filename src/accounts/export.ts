import { inventory } from "../store/inventory.ts";
import type { AccountRow } from "../store/tables.ts";
import type { VpnCredentials } from "./vpn-credentials.ts";

/**
 * What is stored about an account, as an object for JSON: each column with its value, purpose and lifetime out of the data
 * inventory, so that nothing can be forgotten; then what is worked out from it, and what is kept outside the database.
 */
export function describeAccount(row: AccountRow, vpn: VpnCredentials): object {
  const about = inventory.filter((entry) => entry.aboutAccount);
  const values = row as unknown as Record<string, string | number | null>;
  return {
    stored: about
      .filter((entry) => entry.place === "table")
      .map(({ table, column, what, purpose, lifetime }) => ({
        table,
        column,
        value: values[column],
        what,
        purpose,
        lifetime,
      })),
    workedOut: [
      { what: "VPN username, made anew each time and not stored", value: vpn.username },
      { what: "VPN password, made anew each time and not stored", value: vpn.password },
    ],
    elsewhere: about
      .filter((entry) => entry.place !== "table")
      .map(({ table, what, purpose, lifetime }) => ({ where: table, what, purpose, lifetime })),
    notes: ["Times are seconds since 1970-01-01 00:00 UTC."],
  };
}
