import type { ExitCarrier } from "./carrier.ts";
import type { Header } from "./documents.ts";
import { NT_HASHES } from "./nt-hashes.ts";
import { PackedTable } from "./packed-table.ts";
import { Refused } from "./refused.ts";
import { applyAll, fetchBuckets } from "./table-sync.ts";
import * as wire from "./wire.ts";

/** The exit's end of the NT hashes (nt-hashes.ts): none unless this exit has IKEv2. */
export class NtHashesReplica {
  readonly #carrier: ExitCarrier;
  /** Made when there is need of it. */
  #table: PackedTable | undefined;
  /** Buckets of theirs that are fetched already, and how often they have changed meanwhile. */
  #staged = new Map<number, Uint8Array>();
  #attempts = 0;

  constructor(carrier: ExitCarrier) {
    this.#carrier = carrier;
  }

  /** As they are sealed; nothing where there are none. */
  get sealed(): PackedTable | undefined {
    return this.#table;
  }

  /** What was sealed. */
  restore(table: PackedTable | undefined): void {
    this.#table = table;
  }

  /** A row by its credential's key. */
  get(key: Uint8Array): Uint8Array | undefined {
    return this.#table?.get(key);
  }

  /** True where there were any. */
  clear(): boolean {
    const had = this.#table !== undefined;
    this.#table = undefined;
    this.#staged.clear();
    return had;
  }

  /**
   * Brings them to what a header says (`wanted`, its section). "again": they have changed meanwhile, and the newest header is to
   * be asked for. Throws Refused and CarrierError.
   */
  async sync(wanted: NonNullable<Header["sections"]["nt-hashes"]>): Promise<"changed" | "same" | "again"> {
    if (wanted.rowBytes !== NT_HASHES.rowBytes) throw new Refused("protocol");
    const table = this.#table ?? new PackedTable(NT_HASHES);
    this.#table = table;
    const staged = this.#staged;
    try {
      await fetchBuckets(this.#carrier, table, "nt-hashes", wanted.digest, staged);
    } catch (error) {
      // As with the credentials: what was fetched so far is kept.
      this.#attempts += 1;
      if (!(error instanceof Refused) || this.#attempts >= 5) throw error;
      return "again";
    }
    for (const [index, bytes] of staged) table.replaceBucket(index, bytes);
    const changed = staged.size > 0;
    staged.clear();
    this.#attempts = 0;
    return changed ? "changed" : "same";
  }

  /** A change, as it was broadcast. False where it does not come out as the header says: then nothing is changed. */
  apply(header: Header, { sections }: wire.Change): boolean {
    if (this.#table === undefined) return true;
    const part = sections.find(({ section }) => section === "nt-hashes");
    const undo = applyAll(this.#table, (part && wire.readOperations(part.operations, NT_HASHES)) ?? []);
    if (this.agrees(header)) return true;
    undo();
    return false;
  }

  /** Whether they are what the header says, or there are none here. */
  agrees({ sections }: Header): boolean {
    return (
      this.#table === undefined ||
      Buffer.from(this.#table.root()).toString("hex") === sections["nt-hashes"]?.digest
    );
  }
}
