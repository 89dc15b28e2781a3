import { chmodSync, rmSync, statSync } from "node:fs";
import type { Server } from "node:net";
import { dirname } from "node:path";

/**
 * Listens on a socket file, in place of one that a dead process left. Whoever can reach the folder may connect, so the
 * folder must shut others out; where it does not, only our own user may.
 * Rejects with the system's error (EACCES, ENOENT …).
 */
export async function listenOnSocketFile(server: Server, path: string): Promise<void> {
  rmSync(path, { force: true });
  const guarded = (statSync(dirname(path)).mode & 0o007) === 0;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => {
      server.off("error", reject);
      resolve();
    });
  });
  chmodSync(path, guarded ? 0o666 : 0o600);
}

/** The waits before one try to connect and the next: doubling from `firstMs` to `maxMs`, each shortened by up to half at random. */
export class Backoff {
  #firstMs: number;
  #maxMs: number;
  #nextMs: number;

  constructor(firstMs: number, maxMs: number) {
    this.#firstMs = firstMs;
    this.#maxMs = maxMs;
    this.#nextMs = firstMs;
  }

  next(): number {
    const wait = this.#nextMs * (0.5 + Math.random() / 2);
    this.#nextMs = Math.min(this.#nextMs * 2, this.#maxMs);
    return wait;
  }

  reset(): void {
    this.#nextMs = this.#firstMs;
  }
}
