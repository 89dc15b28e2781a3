import { type Log, reasonOf } from "../../lib/event-log.ts";
import type { ExitReport } from "../messages.ts";
import { releaseName } from "./layout.ts";
import type { Releases, WantedRelease } from "./releases.ts";

/** A release on trial must be well within so long. */
const TRIAL_MS = 90_000;

/**
 * Brings an exit from one release to the next. The office names the release in the signed settings; the keeper fetches
 * what is missing; the new one then runs on trial: it must reach the office, and each service that was well before must be
 * well again, or the launcher takes the former one back.
 */
export class Upgrade {
  readonly #releases: Releases;
  readonly #running: string;
  readonly #fetch: (sha256: string, bytes: number) => void;
  readonly #restart: () => void;
  readonly #onKept: () => void;
  readonly #log: Log;
  #wanted: WantedRelease | undefined;
  #installing = false;
  /** Services to be well again; undefined once the trial is over, or where there is none. */
  #trial: string[] | undefined;
  #timer: NodeJS.Timeout | undefined;
  #linked = false;
  #well: string[] = [];
  #settled = false;

  constructor(options: {
    releases: Releases;
    /** The name of the release that runs. */
    running: string;
    /** A file is wanted of the office; `fetched` is called when it may be there. */
    fetch: (sha256: string, bytes: number) => void;
    /** This process is to end and the launcher to run, engines and sessions staying. */
    restart: () => void;
    /** This release reaches its office, and is on no trial (any more). */
    onKept: () => void;
    log: Log;
    trialMs?: number;
  }) {
    this.#releases = options.releases;
    this.#running = options.running;
    this.#fetch = options.fetch;
    this.#restart = options.restart;
    this.#onKept = options.onKept;
    this.#log = options.log;
    this.#trial = this.#releases.trial(this.#running);
    if (this.#trial !== undefined)
      this.#timer = setTimeout(() => this.#giveUp(), options.trialMs ?? TRIAL_MS);
  }

  /** Settings that hold; `release` as they name it. */
  want(release: WantedRelease | undefined): void {
    this.#wanted = release;
    this.#step();
  }

  fetched(): void {
    this.#step();
  }

  /** The office has answered this release. */
  linked(): void {
    this.#linked = true;
    if (this.#trial === undefined) this.#onKept();
    else this.#judge();
  }

  reported({ settled, services }: ExitReport): void {
    this.#settled = settled;
    const names = [...new Set(services.map(({ service }) => service))];
    this.#well = names.filter((name) =>
      services.every(({ service, failed }) => service !== name || failed === undefined),
    );
    this.#judge();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #step(): void {
    const wanted = this.#wanted;
    if (wanted === undefined || this.#installing || this.#trial !== undefined) return;
    const name = releaseName(wanted.bundle.sha256);
    // One that failed here is not tried again until the office has named another.
    if (name === this.#running || name === this.#releases.failed) return;
    const missing = this.#releases.missing(wanted);
    if (missing === undefined) this.#log("upgrade-refused", { reason: "unavailable" });
    else if (missing.length > 0) for (const { sha256, bytes } of missing) this.#fetch(sha256, bytes);
    else void this.#install(wanted);
  }

  async #install(wanted: WantedRelease): Promise<void> {
    this.#installing = true;
    try {
      await this.#releases.install(wanted, this.#well);
    } catch (error) {
      // What was fetched and was not right is gone: it is fetched again.
      this.#installing = false;
      this.#log("upgrade-refused", { reason: reasonOf(error) });
      setTimeout(() => this.#step(), 60_000).unref();
      return;
    }
    this.#log("upgrade-started");
    this.#restart();
  }

  #judge(): void {
    if (this.#trial === undefined || !this.#linked || !this.#settled) return;
    if (!this.#trial.every((service) => this.#well.includes(service))) return;
    clearTimeout(this.#timer);
    this.#trial = undefined;
    this.#releases.keep();
    this.#log("upgrade-done");
    this.#onKept();
    this.#step();
  }

  #giveUp(): void {
    this.#log("upgrade-taken-back");
    this.#releases.giveUp();
    this.#restart();
  }
}
