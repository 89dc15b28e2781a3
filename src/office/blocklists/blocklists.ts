import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../../lib/atomic-file.ts";
import { BLOCKLIST_BYTES_MOST, BLOCKLISTS, type Blocklist } from "../../lib/blocklist.ts";
import type { Clock } from "../../lib/clock.ts";
import type { ServerSettings } from "../../link/settings.ts";
import type { BlocklistSourceView, BlocklistView } from "../../web/control/control.ts";
import { fileChunk } from "../file-chunk.ts";
import { readSource, SourceError } from "./sources.ts";

export type BlocklistSources = Readonly<Record<Blocklist, readonly string[]>>;
/** So that the office answers meanwhile. */
const NAMES_AT_ONCE = 20_000;

/** A list as the exits have it. */
interface Made {
  sha256: string;
  bytes: number;
  names: number;
}

interface Index {
  /** When a list was last read from its sources (UTC seconds), and from which. */
  read: Partial<Record<Blocklist, { renewed: number; sources: readonly string[] }>>;
  made: Partial<Record<Blocklist, Made>>;
}

/**
 * The blocklists that lethe.toml names: read when the operator asks, kept in the office's folder, given to the exits by their
 * digest. A list is renewed whole or not at all. Every list leaves out what one before it has, since a level blocks those too.
 */
export class Blocklists {
  readonly #folder: string;
  readonly #sources: BlocklistSources;
  readonly #clock: Clock;
  readonly #fetch: typeof fetch;
  #index: Index;
  #last: Promise<unknown> = Promise.resolve();

  /** Throws the file system's error. */
  constructor(options: { folder: string; sources: BlocklistSources; clock: Clock; fetch?: typeof fetch }) {
    this.#folder = options.folder;
    this.#sources = options.sources;
    this.#clock = options.clock;
    this.#fetch = options.fetch ?? fetch;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    this.#index = readIndex(join(this.#folder, "index.json"));
  }

