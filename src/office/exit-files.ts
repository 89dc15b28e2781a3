import { createHash } from "node:crypto";
import {
  createReadStream,
  createWriteStream,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { createGzip } from "node:zlib";
import { writeFileAtomic } from "../lib/atomic-file.ts";
import type { ServerSettings } from "../link/settings.ts";
import { buildExitBundle, type ExitBundle } from "./exit-bundle.ts";
import { fileChunk } from "./file-chunk.ts";
import { joinLine, joinScript, type ServedFile } from "./join-script.ts";

/** A line that was printed before an office was renewed still works until its token dies; upgrades finish by then too. */
const KEEP_MS = 7 * 86_400_000;
const ARCHITECTURES = ["x64", "arm64"] as const;
type Architecture = (typeof ARCHITECTURES)[number];

/** What ships to exits, taken from the checkout while it can be read: before root is given up. */
export interface ExitMaterial {
  bundle: ExitBundle;
  /** Open files of the Node runtimes that are installed here. */
  runtimes: Partial<Record<Architecture, number>>;
}

/** Throws where a source does not parse. */
export function openExitMaterial(): ExitMaterial {
  const runtimes: ExitMaterial["runtimes"] = {};
  for (const architecture of ARCHITECTURES) {
    const path = fileURLToPath(
      new URL(`../../node_modules/node-linux-${architecture}/bin/node`, import.meta.url),
    );
    if (existsSync(path)) runtimes[architecture] = openSync(path, "r");
  }
  return { bundle: buildExitBundle(), runtimes };
}

export interface ReadyFiles {
  join: ServedFile;
  bundle: ServedFile;
  runtimes: Partial<Record<Architecture, ServedFile>>;
}

/**
 * The files that a new server or an upgrade fetches, each named by its SHA-256: in a cache folder of the office's, made
 * when they are first wanted (the runtime takes some seconds to pack) and again when the office is another.
 */
export class ExitFiles {
  readonly #folder: string;
  readonly #site: string;
  readonly #siteTag: string;
  readonly #material: ExitMaterial;
  #ready: Promise<ReadyFiles> | undefined;

  /** `folder` may be gone, and is nothing to back up; `site` is what new servers reach the office's site at. */
  constructor(options: { folder: string; site: string; siteTag: string; material: ExitMaterial }) {
    this.#folder = options.folder;
    this.#site = options.site;
    this.#siteTag = options.siteTag;
    this.#material = options.material;
  }

  /** All that a join needs. Rejects with the file system's error, or where no runtime is installed here. */
  ready(): Promise<ReadyFiles> {
    this.#ready ??= this.#make().catch((error) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  /** What the settings of an exit name as its release. Rejects as `ready` does. */
  async release(): Promise<NonNullable<ServerSettings["release"]>> {
    const { bundle, runtimes } = await this.ready();
    const named = Object.entries(runtimes).map(([architecture, file]) => [architecture, shape(file)]);
    return { bundle: shape(bundle), runtimes: Object.fromEntries(named) };
  }

  /** The line to paste on the new machine (see joinLine). Rejects as `ready` does. */
  async line(code: string): Promise<string> {
    const { join } = await this.ready();
    return joinLine({ site: this.#site, join, code });
  }

  /** Of the bundle or a runtime, at most 1,000,000 bytes from `offset` on; undefined where there is no such file. */
  read(sha256: string, offset: number): Uint8Array | undefined {
    const path = this.#paths().find((name) => name.includes(`-${sha256}.`) && !name.startsWith("join-"));
    if (path === undefined || !Number.isSafeInteger(offset) || offset < 0) return undefined;
    return fileChunk(join(this.#folder, path), offset);
  }

  /** The file behind a path of the site, for `GET /exit/…`; undefined where there is none. Its name says what is in it for ever. */
  serve(path: string): { file: string; bytes: number; contentType: string } | undefined {
    const name = /^\/exit\/((?:join|bundle|node-x64|node-arm64)-[0-9a-f]{64}\.(?:sh|mjs|gz))$/.exec(
      path,
    )?.[1];
    if (name === undefined || !this.#paths().includes(name)) return undefined;
    const file = join(this.#folder, name);
    const contentType = name.endsWith(".gz") ? "application/gzip" : "text/plain; charset=utf-8";
    return { file, bytes: statSync(file).size, contentType };
  }

  #paths(): string[] {
    try {
      return readdirSync(this.#folder);
    } catch {
      return [];
    }
  }

  async #make(): Promise<ReadyFiles> {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const bundle = this.#put("bundle", "mjs", this.#material.bundle.bytes);
    const runtimes: ReadyFiles["runtimes"] = {};
    for (const architecture of ARCHITECTURES) {
      const file = this.#material.runtimes[architecture];
      if (file !== undefined) runtimes[architecture] = await this.#pack(architecture, file);
    }
    if (Object.keys(runtimes).length === 0)
      throw new Error("no Node runtime for exits is installed beside this office");
    const site = { site: this.#site, siteTag: this.#siteTag };
    const script = this.#put("join", "sh", Buffer.from(joinScript({ ...site, bundle, runtimes })));
    this.#forget(Object.values(runtimes).concat(script, bundle));
    return { join: script, bundle, runtimes };
  }

  #put(kind: string, ending: string, bytes: Uint8Array): ServedFile {
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const name = `${kind}-${sha256}.${ending}`;
    if (!this.#paths().includes(name)) writeFileAtomic(join(this.#folder, name), bytes);
    return { path: `/exit/${name}`, sha256, bytes: bytes.length };
  }

  /** Packed once for each binary: it is known by its size and its time, since reading all of it takes as long as packing it. */
  async #pack(architecture: Architecture, binary: number): Promise<ServedFile> {
    const { size, mtimeMs } = fstatSync(binary);
    const note = join(this.#folder, `node-${architecture}.json`);
    const known = readNote(note);
    if (known?.size === size && known.mtimeMs === mtimeMs) {
      const name = `node-${architecture}-${known.sha256}.gz`;
      const packed = statSync(join(this.#folder, name), { throwIfNoEntry: false });
      if (packed !== undefined) return { path: `/exit/${name}`, sha256: known.sha256, bytes: packed.size };
    }
    const beside = join(this.#folder, `node-${architecture}.new`);
    rmSync(beside, { force: true });
    const hash = createHash("sha256");
    let bytes = 0;
    // The header of gzip bears no time here: the same binary makes the same file on every office.
    const zipped = createReadStream("", { fd: binary, autoClose: false, start: 0 }).pipe(
      createGzip({ level: 6 }),
    );
    await pipeline(
      zipped,
      async function* (chunks) {
        for await (const chunk of chunks) {
          hash.update(chunk);
          bytes += chunk.length;
          yield chunk;
        }
      },
      createWriteStream(beside, { mode: 0o600, flush: true }),
    );
    const sha256 = hash.digest("hex");
    const name = `node-${architecture}-${sha256}.gz`;
    renameSync(beside, join(this.#folder, name));
    writeFileAtomic(note, JSON.stringify({ size, mtimeMs, sha256 }));
    return { path: `/exit/${name}`, sha256, bytes };
  }

  /** Files that nothing has named for a week go; those in use are marked as such. */
  #forget(used: ServedFile[]): void {
    const now = new Date();
    for (const name of this.#paths().filter((path) => /-[0-9a-f]{64}\./.test(path))) {
      const path = join(this.#folder, name);
      if (used.some((file) => file.path === `/exit/${name}`)) utimesSync(path, now, now);
      else if (now.getTime() - statSync(path).mtimeMs > KEEP_MS) rmSync(path, { force: true });
    }
  }
}

const shape = ({ sha256, bytes }: ServedFile): { sha256: string; bytes: number } => ({ sha256, bytes });

function readNote(path: string): { size: number; mtimeMs: number; sha256: string } | undefined {
  try {
    const { size, mtimeMs, sha256 } = JSON.parse(readFileSync(path, "utf8"));
    return /^[0-9a-f]{64}$/.test(sha256) ? { size, mtimeMs, sha256 } : undefined;
  } catch {
    return undefined;
  }
}
