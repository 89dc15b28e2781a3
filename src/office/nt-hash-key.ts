import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { ensureSecret, writeFileAtomic } from "../lib/atomic-file.ts";
import { HASH_KEY_BYTES } from "../link/nt-hashes.ts";

/**
 * The key by which exits with IKEv2 open the roster's NT hashes (link/nt-hashes.ts): a file of the office's own (0600), made on
 * the first start. It need not be the same on several offices, nor in a backup: each sends its own with the server's settings.
 */
export class NtHashKey {
  readonly #path: string;
  #key: Buffer;

  /** Throws the file system's error. */
  constructor(folder: string) {
    this.#path = join(folder, "nt-hash.key");
    this.#key = ensureSecret(this.#path, () => randomBytes(HASH_KEY_BYTES));
    if (this.#key.length !== HASH_KEY_BYTES) this.renew();
  }

  get bytes(): Uint8Array {
    return this.#key;
  }

  /** As it stands in a server's settings. */
  get base64(): string {
    return this.#key.toString("base64");
  }

  /** Another one from now on: after a server was seized that had it. Throws the file system's error. */
  renew(): void {
    const key = randomBytes(HASH_KEY_BYTES);
    writeFileAtomic(this.#path, key);
    this.#key = key;
  }
}