  /** What the exits are told; nothing where no list is to be had. */
  settings(): ServerSettings["dns"]["lists"] {
    const lists = this.#wanted().flatMap((list): [Blocklist, { sha256: string; bytes: number }][] => {
      const made = this.#index.made[list];
      return made === undefined ? [] : [[list, { sha256: made.sha256, bytes: made.bytes }]];
    });
    return lists.length === 0 ? undefined : Object.fromEntries(lists);
  }

  /** The lists that are to be had: the levels that block something of their own. */
  get offered(): Blocklist[] {
    return Object.keys(this.settings() ?? {}) as Blocklist[];
  }

  view(): BlocklistView[] {
    return this.#wanted().map((list) => ({
      list,
      sources: this.#sources[list],
      names: this.#index.made[list]?.names,
      renewed: this.#index.read[list]?.renewed,
    }));
  }

  /** Whether lethe.toml names other sources now than those that were read. */
  get outdated(): boolean {
    const asNow = (list: Blocklist): boolean =>
      JSON.stringify(this.#index.read[list]?.sources ?? []) === JSON.stringify(this.#sources[list]);
    return !BLOCKLISTS.every(asNow);
  }

  /** Reads all sources again. One renewal after the other. Rejects with the file system's error; nothing has changed then. */
  renew(): Promise<BlocklistSourceView[]> {
    const renewal = this.#last.then(() => this.#renew());
    this.#last = renewal.catch(() => undefined);
    return renewal;
  }

  async #renew(): Promise<BlocklistSourceView[]> {
    const views: BlocklistSourceView[] = [];
    const read: Index["read"] = {};
    for (const list of this.#wanted()) {
      const names = new Set<string>();
      const of = await this.#readAll(list, names);
      views.push(...of);
      if (of.every(({ problem }) => problem === undefined)) {
        this.#write(`${list}.names`, `${[...names].join("\n")}\n`);
        read[list] = { renewed: Math.floor(this.#clock.now() / 1000), sources: this.#sources[list] };
      } else if (this.#index.read[list] !== undefined) read[list] = this.#index.read[list];
    }
    const made = await this.#make(Object.keys(read) as Blocklist[]);
    this.#index = { read, made };
    this.#write("index.json", JSON.stringify(this.#index));
    this.#forgetOthers();
    return views;
  }

  async #readAll(list: Blocklist, names: Set<string>): Promise<BlocklistSourceView[]> {
    const views: BlocklistSourceView[] = [];
    for (const source of this.#sources[list]) {
      try {
        const { found, skipped } = await readSource(source, names, { fetch: this.#fetch });
        views.push({ list, source, found, skipped, problem: undefined });
      } catch (error) {
        if (!(error instanceof SourceError)) throw error;
        views.push({ list, source, found: 0, skipped: 0, problem: error.message });
      }
    }
    return views;
  }

  /** Every list that has been read, without what one before it has, and without names below another of its names. */
  async #make(read: readonly Blocklist[]): Promise<Index["made"]> {
    const made: Index["made"] = {};
    const earlier = new Set<string>();
    const all = new Set<string>();
    for (const list of BLOCKLISTS.filter((each) => read.includes(each))) {
      const own = readFileSync(join(this.#folder, `${list}.names`), "latin1")
        .split("\n")
        .filter(Boolean);
      for (const name of own) all.add(name);
      const kept: string[] = [];
      for (const [index, name] of own.entries()) {
        if (!earlier.has(name) && !isBelowAny(name, all)) kept.push(name);
        if (index % NAMES_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      for (const name of own) earlier.add(name);
      made[list] = this.#put(list, kept);
    }
    return made;
  }

  #put(list: Blocklist, names: readonly string[]): Made {
    // A list that blocks nothing more than those before it is a level all the same (RFC 2606: a name that nobody has).
    const text = `${names.length === 0 ? "empty.invalid" : names.toSorted().join("\n")}\n`;
    if (text.length > BLOCKLIST_BYTES_MOST) throw new Error("a blocklist is larger than exits take");
    const sha256 = createHash("sha256").update(text).digest("hex");
    this.#write(`${list}-${sha256}`, text);
    return { sha256, bytes: text.length, names: names.length };
  }

  #write(name: string, text: string): void {
    writeFileAtomic(join(this.#folder, name), text);
  }

  #forgetOthers(): void {
    const { read, made } = this.#index;
    const kept = new Set([
      "index.json",
      ...Object.keys(read).map((list) => `${list}.names`),
      ...Object.entries(made).map(([list, { sha256 }]) => `${list}-${sha256}`),
    ]);
    for (const name of readdirSync(this.#folder))
      if (!kept.has(name)) rmSync(join(this.#folder, name), { force: true });
  }

  /** Of a list, at most 1,000,000 bytes from `offset` on; undefined where there is no such file. */
  chunk(sha256: string, offset: number): Uint8Array | undefined {
    const list = BLOCKLISTS.find((each) => this.#index.made[each]?.sha256 === sha256);
    if (list === undefined || !Number.isSafeInteger(offset) || offset < 0) return undefined;
    return fileChunk(join(this.#folder, `${list}-${sha256}`), offset);
  }

  #wanted(): Blocklist[] {
    return BLOCKLISTS.filter((list) => this.#sources[list].length > 0);
  }
}

/** Whether a name lies below one of these. */
function isBelowAny(name: string, names: ReadonlySet<string>): boolean {
  for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1))
    if (names.has(name.slice(dot + 1))) return true;
  return false;
}

function readIndex(path: string): Index {
  try {
    const index = JSON.parse(readFileSync(path, "utf8")) as Index;
    return { read: index.read ?? {}, made: index.made ?? {} };
  } catch {
    // None yet, or half a disk: it is made anew.
    return { read: {}, made: {} };
  }
}
