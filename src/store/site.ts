import type { Transaction } from "kysely";
import type { Store } from "./open.ts";
import type { Tables } from "./tables.ts";

/**
 * What the database says of the service itself, a row a fact. `keys`: a keyed hash of the office's keys. `authority`: SHA-256
 * of the exits' authority. `roster-version`: no office has given the roster a version above this one. `paypal-…`:
 * the ids that PayPal gave what it bills by, and the account that it pays to. `switch:…`: `off` where the operator has turned something off (sign-up, buying, a way to pay).
 */
export type SiteFact =
  | "keys"
  | "authority"
  | "roster-version"
  | "paypal-product"
  | "paypal-payee"
  | `paypal-plan:${string}`
  | `switch:${string}`;

/** The fact as it stands, or undefined. */
export async function readFact(store: Store, name: SiteFact): Promise<string | undefined> {
  const row = await store.db.selectFrom("site").select("value").where("name", "=", name).executeTakeFirst();
  return row?.value;
}

/** Sets the fact, or takes it away (undefined). */
export async function writeFact(store: Store, name: SiteFact, value: string | undefined): Promise<void> {
  if (value === undefined) {
    await store.db.deleteFrom("site").where("name", "=", name).execute();
    return;
  }
  await store.db
    .insertInto("site")
    .values({ name, value })
    .onConflict((conflict) => conflict.column("name").doUpdateSet({ value }))
    .execute();
}

export interface SiteKeys {
  /** A keyed hash of the office's own keys: the same on every office of a service. */
  keys: string;
  /** SHA-256 of the exits' authority; undefined where there is none yet. */
  authority?: string | undefined;
}

/**
 * Compares an office's keys with those that the database was first used with; an empty one takes them. Who has others would
 * derive VPN credentials that no exit knows, and sign rosters that none believes.
 */
export async function claimSite(
  store: Store,
  { keys, authority }: SiteKeys,
): Promise<"ours" | "other-keys" | "other-authority"> {
  return store.db.transaction().execute(async (trx) => {
    if ((await factOf(trx, "keys", keys)) !== keys) return "other-keys";
    if (authority !== undefined && (await factOf(trx, "authority", authority)) !== authority)
      return "other-authority";
    return "ours";
  });
}

/** The fact as it stands; `first` where it does not stand yet, and from now on. */
async function factOf(trx: Transaction<Tables>, name: SiteFact, first: string): Promise<string> {
  await trx
    .insertInto("site")
    .values({ name, value: first })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const { value } = await trx
    .selectFrom("site")
    .select("value")
    .where("name", "=", name)
    .executeTakeFirstOrThrow();
  return value;
}

/**
 * Raises the floor of roster versions to what `next` makes of it (it never sinks) and returns both. The caller may give versions up
 * to `reserved` from then on; whoever comes later starts above that.
 */
export async function raiseVersionFloor(
  store: Store,
  next: (floor: number) => number,
): Promise<{ floor: number; reserved: number }> {
  return store.db.transaction().execute(async (trx) => {
    const floor = Number(await factOf(trx, "roster-version", "0"));
    const reserved = Math.max(floor, Math.ceil(next(floor)));
    if (reserved > floor)
      await trx
        .updateTable("site")
        .set({ value: String(reserved) })
        .where("name", "=", "roster-version")
        .execute();
    return { floor, reserved };
  });
}
