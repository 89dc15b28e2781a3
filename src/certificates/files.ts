import { readFileSync, statSync } from "node:fs";
import type { Pair } from "./pair.ts";

/** A certificate with its chain is a few kilobytes; what is larger is some other file. */
const BYTES_MOST = 100_000;
const LOOK_EVERY_MS = 5_000;

/**
 * Certificate and key in two files that somebody else renews: read at the start and again when one of them has changed.
 * Run by whoever may read them; what stands in them is for the server to judge (pair.ts).
 */
export class CertificateFiles {
  readonly #paths: { certificate: string; key: string };
  readonly #onPair: (pair: Pair | undefined) => void;
  #seen: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** `onPair` gets undefined where they can no longer be read. */
  constructor(options: {
    certificate: string;
    key: string;
    onPair(pair: Pair | undefined): void;
  }) {
    this.#paths = { certificate: options.certificate, key: options.key };
    this.#onPair = options.onPair;
  }

  start(lookEveryMs = LOOK_EVERY_MS): void {
    this.look();
    this.#timer = setInterval(() => this.look(), lookEveryMs).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  look(): void {
    const { certificate, key } = this.#paths;
    const now = `${tokenOf(certificate)} ${tokenOf(key)}`;
    if (now === this.#seen) return;
    this.#seen = now;
    try {
      this.#onPair({ certificate: read(certificate), key: read(key) });
    } catch {
      this.#onPair(undefined);
    }
  }
}

/** Changes with the file, a link to another one included. */
function tokenOf(path: string): string {
  try {
    const { ino, size, mtimeMs, ctimeMs } = statSync(path);
    return `${ino}.${size}.${mtimeMs}.${ctimeMs}`;
  } catch {
    return "none";
  }
}

function read(path: string): string {
  if (statSync(path).size > BYTES_MOST) throw new Error("too large for a certificate");
  return readFileSync(path, "utf8");
}
