import { PackedTable, type TableShape } from "./packed-table.ts";
import { Differences } from "./row-differences.ts";
import * as wire from "./wire.ts";

/** More operations than this are not sent one by one: the exits compare buckets. */
const MAX_OPERATIONS = 10_000;
const MAX_BUCKETS_ANSWER_BYTES = 1_000_000;

export type SectionQuestion = Extract<wire.Request, { section: string }>;

/** What a section amounts to, as it is signed. */
export interface SectionSummary {
  rows: number;
  /** The root digest, hex. */
  digest: string;
  rowBytes: number;
}

/** Rows that will take the place of a section's; see `PublishedSection.replace`. */
export interface Replacement {
  set(row: Uint8Array): void;
  /** From now on these, and what was done to the section meanwhile. */
  commit(): void;
  /** Everything stays as it is. */
  cancel(): void;
}

/** One section at the office: its rows, what has changed in them since it was last told, and the answers to exits about it. */
export class PublishedSection {
  readonly #shape: TableShape;
  #table: PackedTable;
  #differences = new Differences();
  /** Since `takeOperations`; nothing where there are too many to send. */
  #operations: Uint8Array[] | undefined = [];
  /** Operations made while a replacement is read; done again on the new table. */
  #sinceReplacing: wire.Operation[] | undefined;

  constructor(shape: TableShape) {
    this.#shape = shape;
    this.#table = new PackedTable(shape);
  }

  get size(): number {
    return this.#table.size;
  }

  get summary(): SectionSummary {
    const digest = Buffer.from(this.#table.root()).toString("hex");
    return { rows: this.#table.size, digest, rowBytes: this.#shape.rowBytes };
  }

  /** Sets a row, or deletes one by its key. False where that changes nothing. */
  do(operation: wire.Operation): boolean {
    this.#sinceReplacing?.push(operation);
    if (!apply(this.#table, operation)) return false;
    this.#operations?.push(wire.operation(operation.kind, operation.bytes));
    if (this.#operations !== undefined && this.#operations.length > MAX_OPERATIONS)
      this.#operations = undefined;
    return true;
  }

  /** Begins to replace all rows; one at a time. */
  replace(): Replacement {
    const table = new PackedTable(this.#shape);
    const since: wire.Operation[] = [];
    this.#sinceReplacing = since;
    return {
      set: (row) => table.set(row),
      commit: () => {
        for (const operation of since) apply(table, operation);
        this.#sinceReplacing = undefined;
        this.#table = table;
        this.#differences = new Differences();
        this.#operations = undefined;
      },
      cancel: () => {
        this.#sinceReplacing = undefined;
      },
    };
  }

  /** What has changed since the last call, as bytes; none where nothing has, or too much to tell. */
  takeOperations(): Uint8Array {
    const operations = Buffer.concat(this.#operations ?? []);
    this.#operations = [];
    return operations;
  }

  answer(asked: SectionQuestion): Uint8Array {
    const table = this.#table;
    switch (asked.kind) {
      case "nodes":
        return table.nodes();
      case "leaves":
        return Buffer.concat(asked.nodes.map((node) => table.leavesOf(node)));
      case "buckets":
        return asMuchAsFits(asked.buckets, (index) => table.bucket(index));
      case "rows":
        return asMuchAsFits(asked.buckets, ({ index, fingerprints }) =>
          this.#differences.of(table, index, fingerprints),
        );
    }
  }
}

/** One block for each of `asked`, as many as fit into an answer, one at least. */
function asMuchAsFits<Asked>(asked: Asked[], answerOf: (one: Asked) => Uint8Array): Uint8Array {
  const out: Uint8Array[] = [];
  let bytes = 0;
  for (const one of asked) {
    const part = answerOf(one);
    if (out.length > 0 && bytes + part.length > MAX_BUCKETS_ANSWER_BYTES) break;
    out.push(part);
    bytes += part.length;
  }
  return wire.blocks(...out);
}

/** False where nothing changed. */
function apply(table: PackedTable, operation: wire.Operation): boolean {
  if (operation.kind === wire.DELETE) return table.delete(operation.bytes);
  const key = operation.bytes.subarray(0, table.keyBytes);
  const old = table.get(key);
  if (old !== undefined && Buffer.from(old).equals(operation.bytes)) return false;
  table.set(operation.bytes);
  return true;
}
