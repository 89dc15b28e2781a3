/**
 * Heads of HTTP/1.1 messages (RFC 9112), read incrementally and strictly: what two programs might read differently is no
 * request here, so that nothing can be smuggled past the proxy.
 *
 *   start-line CRLF *( field-name ":" OWS field-value OWS CRLF ) CRLF
 */
export type Field = readonly [name: string, value: string];

/** How the body behind a head ends (RFC 9112 section 6). `until-close` exists in responses alone. */
export type Framing =
  | { kind: "none" }
  | { kind: "length"; bytes: number }
  | { kind: "chunked" }
  | { kind: "until-close" };

export interface RequestHead {
  method: string;
  target: string;
  minorVersion: 0 | 1;
  fields: Field[];
  framing: Framing;
}

export interface ResponseHead {
  status: number;
  reason: string;
  minorVersion: 0 | 1;
  fields: Field[];
  framing: Framing;
}

/** `syntax`: not HTTP/1.x as RFC 9112 writes it. `framing`: unclear where the body ends. `version`: another HTTP. */
export type HeadError = "syntax" | "framing" | "version" | "too-large";

export type Parsed<T> = { ok: true; head: T } | { ok: false; error: HeadError };

/** Start line and fields with their line ends, in bytes; a password of 10,000 characters in Basic still fits. */
export const HEAD_LIMIT_BYTES = 32 * 1024;
export const FIELD_LIMIT = 200;
/** A head sent byte by byte would take hundreds of bytes for each while its pieces were kept as they came. */
const PIECES_MOST = 64;

const LF = 10;
const CR = 13;

/** Collects a head up to its empty line. `push` gives the whole head as latin1 text and what came behind it. */
export class HeadReader {
  #held: Buffer[] = [];
  #bytes = 0;
  /** How much of CRLF CRLF the last bytes were. */
  #matched = 0;
  #started = false;

  /** Whether a head has begun: the client owes the rest of it. */
  get partial(): boolean {
    return this.#bytes > 0;
  }

