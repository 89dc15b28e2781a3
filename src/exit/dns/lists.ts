import { createHash } from "node:crypto";
import { constants, existsSync, readdirSync, rmSync } from "node:fs";
import { type FileHandle, open, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { BLOCKLISTS, type Blocklist, isBlocklistName } from "../../lib/blocklist.ts";
import type { ServerSettings } from "../../link/settings.ts";

type Wanted = NonNullable<ServerSettings["dns"]["lists"]>;

export interface MissingList {
  sha256: string;
  bytes: number;
  refused: boolean;
}

const LINES_AT_ONCE = 10_000;

/**
 * The blocklists as unbound reads them: one file each, made of what the keeper has fetched. The keeper is not to be believed:
 * the fetched file is copied out of its reach, and what is copied must have the digest that the office signed, and hold names
 * alone.
 */
export class InstalledLists {
  readonly #base: string;
  readonly #fetched: string;

  /** `base`: how the paths begin, where unbound may read them (see `resolverConfigurationPath`); `fetched`: where the keeper puts files. */
  constructor(options: { base: string; fetched: string }) {
    this.#base = options.base;
    this.#fetched = options.fetched;
  }

  /** The file to include for a list; it is there once it has been installed. */
  path(list: Blocklist, sha256: string): string {
    return `${this.#base}-${list}-${sha256}.names`;
  }

  /**
   * Installs what has been fetched, and gives the lists that are still to be fetched; `refused`: one had come, and was not
   * what the office signed, or there was no room for it.
   */
  async install(wanted: Wanted): Promise<MissingList[]> {
    const missing: MissingList[] = [];
    for (const list of BLOCKLISTS) {
      const file = wanted[list];
      if (file === undefined || existsSync(this.path(list, file.sha256))) continue;
      const refused = existsSync(join(this.#fetched, file.sha256));
      if (await this.#take(list, file)) continue;
      missing.push({ sha256: file.sha256, bytes: file.bytes, refused });
    }
    return missing;
  }

  /** Takes away every list but these; to be called when no engine reads the others any more. */
  forgetOthers(wanted: Wanted): void {
    const kept = new Set(
      BLOCKLISTS.flatMap((list) =>
        wanted[list] === undefined ? [] : [this.path(list, wanted[list].sha256)],
      ),
    );
    const folder = dirname(this.#base);
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      const ours = path.startsWith(`${this.#base}-`) && /-[0-9a-f]{64}\.names(?:\.new)?$/.test(name);
      if (ours && !kept.has(path)) rmSync(path, { force: true });
    }
  }

  async #take(list: Blocklist, { sha256, bytes }: { sha256: string; bytes: number }): Promise<boolean> {
    const fetched = join(this.#fetched, sha256);
    const target = this.path(list, sha256);
    const beside = `${target}.new`;
    // The keeper may have put a link or a pipe there.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    let source: FileHandle | undefined;
    let copy: FileHandle | undefined;
    try {
      source = await open(fetched, flags).catch(() => undefined);
      if (source === undefined) return false;
      const stats = await source.stat();
      if (!stats.isFile() || stats.size !== bytes) return false;
      rmSync(beside, { force: true });
      copy = await open(beside, "wx", 0o644);
      const hash = createHash("sha256");
      const right = await translate(
        source
          .createReadStream({ autoClose: false, end: bytes - 1 })
          .on("data", (chunk) => hash.update(chunk)),
        list,
        copy,
      );
      if (!right || hash.digest("hex") !== sha256) return false;
      await rename(beside, target);
      return true;
    } catch {
      // The disk is full, perhaps: everything else goes on, and the list is fetched once more.
      return false;
    } finally {
      await source?.close();
      await copy?.close();
      rmSync(beside, { force: true });
      rmSync(fetched, { force: true, recursive: true });
    }
  }
}

/**
 * unbound.conf(5): a local zone is what lies at a name and below it; the tag says whose questions it is for. False where a
 * line is no name: a line of anything else would be an option of unbound's.
 */
async function translate(source: Readable, list: Blocklist, copy: FileHandle): Promise<boolean> {
  let lines: string[] = [];
  const write = async (): Promise<void> => {
    await copy.write(`${lines.join("\n")}\n`);
    lines = [];
  };
  for await (const name of createInterface({ input: source, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (!isBlocklistName(name)) return false;
    lines.push(`local-zone: "${name}." always_nxdomain`, `local-zone-tag: "${name}." "${list}"`);
    if (lines.length >= LINES_AT_ONCE) await write();
  }
  if (lines.length > 0) await write();
  return true;
}
