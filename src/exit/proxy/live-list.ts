/** A place in a `LiveList`. */
export interface Place<T> {
  /** Gone once the place has been given up. */
  item: T | undefined;
  older: Place<T> | undefined;
  newer: Place<T> | undefined;
}

/**
 * What is alive now, the oldest first. A Set would do the same, but not where thousands of connections a second come and go:
 * it makes itself a new table every so many deletions, the tables that have grown old still point to connections that are
 * long closed, and each collection of young garbage then copies those (measured: 10 to 20 ms each instead of 1). Here a
 * place that has been given up points to nothing.
 */
export class LiveList<T> {
  size = 0;
  #oldest: Place<T> | undefined;
  #newest: Place<T> | undefined;

  /** Takes the oldest out. */
  shift(): T | undefined {
    const oldest = this.#oldest?.item;
    if (this.#oldest) this.delete(this.#oldest);
    return oldest;
  }

  add(item: T): Place<T> {
    const place: Place<T> = { item, older: this.#newest, newer: undefined };
    if (this.#newest) this.#newest.newer = place;
    else this.#oldest = place;
    this.#newest = place;
    this.size += 1;
    return place;
  }

  /** Idempotent. */
  delete(place: Place<T>): void {
    if (place.item === undefined) return;
    const { older, newer } = place;
    if (older) older.newer = newer;
    else this.#oldest = newer;
    if (newer) newer.older = older;
    else this.#newest = older;
    place.item = undefined;
    place.older = undefined;
    place.newer = undefined;
    this.size -= 1;
  }

  /** Those of now that `chosen` takes; the list may then change. */
  filter(chosen: (item: T) => boolean): T[] {
    const items: T[] = [];
    for (let place = this.#oldest; place; place = place.newer) {
      if (chosen(place.item!)) items.push(place.item!);
    }
    return items;
  }
}
