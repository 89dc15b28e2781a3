import { existsSync } from "node:fs";
import { join } from "node:path";
import { CertificateFiles } from "../../certificates/files.ts";
import { checkPair, type GoodPair, type Pair } from "../../certificates/pair.ts";
import type { FilesProblem } from "../../certificates/state.ts";

/** Both by the names that certbot gives them, so that a link to certbot's folder will do. */
const FOLDER = "public";
const CERTIFICATE = "fullchain.pem";
const KEY = "privkey.pem";

/**
 * A public certificate that the operator puts on the exit: two files in `public`, beside the exit's own keys, read by root at the start
 * and again when one of them has changed. They go before a certificate that the office ordered. While
 * one is written and the other not yet, or where the next ones are no good, those before stay in use.
 */
export class GivenCertificate {
  readonly #paths: { certificate: string; key: string };
  readonly #files: CertificateFiles;
  #pair: Pair | undefined;
  /** Was good for a name when it was looked for last. */
  #former: Pair | undefined;

  /** `folder`: the exit's own. `onChange`: other files stand there, or none any more. */
  constructor(folder: string, onChange: () => void) {
    const within = join(folder, FOLDER);
    this.#paths = { certificate: join(within, CERTIFICATE), key: join(within, KEY) };
    this.#files = new CertificateFiles({
      ...this.#paths,
      onPair: (pair) => {
        this.#pair = pair;
        if (!this.#exist()) this.#former = undefined;
        onChange();
      },
    });
  }

  start(lookEveryMs?: number): void {
    this.#files.start(lookEveryMs);
  }

  close(): void {
    this.#files.close();
  }

  /** Where they are good for this name now. */
  find(name: string, nowMs: number): GoodPair | undefined {
    for (const pair of [this.#pair, this.#former]) {
      const checked = pair && checkPair(pair, [name], nowMs);
      if (!checked?.ok) continue;
      this.#former = pair;
      return checked.value;
    }
    return undefined;
  }

  /** How they are for this name; nothing where there are none. */
  state(name: string, nowMs: number): "used" | FilesProblem | undefined {
    if (this.#pair !== undefined) {
      const checked = checkPair(this.#pair, [name], nowMs);
      return checked.ok ? "used" : checked.error;
    }
    return this.#exist() ? "unreadable" : undefined;
  }

  /** One of the two, at least. */
  #exist(): boolean {
    return Object.values(this.#paths).some((path) => existsSync(path));
  }
}