  /**
   * Empty lines ahead of a start line are skipped (RFC 9112 section 2.2). A line feed without its carriage return, a
   * carriage return without its line feed, and NUL are syntax errors as soon as they are seen.
   */
  push(
    chunk: Buffer,
  ): undefined | { ok: true; text: string; rest: Buffer } | { ok: false; error: HeadError } {
    let from = 0;
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at]!;
      if (byte === CR) {
        if (this.#matched % 2 === 1) return { ok: false, error: "syntax" };
        this.#matched += 1;
      } else if (byte === LF) {
        if (this.#matched % 2 === 0) return { ok: false, error: "syntax" };
        this.#matched += 1;
        if (!this.#started) {
          if (this.#bytes + at + 1 - from > 16) return { ok: false, error: "syntax" };
          this.#matched = 0;
          this.#held = [];
          this.#bytes = 0;
          from = at + 1;
        } else if (this.#matched === 4) {
          const bytes = Buffer.concat([...this.#held, chunk.subarray(from, at + 1)]);
          if (bytes.length > HEAD_LIMIT_BYTES) return { ok: false, error: "too-large" };
          this.#held = [];
          this.#bytes = 0;
          this.#matched = 0;
          this.#started = false;
          return { ok: true, text: bytes.toString("latin1"), rest: chunk.subarray(at + 1) };
        }
      } else {
        if (this.#matched % 2 === 1 || byte === 0) return { ok: false, error: "syntax" };
        this.#matched = 0;
        this.#started = true;
      }
    }
    if (from < chunk.length) this.#held.push(chunk.subarray(from));
    if (this.#held.length >= PIECES_MOST) this.#held = [Buffer.concat(this.#held)];
    this.#bytes += chunk.length - from;
    return this.#bytes > HEAD_LIMIT_BYTES ? { ok: false, error: "too-large" } : undefined;
  }
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** field-value without its surrounding white space: HTAB, SP, VCHAR, obs-text (RFC 9110 section 5.5). */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

export const valuesOf = (fields: readonly Field[], name: string): string[] =>
  fields.flatMap(([key, value]) => (key.toLowerCase() === name ? [value] : []));

/** The members of a comma-separated list field, lower-cased (RFC 9110 section 5.6.1). */
export const listOf = (fields: readonly Field[], name: string): string[] =>
  valuesOf(fields, name).flatMap((value) =>
    value
      .split(",")
      .map((member) => member.trim().toLowerCase())
      .filter((member) => member !== ""),
  );

function splitHead(text: string): { start: string; lines: string[] } {
  const lines = text.split("\r\n");
  return { start: lines[0]!, lines: lines.slice(1, -2) };
}

function parseFields(
  lines: string[],
  mend: boolean,
): { ok: true; fields: Field[] } | { ok: false; error: HeadError } {
  if (lines.length > FIELD_LIMIT) return { ok: false, error: "too-large" };
  const fields: [string, string][] = [];
  for (const line of lines) {
    // obs-fold: refused from clients, one space in a server's answer (RFC 9112 section 5.2).
    if (line.startsWith(" ") || line.startsWith("\t")) {
      const last = fields.at(-1);
      if (!mend || !last || !VALUE.test(line)) return { ok: false, error: "syntax" };
      last[1] = `${last[1]} ${line.trim()}`.trim();
      continue;
    }
    const colon = line.indexOf(":");
    // White space before the colon: refused from clients, taken away from a server's answer (RFC 9112 section 5.1).
    const name = mend ? line.slice(0, colon).trimEnd() : line.slice(0, colon);
    const value = line.slice(colon + 1).replace(/^[\t ]+|[\t ]+$/g, "");
    if (colon < 1 || !TOKEN.test(name) || !VALUE.test(value)) return { ok: false, error: "syntax" };
    fields.push([name, value]);
  }
  return { ok: true, fields };
}

/**
 * What Content-Length and Transfer-Encoding say together; undefined where that is not one clear thing: both of them, several
 * lengths that differ, a coding other than chunked (we never offer one with TE), or any of it in HTTP/1.0.
 */
function framingOf(fields: readonly Field[], minorVersion: 0 | 1): Framing | undefined {
  const codings = valuesOf(fields, "transfer-encoding");
  const lengths = valuesOf(fields, "content-length");
  if (codings.length > 0) {
    if (lengths.length > 0 || minorVersion === 0 || codings.length > 1) return undefined;
    return codings[0]!.toLowerCase() === "chunked" ? { kind: "chunked" } : undefined;
  }
  if (lengths.length === 0) return { kind: "none" };
  // "5, 5" is what a list of equal lengths becomes on its way (RFC 9110 section 8.6).
  const numbers = lengths.flatMap((value) => value.split(",").map((part) => part.trim()));
  if (!numbers.every((text) => /^\d{1,15}$/.test(text) && text === numbers[0])) return undefined;
  return { kind: "length", bytes: Number(numbers[0]) };
}

/** Reads a request's head as `HeadReader` gives it. */
export function parseRequestHead(text: string): Parsed<RequestHead> {
  const { start, lines } = splitHead(text);
  const [, method, target, major, minor] = /^([^ ]+) ([\x21-\x7e]+) HTTP\/(\d)\.(\d)$/.exec(start) ?? [];
  if (method === undefined || target === undefined || !TOKEN.test(method))
    return { ok: false, error: "syntax" };
  if (major !== "1") return { ok: false, error: "version" };
  const minorVersion = minor === "0" ? 0 : 1;
  const read = parseFields(lines, false);
  if (!read.ok) return read;
  const framing = framingOf(read.fields, minorVersion);
  if (!framing) return { ok: false, error: "framing" };
  const hosts = valuesOf(read.fields, "host");
  if (hosts.length > 1 || (hosts.length === 0 && minorVersion === 1)) return { ok: false, error: "syntax" };
  return { ok: true, head: { method, target, minorVersion, fields: read.fields, framing } };
}

/** Reads a response's head; `method` is the request's, which decides about the body (RFC 9112 section 6.3). */
export function parseResponseHead(text: string, method: string): Parsed<ResponseHead> {
  const { start, lines } = splitHead(text);
  const [, minor, code, reason = ""] =
    /^HTTP\/1\.(\d) ([1-5]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/.exec(start) ?? [];
  if (code === undefined) return { ok: false, error: "syntax" };
  const minorVersion = minor === "0" ? 0 : 1;
  const read = parseFields(lines, true);
  if (!read.ok) return read;
  const declared = framingOf(read.fields, minorVersion);
  if (!declared) return { ok: false, error: "framing" };
  const status = Number(code);
  const bodiless = method === "HEAD" || status < 200 || status === 204 || status === 304;
  const framing: Framing = bodiless
    ? { kind: "none" }
    : declared.kind === "none"
      ? { kind: "until-close" }
      : declared;
  return { ok: true, head: { status, reason, minorVersion, fields: read.fields, framing } };
}

/** Fields that concern one connection only (RFC 9110 section 7.6.1), beside those that Connection names. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
]);

/**
 * The fields that go on: without the hop-by-hop ones and every `Proxy-…`. Content-Length and Host stay whatever Connection
 * says, or a client could make the next server read the message differently.
 */
export function endToEnd(fields: readonly Field[]): Field[] {
  const named = new Set(listOf(fields, "connection"));
  named.delete("content-length");
  named.delete("host");
  return fields.filter(([name]) => {
    const key = name.toLowerCase();
    return !HOP_BY_HOP.has(key) && !key.startsWith("proxy-") && !named.has(key);
  });
}

/** A head as bytes, from parts that the parsers above have checked. */
export function writeHead(start: string, fields: readonly Field[]): Buffer {
  return Buffer.from(
    `${start}\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`,
    "latin1",
  );
}
