import { randomBytes } from "node:crypto";
import { hash, verify } from "@node-rs/argon2";

/** Too many logins at once: try again in a few seconds (HTTP 503). */
export class BusyError extends Error {
  override name = "BusyError";
  constructor() {
    super("too many logins at once");
  }
}

/** Argon2id as the OWASP Password Storage Cheat Sheet asks at least: 19 MiB, two passes, one lane. */
const ARGON2ID = { algorithm: 2, version: 1, memoryCost: 19_456, timeCost: 2, parallelism: 1, outputLen: 32 };

/**
 * Password hashes, two at a time: each takes 19 MiB and some tens of milliseconds of a core, so a flood of logins has to
 * wait its turn, and beyond a short queue is turned away with BusyError.
 */
export class Passwords {
  #running = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #atOnce: number;
  readonly #queueLength: number;
  /** A hash that no password has, for names that nobody has: the same work as for a real one. */
  readonly #decoy: string;

  constructor(options: { atOnce?: number; queueLength?: number } = {}) {
    this.#atOnce = options.atOnce ?? 2;
    this.#queueLength = options.queueLength ?? 40;
    const part = (bytes: number) => randomBytes(bytes).toString("base64").replaceAll("=", "");
    const { memoryCost, timeCost, parallelism } = ARGON2ID;
    this.#decoy = `$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$${part(16)}$${part(32)}`;
  }

  /** The PHC string of a password; the salt is random. Throws BusyError. */
  hash(password: string): Promise<string> {
    return this.#inTurn(() => hash(password, ARGON2ID));
  }

  /** Whether `password` is the hash's. Without a hash the answer is no, after the same work. Throws BusyError. */
  verify(phc: string | undefined, password: string): Promise<boolean> {
    return this.#inTurn(async () => (await verify(phc ?? this.#decoy, password)) && phc !== undefined);
  }

  async #inTurn<Value>(work: () => Promise<Value>): Promise<Value> {
    if (this.#running >= this.#atOnce) {
      if (this.#waiting.length >= this.#queueLength) throw new BusyError();
      // Whoever is done hands its place on, so that nobody who comes later can slip in between.
      await new Promise<void>((turn) => this.#waiting.push(turn));
    } else {
      this.#running++;
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
