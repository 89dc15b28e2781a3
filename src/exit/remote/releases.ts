import { createHash } from "node:crypto";
import {
  chmodSync,
  constants,
  createReadStream,
  createWriteStream,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { writeFileAtomic } from "../../lib/atomic-file.ts";
import type { ServerSettings } from "../../link/settings.ts";
import { releaseName } from "./layout.ts";

/** A file as signed settings name it. */
export interface WantedFile {
  sha256: string;
  bytes: number;
}

/** Where releases lie: layout.ts, unless a test says otherwise. */
export interface ReleaseFolders {
  code: string;
  /** Where the keeper puts what it has fetched, under its SHA-256. */
  fetched: string;
}

export type WantedRelease = NonNullable<ServerSettings["release"]>;

/**
 * The releases of a remote exit, as root keeps them. A release is a folder with the bundle and its Node; `current` points to
 * the one that runs, `previous` to the one before. What the keeper brings is copied to where the keeper cannot reach, and
 * hashed there: not a byte of it is parsed before its hash is the one that the office signed.
 */
export class Releases {
  readonly #code: string;
  readonly #fetched: string;

  constructor({ code, fetched }: ReleaseFolders) {
    this.#code = code;
    this.#fetched = fetched;
  }

  /** The name of the release that `current` names. */
  get current(): string {
    return basename(readlinkSync(join(this.#code, "current")));
  }

  /** The release that was taken back last. */
  get failed(): string | undefined {
    return this.#word("failed");
  }

  /** What has to be fetched before `install` can be called; undefined where this machine's processor is not served. */
  missing(wanted: WantedRelease, architecture: string = process.arch): WantedFile[] | undefined {
    const runtime = runtimeOf(wanted, architecture);
    if (runtime === undefined) return undefined;
    const needed = this.#holderOf(runtime.sha256) === undefined ? [wanted.bundle, runtime] : [wanted.bundle];
    return needed.filter(({ sha256 }) => !existsSync(join(this.#fetched, sha256)));
  }

  /**
   * Puts the release in place and on trial: the next start runs it. `services`: what was well until now, and is to be well
   * again. Rejects where a file is not what was signed (it is then removed), or cannot be written.
   */
  async install(
    wanted: WantedRelease,
    services: readonly string[],
    architecture: string = process.arch,
  ): Promise<void> {
    const name = releaseName(wanted.bundle.sha256);
    const runtime = runtimeOf(wanted, architecture)!;
    const folder = join(this.#code, "releases", name);
    const fresh = `${folder}.new`;
    rmSync(fresh, { recursive: true, force: true });
    mkdirSync(fresh, { mode: 0o755 });
    chmodSync(fresh, 0o755);
    await this.#take(wanted.bundle, join(fresh, "exit.mjs"));
    const holder = this.#holderOf(runtime.sha256);
    if (holder !== undefined) linkSync(join(holder, "node"), join(fresh, "node"));
    else {
      await this.#take(runtime, join(fresh, "node.gz"));
      await pipeline(
        createReadStream(join(fresh, "node.gz")),
        createGunzip(),
        createWriteStream(join(fresh, "node"), { mode: 0o755, flush: true }),
      );
      rmSync(join(fresh, "node.gz"));
    }
    chmodSync(join(fresh, "node"), 0o755);
    writeFileAtomic(join(fresh, "runtime"), `${runtime.sha256}\n`, 0o644);
    rmSync(folder, { recursive: true, force: true });
    renameSync(fresh, folder);
    // In this order: until `current` points to it, a start finds nothing changed and forgets the trial.
    this.#point("previous", this.current);
    rmSync(join(this.#code, "failed"), { force: true });
    writeFileAtomic(join(this.#code, "trial"), `0\n${services.join(" ")}\n`);
    this.#point("current", name);
  }

  /** The services that were well before, where `running` is on trial. */
  trial(running: string): string[] | undefined {
    const text = this.#text("trial");
    if (text === undefined) return undefined;
    if (this.#previous() !== undefined && this.#previous() !== running)
      return (text.split("\n")[1] ?? "").split(" ").filter((word) => word !== "");
    rmSync(join(this.#code, "trial"), { force: true });
    return undefined;
  }

  /** The trial is over, and good: what nobody will go back to is removed. */
  keep(): void {
    rmSync(join(this.#code, "trial"), { force: true });
    const kept = [this.current, this.#previous()];
    for (const name of readdirSync(join(this.#code, "releases"))) {
      if (!kept.includes(name)) rmSync(join(this.#code, "releases", name), { recursive: true, force: true });
    }
    for (const name of readdirSync(this.#fetched)) {
      if (/^[0-9a-f]{64}(\.part)?$/.test(name)) rmSync(join(this.#fetched, name), { force: true });
    }
  }

  /** The trial is over, and lost: the next start takes the former release (start-script.ts does it). */
  giveUp(): void {
    writeFileAtomic(join(this.#code, "trial"), "9\n");
  }

  #previous(): string | undefined {
    try {
      return basename(readlinkSync(join(this.#code, "previous")));
    } catch {
      return undefined;
    }
  }

  /** A release that has this runtime already. */
  #holderOf(runtimeSha256: string): string | undefined {
    const releases = join(this.#code, "releases");
    return readdirSync(releases)
      .filter((name) => /^[0-9a-f]{12}$/.test(name))
      .map((name) => join(releases, name))
      .find((folder) => textOf(join(folder, "runtime"))?.trim() === runtimeSha256);
  }

  /** Copies a fetched file out of the keeper's reach, hashing what is copied. */
  async #take(wanted: WantedFile, target: string): Promise<void> {
    const path = join(this.#fetched, wanted.sha256);
    // The keeper may have put a link or a pipe there.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    let source: FileHandle | undefined;
    try {
      source = await open(path, flags);
      const stats = await source.stat();
      if (!stats.isFile() || stats.size !== wanted.bytes)
        throw new Error("a fetched file is not what was asked for");
      const hash = createHash("sha256");
      await pipeline(
        source.createReadStream({ autoClose: false, end: wanted.bytes - 1 }),
        async function* (chunks) {
          for await (const chunk of chunks) {
            hash.update(chunk);
            yield chunk;
          }
        },
        createWriteStream(target, { mode: 0o644, flush: true }),
      );
      if (hash.digest("hex") !== wanted.sha256) throw new Error("a fetched file is not what was asked for");
      chmodSync(target, 0o644);
    } catch (error) {
      rmSync(path, { force: true, recursive: true });
      throw error;
    } finally {
      await source?.close();
    }
  }

  #point(link: string, name: string): void {
    const beside = join(this.#code, `${link}.new`);
    rmSync(beside, { force: true });
    symlinkSync(`releases/${name}`, beside);
    renameSync(beside, join(this.#code, link));
  }

  #word(name: string): string | undefined {
    const word = this.#text(name)?.trim();
    return word !== undefined && /^[0-9a-f]{12}$/.test(word) ? word : undefined;
  }

  #text(name: string): string | undefined {
    return textOf(join(this.#code, name));
  }
}

const runtimeOf = (wanted: WantedRelease, architecture: string): WantedFile | undefined =>
  wanted.runtimes[architecture as keyof WantedRelease["runtimes"]];

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
