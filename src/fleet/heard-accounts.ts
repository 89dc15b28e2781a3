/** After a read that failed: the database's server is away, as a rule for seconds. */
const RETRY_MS = 500;
/** As many accounts at one go as keep everybody else waiting some milliseconds. */
const READ_AT_ONCE = 200;
/** With more than this to be read again one by one, all are read again instead. */
const HEARD_MOST = 100_000;

/**
 * Accounts of which some office has changed something, until they are read as they now are: some at a time, or all by one walk, in one
 * serial loop. A reading that fails is tried again.
 */
export class HeardAccounts {
  readonly #walk: () => Promise<void>;
  readonly #read: (ids: string[]) => Promise<void>;
  readonly #ids = new Set<string>();
  #walkAgain = false;
  #working: Promise<void> | undefined;
  #begun = false;
  #closed = false;

  /** `walk` reads all accounts and calls `readSome` between its pages; `read` those few. */
  constructor(options: { walk: () => Promise<void>; read: (ids: string[]) => Promise<void> }) {
    this.#walk = options.walk;
    this.#read = options.read;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** "all": anybody may have changed. */
  hear(id: string | "all"): void {
    if (id !== "all") this.#ids.add(id);
    if (id === "all" || this.#ids.size > HEARD_MOST) {
      this.#ids.clear();
      this.#walkAgain = true;
    }
    this.#work();
  }

  /** The first walk; what is heard meanwhile is read in it or after it. Rejects as `walk` does. */
  async begin(): Promise<void> {
    await this.#walk();
    this.#begun = true;
    this.#work();
  }

  /** Reads some of those heard of, where there are any; returns which. Rejects as `read` does, and keeps them then. */
  async readSome(): Promise<string[]> {
    const ids = [...take(this.#ids, READ_AT_ONCE)];
    if (ids.length === 0) return ids;
    try {
      await this.#read(ids);
    } catch (error) {
      for (const id of ids) this.#ids.add(id);
      throw error;
    }
    return ids;
  }

  /** Resolves when nothing is being read. */
  async idle(): Promise<void> {
    await this.#working;
  }

  /** Nothing is read any more, but for what is being read. */
  close(): void {
    this.#closed = true;
  }

  #work(): void {
    // Not before the first walk, which does it on its way.
    if (!this.#begun || this.#working !== undefined || !this.#isWork()) return;
    this.#working = this.#readAll().finally(() => {
      this.#working = undefined;
      this.#work();
    });
  }

  #isWork = (): boolean => !this.#closed && (this.#walkAgain || this.#ids.size > 0);

  async #readAll(): Promise<void> {
    while (this.#isWork()) {
      const walks = this.#walkAgain;
      try {
        this.#walkAgain = false;
        await (walks ? this.#walk() : this.readSome());
      } catch {
        this.#walkAgain ||= walks;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }
}

/** Takes up to `most` out of a set. */
function* take<Value>(set: Set<Value>, most: number): Generator<Value> {
  for (const value of set) {
    if (most-- <= 0) return;
    set.delete(value);
    yield value;
  }
}
