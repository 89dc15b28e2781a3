import type { Vouchers } from "../billing/vouchers.ts";
import type { Store } from "../store/open.ts";

/** A newcomer's first voucher: nothing once there has been an account or a voucher. */
export async function firstVoucher(store: Store, vouchers: Vouchers): Promise<string | undefined> {
  const { unused, used } = await vouchers.counts();
  const account = await store.db.selectFrom("accounts").select("id").limit(1).executeTakeFirst();
  if (unused + used > 0 || account !== undefined) return undefined;
  const [code] = await vouchers.create({ days: 30, count: 1 });
  return code;
}
