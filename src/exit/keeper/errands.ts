import { createHash } from "node:crypto";
import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { Backoff } from "../../lib/unix-socket.ts";
import type { ExitCarrier } from "../../link/carrier.ts";
import { requestCertificate, requestFileChunk } from "../../link/office-client.ts";
import type { KeeperErrand, KeeperErrandDone } from "../messages.ts";

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 60_000;

/**
 * What root has the keeper ask of the office, since root itself reads nothing from the link: a certificate, or a file by
 * its SHA-256. Each is tried until it succeeds or another of its kind takes its place. Root checks what comes of it.
 */
export class Errands {
  readonly #carrier: ExitCarrier;
  readonly #folder: string;
  readonly #done: (message: KeeperErrandDone) => void;
  /** The newest errand of each kind, files by their digest. */
  readonly #wanted = new Map<string, symbol>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #closed = false;

  /** Files go into `folder`, each under its SHA-256 in hex. */
  constructor(options: {
    carrier: ExitCarrier;
    folder: string;
    done: (message: KeeperErrandDone) => void;
  }) {
    this.#carrier = options.carrier;
    this.#folder = options.folder;
    this.#done = options.done;
  }

  run(errand: KeeperErrand): void {
    if (errand.type === "certify")
      void this.#until("certify", async () => {
        this.#done({
          type: "certificate",
          certificate: await requestCertificate(this.#carrier, errand.request),
        });
      });
    else
      void this.#until(errand.sha256, async () => {
        await this.#fetch(errand.sha256, errand.bytes);
        this.#done({ type: "fetched", sha256: errand.sha256 });
      });
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
  }

  async #until(what: string, work: () => Promise<void>): Promise<void> {
    const mine = Symbol(what);
    this.#wanted.set(what, mine);
    const backoff = new Backoff(FIRST_RETRY_MS, LONGEST_RETRY_MS);
    while (this.#wanted.get(what) === mine && !this.#closed) {
      try {
        await work();
        this.#wanted.delete(what);
      } catch {
        // The office is away, or does not have it yet; the disk may be full.
        await this.#wait(backoff.next());
      }
    }
  }

  /** Goes on where a lost connection left off. */
  async #fetch(sha256: string, bytes: number): Promise<void> {
    const path = join(this.#folder, sha256);
    const part = `${path}.part`;
    if (statSync(path, { throwIfNoEntry: false })?.size === bytes) return;
    const file = openSync(part, "a", 0o600);
    try {
      let size = statSync(part).size;
      while (size < bytes) {
        const chunk = await requestFileChunk(this.#carrier, sha256, size);
        if (chunk.length === 0 || size + chunk.length > bytes)
          throw new Error("the file is not as long as it should be");
        let written = 0;
        while (written < chunk.length) written += writeSync(file, chunk, written);
        size += chunk.length;
      }
      if (size !== bytes || digestOf(part) !== sha256) throw new Error("the file is another one");
    } catch (error) {
      // What is not the beginning of the right file never becomes it.
      if (statSync(part).size >= bytes) rmSync(part, { force: true });
      throw error;
    } finally {
      closeSync(file);
    }
    renameSync(part, path);
  }

  #wait(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      resolve();
    }, ms);
    this.#timers.add(timer);
    return promise;
  }
}

const digestOf = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");
