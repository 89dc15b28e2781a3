import type { Selectable, Transaction } from "kysely";
import type { Tables } from "../store/tables.ts";

/** The tables whose rows are of a server, and go with it. */
const OF_A_SERVER = [
  "server_services",
  "server_health",
  "traffic_slots",
  "traffic_hours",
  "device_servers",
] as const;

/** Gives a server's row, and all that is kept of it, another name (which nobody has). */
export async function renameRow(
  trx: Transaction<Tables>,
  row: Selectable<Tables["servers"]>,
  name: string,
): Promise<void> {
  // In this order, since rows of a server that is not there are refused and those of one that goes are deleted.
  await trx
    .insertInto("servers")
    // No two rows have one number.
    .values({ ...row, name, number: null })
    .execute();
  for (const table of OF_A_SERVER)
    await trx.updateTable(table).set({ server: name }).where("server", "=", row.name).execute();
  await trx.deleteFrom("servers").where("name", "=", row.name).execute();
  await trx.updateTable("servers").set({ number: row.number }).where("name", "=", name).execute();
}
