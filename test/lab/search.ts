import {
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  statSync,
} from "node:fs";
import { isIPv4, isIPv6 } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** What is looked for: a name that the report may carry, and the text that must not be anywhere. */
export interface Needle {
  what: string;
  text: string;
}

export interface Finding {
  what: string;
  /** How it was written there: `plain`, `base64+1` … */
  encoding: string;
  /** A path, a `table.column`, or the name of another source. */
  where: string;
}

interface Pattern {
  what: string;
  encoding: string;
  bytes: Buffer;
}

/**
 * The bytes of `text` in every writing it could have been left in (engines.md, "where data hides"): plain, upper and
 * lower case, hex, base64 and base64url at the three alignments, URL-encoded, UTF-16 in both byte orders; addresses also
 * in their long form and packed in both byte orders, that again in hex.
 */
export function patternsOf({ what, text }: Needle): Pattern[] {
  const patterns = new Map<string, Pattern>();
  const add = (encoding: string, bytes: Buffer) => {
    const key = bytes.toString("hex");
    if (bytes.length >= 4 && !patterns.has(key)) patterns.set(key, { what, encoding, bytes });
  };
  const texts = (prefix: string, value: string) => {
    for (const [name, cased] of [
      ["plain", value],
      ["lower", value.toLowerCase()],
      ["upper", value.toUpperCase()],
    ] as const) {
      const bytes = Buffer.from(cased, "utf8");
      add(prefix + name, bytes);
      const hex = bytes.toString("hex");
      add(`${prefix}${name} hex`, Buffer.from(hex));
      add(`${prefix}${name} HEX`, Buffer.from(hex.toUpperCase()));
      for (const [alignment, part] of base64Parts(bytes).entries()) {
        add(`${prefix}${name} base64+${alignment}`, Buffer.from(part));
        add(
          `${prefix}${name} base64url+${alignment}`,
          Buffer.from(part.replaceAll("+", "-").replaceAll("/", "_")),
        );
      }
      add(`${prefix}${name} url`, Buffer.from(encodeURIComponent(cased)));
      add(
        `${prefix}${name} url, every byte`,
        Buffer.from([...bytes].map((b) => `%${b.toString(16).padStart(2, "0")}`).join("")),
      );
      add(
        `${prefix}${name} URL, every byte`,
        Buffer.from([...bytes].map((b) => `%${b.toString(16).padStart(2, "0").toUpperCase()}`).join("")),
      );
      add(`${prefix}${name} utf-16le`, Buffer.from(cased, "utf16le"));
      add(`${prefix}${name} utf-16be`, Buffer.from(cased, "utf16le").swap16());
    }
  };
  texts("", text);
  const packed = packAddress(text);
  if (packed !== undefined) {
    const reversed = Buffer.from(packed).reverse();
    for (const [name, bytes] of [
      ["packed", packed],
      ["packed, reversed", reversed],
    ] as const) {
      add(name, bytes);
      add(`${name}, hex`, Buffer.from(bytes.toString("hex")));
      add(`${name}, HEX`, Buffer.from(bytes.toString("hex").toUpperCase()));
    }
    if (isIPv6(text)) texts("long form ", packed.toString("hex").replaceAll(/(....)(?!$)/g, "$1:"));
  }
  return [...patterns.values()];
}

/**
 * The part of `bytes`' base64 that does not depend on what stands before and after, for each of the three places at which
 * it may begin in a group of three.
 */
function base64Parts(bytes: Buffer): string[] {
  return [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString("base64")
      .replaceAll("=", "");
    const wholeGroups = Math.floor((before + bytes.length) / 3) * 4;
    return text.slice(before === 0 ? 0 : before + 1, wholeGroups);
  });
}

function packAddress(text: string): Buffer | undefined {
  if (isIPv4(text)) return Buffer.from(text.split(".").map(Number));
  if (!isIPv6(text) || text.includes(".")) return undefined;
  const [head = "", tail] = text.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill("0"), ...right];
  return Buffer.from(groups.map((group) => group.padStart(4, "0")).join(""), "hex");
}

/** Looks for needles in files, tables, processes and texts, and counts what it looked at. */
export class Search {
  readonly findings: Finding[] = [];
  /** How many files, table cells, processes and texts were looked at: an empty search must not pass for a clean one. */
  readonly looked = { files: 0, cells: 0, processes: 0, texts: 0 };
  readonly #patterns: Pattern[];

  constructor(needles: readonly Needle[]) {
    this.#patterns = needles.flatMap(patternsOf);
  }

