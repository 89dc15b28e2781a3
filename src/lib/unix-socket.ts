import { chmodSync, renameSync, rmSync, statSync } from "node:fs";
import type { Server } from "node:net";
import { dirname, join } from "node:path";

let made = 0;

/**
 * Listens on a socket file, in place of one that a dead process left. Whoever can reach the folder may connect, so the
 * folder must shut others out; where it does not, only our own user may. The socket is made under another name and put in
 * its place: libuv unlinks the name that it was made under when it is closed, and that may be another's by then, where our
 * end and the next one's start overlap.
 * Rejects with the system's error (EACCES, ENOENT …).
 */
export async function listenOnSocketFile(server: Server, path: string): Promise<void> {
  const beside = join(dirname(path), `.${process.pid}-${++made}`);
  rmSync(beside, { force: true });
  const guarded = (statSync(dirname(path)).mode & 0o007) === 0;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(beside, () => {
      server.off("error", reject);
      resolve();
    });
  });
  chmodSync(beside, guarded ? 0o666 : 0o600);
  const { ino } = statSync(beside, { bigint: true });
  renameSync(beside, path);
  server.once("close", () => {
    if (statSync(path, { bigint: true, throwIfNoEntry: false })?.ino === ino) rmSync(path, { force: true });
  });
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
