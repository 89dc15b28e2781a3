import { setTimeout } from "node:timers/promises";
import type { Accounts } from "../accounts/accounts.ts";
import type { Clock } from "../lib/clock.ts";
import { type Log, reasonOf } from "../lib/event-log.ts";
import type { PaymentRecord } from "../policy/payment-record.ts";
import { decideRefund, type RefundDecision, type RefundRule } from "../policy/refund.ts";
import type { Payments } from "./payments.ts";
import type { ProviderName } from "./providers.ts";
import type { OpenedReceipt, Receipt, ReceiptError, Receipts } from "./receipts.ts";
import type { RefundDue, RefundDueView } from "./refunds-due.ts";

/** How a provider takes part in a refund. All may be repeated: the provider does them once. `pendingAs`: it has taken it on, and this is its id. */
export interface RefundProvider {
  /** Gives a payment back in full. `given`: now or before. `refused`: it will not, whenever it is asked. */
  refund(paymentId: string): Promise<"given" | { pendingAs: string } | "refused" | "unavailable">;
  /** How a refund stands that was `pendingAs`. */
  look(refundId: string): Promise<"made" | "pending" | "failed" | "unavailable">;
  /** Ends a subscription. True where it does not run any more. */
  cancel(subscription: string): Promise<boolean>;
}

export type Claim =
  /** What the rules say; nothing was done. `unfinished`: it was granted before, and the money has not gone back yet. */
  | { outcome: "decided"; receipt: Receipt; decision: RefundDecision; unfinished: boolean }
  | { outcome: "no-receipt"; error: ReceiptError }
  /** Granted; the provider does not do it, and it is the operator's to give back by hand. */
  | { outcome: "stopped"; receipt: Receipt }
  /** A genuine receipt of a payment that nothing is known of: the database was set back to before it. */
  | { outcome: "payment-unknown"; receipt: Receipt };

export type Refunded =
  | Exclude<Claim, { outcome: "decided" }>
  | { outcome: "given"; receipt: Receipt }
  | { outcome: "refused"; receipt: Receipt; rule: RefundRule }
  /** Granted; the provider does not answer now. It is asked again by itself; the same receipt can be sent again, too. */
  | { outcome: "unavailable"; receipt: Receipt }
  /** Granted; the provider will not do it. Everything is as before. */
  | { outcome: "provider-refused"; receipt: Receipt };

type Options = {
  receipts: Receipts;
  payments: Payments;
  accounts: Accounts;
  /** Those that can give back. */
  providers: Partial<Record<ProviderName, RefundProvider>>;
  clock: Clock;
  log: Log;
};

/** So often somebody looks whether a refund is due. */
const LOOK_EVERY_MS = 30_000;
const CLOSE_MS = 2000;

/**
 * Refunds: claimed with a receipt, decided by the rules (policy/refund.ts) and by nobody, given once. A refund that a crash or a
 * silent provider stopped half-way goes on by itself; the same receipt, or what the provider reports, finishes it earlier.
 */
export class Refunds {
  readonly #options: Options;
  /** Those that are being given now, by payment: asked twice at once, both get the one answer. */
  readonly #running = new Map<string, Promise<Refunded>>();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<unknown> | undefined;
  #closed = false;

  constructor(options: Options) {
    this.#options = options;
  }