  #look(bytes: Buffer, where: string): void {
    for (const { what, encoding, bytes: pattern } of this.#patterns) {
      if (bytes.includes(pattern)) this.findings.push({ what, encoding, where });
    }
  }

  text(content: string, where: string): void {
    this.looked.texts++;
    this.#look(Buffer.from(content), where);
  }

  /** Every regular file below `path` (names too), as raw bytes; `only` may pick by path and status. */
  files(path: string, only: (path: string) => boolean = () => true): void {
    try {
      const status = lstatSync(path);
      this.#look(Buffer.from(path.split("/").at(-1) ?? ""), `${path} (its name)`);
      if (status.isDirectory()) {
        for (const name of readdirSync(path)) this.files(join(path, name), only);
      } else if (status.isSymbolicLink()) {
        this.#look(Buffer.from(readlinkSync(path)), `${path} (where it points)`);
      } else if (status.isFile() && only(path)) {
        this.#chunks(path);
        this.looked.files++;
      }
    } catch (error) {
      // What goes away while the search walks by is not there to be found.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }

  #chunks(path: string): void {
    const longest = Math.max(0, ...this.#patterns.map(({ bytes }) => bytes.length));
    const file = openSync(path, "r");
    try {
      const size = 16 << 20;
      const buffer = Buffer.alloc(longest + size);
      let kept = 0;
      for (;;) {
        const read = readSync(file, buffer, kept, size, null);
        if (read === 0) break;
        this.#look(buffer.subarray(0, kept + read), path);
        const end = kept + read;
        kept = Math.min(longest, end);
        buffer.copyWithin(0, end - kept, end);
      }
    } finally {
      closeSync(file);
    }
  }

  /** Every cell of every table of an SQLite file. */
  tables(path: string): void {
    const database = new DatabaseSync(path, { readOnly: true });
    try {
      const names = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all() as {
        name: string;
      }[];
      for (const { name } of names) {
        for (const row of database.prepare(`SELECT * FROM "${name}"`).iterate()) {
          for (const [column, value] of Object.entries(row)) {
            this.looked.cells++;
            const bytes = value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(String(value));
            this.#look(bytes, `${name}.${column}`);
          }
        }
      }
    } finally {
      database.close();
    }
  }

  /**
   * What the processes have in memory, but for what is mapped from files. Texts are looked for as they are and in UTF-16 alone: so
   * that hundreds of megabytes are looked through in seconds.
   */
  memory(pids: readonly number[]): void {
    const wanted = this.#patterns.filter(
      ({ encoding }) => encoding === "plain" || encoding === "plain utf-16le",
    );
    for (const pid of pids) {
      let maps: string;
      let file: number;
      try {
        maps = readFileSync(`/proc/${pid}/maps`, "latin1");
        file = openSync(`/proc/${pid}/mem`, "r");
      } catch {
        continue; // it ended
      }
      this.looked.processes++;
      try {
        // proc(5): `55d0-55e0 rw-p 00000000 08:01 1234 /path`; inode 0 is no file's.
        for (const [, from = "", to = ""] of maps.matchAll(
          /^([0-9a-f]+)-([0-9a-f]+) rw\S* \S+ \S+ 0(?: .*)?$/gm,
        )) {
          this.#range(
            file,
            Number.parseInt(from, 16),
            Number.parseInt(to, 16),
            wanted,
            `process ${pid}, memory`,
          );
        }
      } finally {
        closeSync(file);
      }
    }
  }

  #range(file: number, from: number, to: number, wanted: readonly Pattern[], where: string): void {
    const longest = Math.max(0, ...wanted.map(({ bytes }) => bytes.length));
    const size = 16 << 20;
    const buffer = Buffer.alloc(longest + size);
    let kept = 0;
    for (let at = from; at < to; ) {
      let read = 0;
      try {
        read = readSync(file, buffer, kept, Math.min(size, to - at), at);
      } catch {
        return; // gone meanwhile, or never given
      }
      if (read === 0) return;
      const part = buffer.subarray(0, kept + read);
      for (const { what, encoding, bytes } of wanted) {
        if (part.includes(bytes)) this.findings.push({ what, encoding, where });
      }
      at += read;
      kept = Math.min(longest, part.length);
      buffer.copyWithin(0, part.length - kept, part.length);
    }
  }

  /** Command line, environment, and files that are open though deleted, of each process. */
  processes(pids: readonly number[]): void {
    for (const pid of pids) {
      const read = (path: string, where: string) => {
        try {
          this.#look(readFileSync(path), where);
        } catch {
          // the process ended meanwhile, or this descriptor is no file
        }
      };
      this.looked.processes++;
      read(`/proc/${pid}/cmdline`, `process ${pid} (command line)`);
      read(`/proc/${pid}/environ`, `process ${pid} (environment)`);
      let descriptors: string[] = [];
      try {
        descriptors = readdirSync(`/proc/${pid}/fd`);
      } catch {
        continue;
      }
      for (const descriptor of descriptors) {
        const path = `/proc/${pid}/fd/${descriptor}`;
        try {
          const target = readlinkSync(path);
          // Whoever reads a named pipe waits for ever.
          if (target.startsWith("/") && target.endsWith(" (deleted)") && statSync(path).isFile())
            read(path, `process ${pid}, deleted file ${target}`);
        } catch {
          // closed meanwhile
        }
      }
    }
  }
}
