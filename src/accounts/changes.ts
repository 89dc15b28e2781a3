import type { Transaction } from "kysely";
import type { Result } from "../lib/result.ts";
import type { Store } from "../store/open.ts";
import type { Tables } from "../store/tables.ts";
import type { RosterCredential } from "./vpn-credentials.ts";

/** What the exits have to hear of an account. */
export type AccountChange =
  | ({ kind: "credential"; oldVpnUsername?: string } & RosterCredential)
  | { kind: "gone"; vpnUsername: string };

/** Collects what the exits must hear, with the account it is about; they hear it once the transaction stands. */
export type Announce = (change: AccountChange, accountId: string) => void;

type Listener = (change: AccountChange, accountId: string) => void;

/** Thrown to roll a transaction back; carries the outcome past Kysely. */
class Refused<Code extends string> extends Error {
  readonly outcome: { ok: false; error: Code };
  constructor(outcome: { ok: false; error: Code }) {
    super(outcome.error);
    this.outcome = outcome;
  }
}

/**
 * The one way in which accounts change: transactions one at a time, each followed by what it has to tell the exits, so that
 * they hear of changes in the order in which these were committed. Other offices on the same database hear which accounts
 * it were (store/news.ts).
 */
export class Changes {
  readonly #store: Store;
  readonly #listeners: Listener[] = [];
  #last: Promise<unknown> = Promise.resolve();

  constructor(store: Store) {
    this.#store = store;
  }

  onChange(listener: Listener): void {
    this.#listeners.push(listener);
  }

  /**
   * Runs `work` in one transaction, after those that were asked for before. An outcome that is not ok, or an error, rolls
   * everything back and announces nothing.
   */
  transact<Value, Code extends string>(
    work: (trx: Transaction<Tables>, announce: Announce) => Promise<Result<Value, Code>>,
  ): Promise<Result<Value, Code>> {
    return this.whileUnchanged(async () => {
      const changes: [AccountChange, string][] = [];
      try {
        const outcome = await this.#store.db.transaction().execute(async (trx) => {
          const result = await work(trx, (change, accountId) => {
            changes.push([change, accountId]);
          });
          if (!result.ok) throw new Refused(result);
          const accountIds = new Set(changes.map(([, accountId]) => accountId));
          await this.#store.news.tell(trx, "account_changes", [...accountIds]);
          return result;
        });
        for (const change of changes) for (const listener of this.#listeners) listener(...change);
        return outcome;
      } catch (error) {
        if (error instanceof Refused) return (error as Refused<Code>).outcome;
        throw error;
      }
    });
  }

  /** Runs `work` while this office changes no account; changes asked for meanwhile wait. Must not call `transact` inside. */
  whileUnchanged<Value>(work: () => Promise<Value>): Promise<Value> {
    const run = this.#last.then(work);
    this.#last = run.catch(() => undefined);
    return run;
  }
}
