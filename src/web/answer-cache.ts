import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Context } from "hono";
import type { Clock } from "../lib/clock.ts";
import { languageOf } from "./languages/page-language.ts";
import type { SiteEnv } from "./options.ts";

/** Of all public answers together. */
const ENTRIES_MOST = 300;
const BYTES_MOST = 48 * 1024 * 1024;
/** An answer may be so old although its figures have changed: a thousand servers' news come in one by one. */
const GOOD_FOR_MS = 1000;
/** Shorter answers do not become shorter on the wire. */
const GZIP_FROM_BYTES = 1000;

const compress = promisify(gzip);

interface Answer {
  body: Buffer;
  etag: string;
  zipped: Promise<Buffer> | undefined;
  /** What it was made of. */
  of: readonly unknown[];
  madeAtMs: number;
}

interface Kind {
  type: string;
  headers?: Record<string, string>;
}

/**
 * Answers that are the same for everybody, made once for what they are made of: rendered once, compressed once, and told
 * by a tag whether a visitor has them already. Never for a page with anything of a visitor's own in it (a form's token in
 * a compressed page could be guessed byte by byte from its length: the BREACH attack).
 */
export class AnswerCache {
  readonly #clock: Clock;
  readonly #answers = new Map<string, Answer>();
  #bytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The answer under `name` (a page: in its language) as made of `of` (compared item by item), or made now. */
  async answer(
    c: Context<SiteEnv>,
    name: string,
    of: readonly unknown[],
    kind: Kind,
    make: () => string | Buffer | Promise<string | Buffer>,
  ): Promise<Response> {
    const { tag, prefix } = languageOf(c);
    const key = kind.type.startsWith("text/html") ? `${prefix} ${tag} ${name}` : name;
    const answer = this.#find(key, of) ?? this.#keep(key, of, Buffer.from(await make()));
    const zip =
      answer.body.length >= GZIP_FROM_BYTES && /\bgzip\b/.test(c.req.header("accept-encoding") ?? "");
    const etag = zip ? `"${answer.etag}-gz"` : `"${answer.etag}"`;
    const headers: Record<string, string> = {
      "cache-control": "no-cache",
      ...kind.headers,
      "content-type": kind.type,
      vary: "accept-encoding, cookie",
      etag,
    };
    if (c.req.header("if-none-match")?.split(/, ?/).includes(etag)) return c.body(null, 304, headers);
    if (!zip) return c.body(bytes(answer.body), 200, headers);
    answer.zipped ??= compress(answer.body);
    return c.body(bytes(await answer.zipped), 200, { ...headers, "content-encoding": "gzip" });
  }

  #find(key: string, of: readonly unknown[]): Answer | undefined {
    const found = this.#answers.get(key);
    if (found === undefined) return undefined;
    const same = found.of.length === of.length && found.of.every((each, index) => each === of[index]);
    const ageMs = this.#clock.monotonic() - found.madeAtMs;
    if (!same && ageMs >= GOOD_FOR_MS) return undefined;
    // The one that nobody asked for in the longest time goes first.
    this.#answers.delete(key);
    this.#answers.set(key, found);
    return found;
  }

  #keep(key: string, of: readonly unknown[], body: Buffer): Answer {
    const etag = createHash("sha256").update(body).digest("base64url").slice(0, 22);
    const before = this.#answers.get(key);
    this.#remove(key);
    const answer: Answer = {
      body,
      etag,
      zipped: before?.etag === etag ? before.zipped : undefined,
      of,
      madeAtMs: this.#clock.monotonic(),
    };
    this.#answers.set(key, answer);
    this.#bytes += body.length;
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= ENTRIES_MOST && this.#bytes <= BYTES_MOST) break;
      if (oldest !== key) this.#remove(oldest);
    }
    return answer;
  }

  #remove(key: string): void {
    this.#bytes -= this.#answers.get(key)?.body.length ?? 0;
    this.#answers.delete(key);
  }
}

/** As hono's types want it: over a buffer that is shared with nobody. */
const bytes = (buffer: Buffer): Uint8Array<ArrayBuffer> =>
  new Uint8Array(buffer.buffer as ArrayBuffer, buffer.byteOffset, buffer.length);
