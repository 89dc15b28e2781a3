import type { Session } from "./authorise.ts";

/** A session as its holder sees it, with the end that its maker holds. */
export class LiveSession implements Session {
  #release: () => void;
  #onCut: (() => void) | undefined;
  #state: "open" | "cut" | "closed" = "open";

  /** `release` is called once, when the session is closed or cut. */
  constructor(release: () => void) {
    this.#release = release;
  }

  onCut(callback: () => void): void {
    if (this.#state === "cut") callback();
    else if (this.#state === "open") this.#onCut = callback;
  }

  close(): void {
    if (this.#state === "open") this.#release();
    this.#state = "closed";
    this.#onCut = undefined;
  }

  cut(): void {
    if (this.#state !== "open") return;
    this.#state = "cut";
    this.#release();
    const callback = this.#onCut;
    this.#onCut = undefined;
    callback?.();
  }
}
