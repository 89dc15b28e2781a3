import type { Clock } from "../lib/clock.ts";
import { elsewhere } from "./inventory-elsewhere.ts";
import { everyTable } from "./inventory-tables.ts";
import type { Store } from "./open.ts";
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
