import { Accounts } from "../accounts/accounts.ts";
import { FakeClock } from "../lib/clock.ts";
import type { Store } from "../store/open.ts";
import { Payments } from "./payments.ts";
import { OrderSeal, type SealedOrder } from "./sealed-order.ts";
import { Vouchers } from "./vouchers.ts";

/** An office that has billing and nothing else. For tests. */
export function billingOn(store: Store, options: { rememberPayers?: boolean; clock?: FakeClock } = {}) {
  const clock = options.clock ?? new FakeClock(Date.UTC(2030, 5, 1, 12, 34, 0));
  const siteSecret = new Uint8Array(32).fill(7);
  const paymentKey = new Uint8Array(32).fill(9);
  const accounts = new Accounts({ store, clock, siteSecret });
  const vouchers = new Vouchers({ store, clock, siteSecret, accounts });
  const { rememberPayers = false } = options;
  const payments = new Payments({ store, clock, accounts, vouchers, paymentKey, rememberPayers });
  const seal = new OrderSeal(paymentKey);
  const nowS = () => Math.floor(clock.now() / 1000);
  return {
    store,
    clock,
    nowS,
    accounts,
    vouchers,
    paymentKey,
    payments,
    seal,
    /** An account without paid time; returns its id. */
    async member(name: string): Promise<string> {
      const made = await accounts.signUp({ name, password: "correct horse battery" });
      if (!made.ok) throw new Error(made.error);
      return made.value.id;
    },
    async paidUntil(id: string): Promise<number | undefined> {
      return (await accounts.stampOf(id))?.account.paidUntil;
    },
    order(accountId: string | undefined, change: Partial<SealedOrder> = {}): SealedOrder {
      const kind = accountId === undefined ? "voucher" : "account";
      const price = { minor: 500, currency: "EUR" };
      return seal.seal({
        kind,
        ...(accountId !== undefined && { accountId }),
        plan: "30days",
        days: 30,
        price,
        madeAt: nowS(),
        ...change,
      }).order;
    },
    /** Credits `order` as paid in full. */
    pay(order: SealedOrder, paymentId: string, change: object = {}) {
      return payments.credit({
        provider: "paypal",
        method: "paypal",
        paymentId,
        order,
        paid: order.price,
        atS: nowS(),
        ...change,
      });
    },
  };
}
