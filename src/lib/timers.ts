/** Delays that end with whoever set them: after `close` nothing runs any more. They keep no process alive. */
export class Timers {
  readonly #timers = new Set<NodeJS.Timeout>();
  #closed = false;

  later(delayMs: number, run: () => void): void {
    if (this.#closed) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, delayMs);
    timer.unref();
    this.#timers.add(timer);
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}
