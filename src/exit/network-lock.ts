import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { holdFile } from "../lib/file-lock.ts";

/**
 * The folder that every Lethe of a machine has in common and may write, its unit's sandbox included: wireguard-go's sockets have to be
 * in it.
 */
const FOLDER = "/run/wireguard";
/** One that has just been told to end, or was killed, is gone by then, on a busy machine too; it may be our own former life with its sessions. */
const PATIENCE_MS = 15_000;
const AGAIN_MS = 100;

/**
 * Devices, their addresses, the firewall's table and the resolvers bear one name on every exit (tunnel-plan.ts): two exits in one
 * network (network_namespaces(7)) would take each other's away. The first holds a file by the network's number, and the others
 * stand aside until it ends.
 */
export class NetworkLock {
  readonly #folder: string;
  readonly #path: string;
  #held: { release(): void } | undefined;

  constructor(folder = FOLDER, network = statSync("/proc/self/ns/net").ino) {
    this.#folder = folder;
    this.#path = join(folder, `lethe-${network}.lock`);
  }

  /**
   * Whether it is ours, now or from before. Waits for one that is about to end. Where the folder cannot be written nobody can tell,
   * and it counts as ours.
   */
  async take(patienceMs = PATIENCE_MS): Promise<boolean> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      try {
        mkdirSync(this.#folder, { recursive: true, mode: 0o755 });
        this.#held ??= holdFile(this.#path);
      } catch {
        return true;
      }
      if (this.#held !== undefined) return true;
      if (performance.now() >= deadline) return false;
      await setTimeout(AGAIN_MS);
    }
  }

  release(): void {
    this.#held?.release();
    this.#held = undefined;
  }
}