  /** Goes on with what is due, now and whenever its time has come. */
  start(): void {
    const look = () => {
      if (this.#closed) return;
      this.#round ??= this.round()
        .catch((error: unknown) => this.#options.log("store-unwritable", { reason: reasonOf(error) }))
        .finally(() => {
          this.#round = undefined;
        });
    };
    this.#timer = setInterval(look, LOOK_EVERY_MS);
    this.#timer.unref();
    look();
  }

  /** Resolves when the refund that is being asked for is through, or after two seconds; the next start goes on with it. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await Promise.race([this.#round, setTimeout(CLOSE_MS, undefined, { ref: false })]);
  }

  /** Asks once more for each refund whose time has come; how many were given. Throws StoreError. */
  async round(): Promise<number> {
    let given = 0;
    for await (const due of this.#options.payments.back.due.take()) {
      if (await this.#goOn(due)) given += 1;
      if (this.#closed) break;
    }
    return given;
  }

  /** What is being given back and is not yet, oldest first. */
  due(): Promise<RefundDueView[]> {
    return this.#options.payments.back.due.list();
  }

  /** What a claim with this receipt would come to. `pasted`: see `Receipts.open`. */
  async look(pasted: string): Promise<Claim> {
    const opened = this.#options.receipts.open(pasted);
    return opened.ok ? this.#decide(opened.value) : { outcome: "no-receipt", error: opened.error };
  }

  /** Gives the purchase of this receipt back, where the rules grant it. */
  async claim(pasted: string): Promise<Refunded> {
    const opened = this.#options.receipts.open(pasted);
    if (!opened.ok) return { outcome: "no-receipt", error: opened.error };
    const key = `${opened.value.provider} ${opened.value.paymentId}`;
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    const claim = this.#give(opened.value).finally(() => this.#running.delete(key));
    this.#running.set(key, claim);
    return claim;
  }

  async #decide({ receipt, provider, paymentId }: OpenedReceipt): Promise<Claim> {
    const { payments, clock } = this.#options;
    const record = await payments.find(provider, paymentId);
    const unfinished = record?.state === "refunding";
    if (unfinished) return { outcome: "decided", receipt, decision: { granted: true }, unfinished };
    // It was given back, and came back to us.
    if (record?.state === "refunded" && (await payments.back.refundStopped(provider, paymentId)))
      return { outcome: "stopped", receipt };
    const decision = decideRefund({
      method: receipt.method,
      coupon: receipt.coupon,
      boughtAt: receipt.atS,
      first: receipt.first,
      redeemedVoucher: record?.state === "paid" && (await payments.voucherUsed(record)),
      alreadyRefunded: record !== undefined && record.state !== "paid",
      nowS: Math.floor(clock.now() / 1000),
    });
    if (record === undefined && decision.granted) return { outcome: "payment-unknown", receipt };
    return { outcome: "decided", receipt, decision, unfinished };
  }

  async #give(opened: OpenedReceipt): Promise<Refunded> {
    const { receipt, provider, paymentId } = opened;
    const { payments } = this.#options;
    const claim = await this.#decide(opened);
    if (claim.outcome !== "decided") return claim;
    if (!claim.decision.granted) return { outcome: "refused", receipt, rule: claim.decision.rule };
    const gateway = this.#options.providers[provider];
    // It was set up when the purchase was made; the operator has taken it away since.
    if (gateway === undefined)
      return {
        outcome: (await payments.back.refundStopped(provider, paymentId)) ? "stopped" : "unavailable",
        receipt,
      };
    const begun = await payments.back.beginRefund(provider, paymentId);
    if (!begun.ok) {
      if (begun.error === "payment-unknown") return { outcome: "payment-unknown", receipt };
      // Somebody was faster than this claim's look: another claim, or whoever redeemed the voucher.
      const rule = begun.error === "already" ? "refunded-once" : "never-redeemed-voucher";
      return { outcome: "refused", receipt, rule };
    }
    switch (await this.#carryOut(opened, gateway, begun.value.record)) {
      case "given":
        return { outcome: "given", receipt };
      case "refused": {
        const left = await payments.back.refundFailed(provider, paymentId, begun.value);
        if (left === "as-before") return { outcome: "provider-refused", receipt };
        if (left === "stopped") this.#options.log("refund-stopped", { part: "paypal", reason: "refused" });
        return { outcome: "stopped", receipt };
      }
      case "unavailable": {
        const left = await payments.back.refundLater(provider, paymentId);
        if (left === "stopped") this.#options.log("refund-stopped", { part: "paypal", reason: "expired" });
        const stopped = left === "stopped" || left === "stopped-before";
        return { outcome: stopped ? "stopped" : "unavailable", receipt };
      }
    }
  }

  /** One more try, without a buyer who waits for it. True where the money has gone back. */
  async #goOn({ hash, ...due }: RefundDue & { hash: string }): Promise<boolean> {
    const { payments, log, providers } = this.#options;
    const { provider, paymentId } = due;
    const running = this.#running.get(`${provider} ${paymentId}`);
    if (running !== undefined) return (await running).outcome === "given";
    if (due.pendingAs !== undefined) return this.#watch(hash, due, due.pendingAs);
    const record = await payments.find(provider, paymentId);
    // It could not count, and counts now; or the buyer's bank was faster.
    if (record?.state === "paid" || record?.state === "charged-back") {
      await payments.back.due.remove(hash);
      return false;
    }
    const gateway = providers[provider];
    const outcome =
      gateway === undefined ? "unavailable" : await this.#carryOut(due, gateway, { ...due, ...record });
    if (outcome === "given") return true;
    // It was granted: what the provider refuses stays so, and is the operator's to do.
    if (outcome === "refused") await payments.back.due.stop(hash);
    const stopped = outcome === "refused" || (await payments.back.due.later(hash)) === "stopped";
    if (stopped)
      log("refund-stopped", { part: "paypal", reason: outcome === "refused" ? "refused" : "expired" });
    return false;
  }

  /** How a refund stands that the provider is making. True where it has arrived. */
  async #watch(hash: string, { provider, paymentId }: RefundDue, pendingAs: string): Promise<boolean> {
    const { payments, log, providers } = this.#options;
    const stand = (await providers[provider]?.look(pendingAs)) ?? "unavailable";
    if (stand === "made") {
      await payments.back.takeBack(provider, paymentId, "refund");
      return true;
    }
    const stopped =
      stand === "failed"
        ? await payments.back.refundBounced(provider, paymentId, { ours: true })
        : (await payments.back.due.later(hash)) === "stopped";
    if (stopped)
      log("refund-stopped", { part: "paypal", reason: stand === "failed" ? "refused" : "expired" });
    return false;
  }

  /** First the money, then the subscription, then what was bought: until all is done it counts as begun, and can be gone on with. */
  async #carryOut(
    { provider, paymentId }: { provider: ProviderName; paymentId: string },
    gateway: RefundProvider,
    { subscription, accountId }: Pick<PaymentRecord, "subscription" | "accountId">,
  ): Promise<"given" | "refused" | "unavailable"> {
    const { payments, accounts } = this.#options;
    const given = await gateway.refund(paymentId);
    if (given === "refused" || given === "unavailable") return given;
    if (subscription !== undefined && !(await gateway.cancel(subscription))) return "unavailable";
    await payments.back.takeBack(provider, paymentId, "refund", given === "given" ? {} : given);
    if (subscription !== undefined && accountId !== undefined)
      await accounts.noteSubscription(accountId, subscription, false);
    return "given";
  }
}
