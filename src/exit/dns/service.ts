import { dirname } from "node:path";
import { BLOCKLISTS } from "../../lib/blocklist.ts";
import { resolverOf } from "../../lib/dns-levels.ts";
import type { EngineSpec, Engines } from "../../lib/engines.ts";
import { findProgram } from "../../lib/run-command.ts";
import type { ServerSettings } from "../../link/settings.ts";
import { isStarting } from "../failure.ts";
import { launcher } from "../launcher.ts";
import type { ExitStart } from "../messages.ts";
import { RESOLVER_4 } from "../tunnel-plan.ts";
import { engineNames, userExists } from "../unix-names.ts";
import { filteringConfiguration, type ResolverPlace, resolverConfiguration } from "./configuration.ts";
import { resolverConfigurationPath, resolverEngine, rootKeyFile } from "./engine.ts";
import { levelsOf } from "./levels.ts";
import { InstalledLists, type MissingList } from "./lists.ts";

const RESOLVER = "unbound";
const FILTER = "unbound-levels";
const AGAIN_AFTER_MS = 60_000;

/**
 * The resolvers inside the tunnels: one that keeps nothing back, and where the operator has blocklists a second one for all
 * levels that do. A level whose list has not come yet is silent: a question for it gets no answer rather than an unfiltered one.
 */
export class DnsService {
  readonly #start: ExitStart;
  readonly #engines: Pick<Engines, "view">;
  readonly #lists: InstalledLists;
  readonly #fetch: (sha256: string, bytes: number) => void;
  readonly #asked = new Set<string>();
  /** The one that runs on while newer lists are on their way. */
  #filter: EngineSpec | undefined;
  #settings: ServerSettings | undefined;
  #missingProgram = false;

  /** `fetch`: a file that the office has is to be brought; another pass follows when it is there. */
  constructor(options: {
    start: ExitStart;
    engines: Pick<Engines, "view">;
    fetch: (sha256: string, bytes: number) => void;
  }) {
    this.#start = options.start;
    this.#engines = options.engines;
    this.#fetch = options.fetch;
    const { run } = options.start;
    const base = resolverConfigurationPath(run.engines, FILTER).replace(/\.conf$/, "");
    this.#lists = new InstalledLists({ base, fetched: dirname(run.sealedRoster) });
  }

  /** The resolvers as they are to run. Rejects with the file system's error. */
  async prepare(settings: ServerSettings, ipv6: boolean, ipv6Uplink: boolean): Promise<EngineSpec[]> {
    this.#settings = settings;
    const program = findProgram("unbound");
    this.#missingProgram = program === undefined;
    if (program === undefined) return [];
    const { accounts } = this.#start;
    const place = {
      user: userExists("unbound") ? "unbound" : engineNames(accounts.vpn)?.user,
      rootKey: rootKeyFile(),
      ipv6,
      ipv6Uplink,
    };
    const resolver = this.#spec(program, RESOLVER, RESOLVER_4, resolverConfiguration(settings, place));
    await this.#prepareFilter(program, settings, place);
    return this.#filter === undefined ? [resolver] : [resolver, this.#filter];
  }

  async #prepareFilter(program: string, settings: ServerSettings, place: ResolverPlace): Promise<void> {
    const wanted = settings.dns.lists ?? {};
    const levels = levelsOf(settings);
    if (levels.length === 0) {
      this.#filter = undefined;
      return;
    }
    const missing = await this.#lists.install(wanted);
    this.#ask(missing);
    if (missing.length > 0) return;
    const lists = BLOCKLISTS.flatMap((list) => {
      const file = wanted[list];
      return file === undefined ? [] : [{ list, path: this.#lists.path(list, file.sha256) }];
    });
    const configuration = filteringConfiguration(settings, place, lists);
    this.#filter = this.#spec(program, FILTER, resolverOf(levels[0]!).v4, configuration);
  }

  /** Each file is asked for once; one that came and was wrong again after a while. */
  #ask(missing: readonly MissingList[]): void {
    for (const { sha256, bytes, refused } of missing) {
      const first = !this.#asked.has(sha256);
      this.#asked.add(sha256);
      if (first) this.#fetch(sha256, bytes);
      else if (refused) setTimeout(() => this.#fetch(sha256, bytes), AGAIN_AFTER_MS).unref();
    }
  }

  #spec(program: string, id: string, address: string, configuration: string): EngineSpec {
    return resolverEngine({
      id,
      address,
      program,
      launcher: launcher({ fewCapabilities: false }),
      configuration,
      configurationPath: resolverConfigurationPath(this.#start.run.engines, id),
    });
  }

  /** After a pass: lists that no engine reads any more go. */
  tidy(): void {
    if (this.#engines.view(FILTER)?.state === "running")
      this.#lists.forgetOthers(this.#settings?.dns.lists ?? {});
  }

  /** Takes the lists away. */
  clear(): void {
    this.#lists.forgetOthers({});
  }

  /** How they are now; `resolves`: the one that keeps nothing back answers. */
  report(): { pending: boolean; resolves: boolean; warnings: string[] } {
    const views = [RESOLVER, FILTER].map((id) => this.#engines.view(id));
    const pending = views.some(isStarting);
    const [resolves, filters] = views.map((view) => view?.state === "running");
    const levels = this.#settings === undefined ? [] : levelsOf(this.#settings);
    if (this.#missingProgram)
      return {
        pending: false,
        resolves: false,
        warnings: [
          "unbound is not installed: names cannot be looked up inside the tunnels (apt-get install unbound).",
        ],
      };
    const warnings: string[] = [];
    if (!resolves && !pending)
      warnings.push("The resolver (unbound) does not run: names cannot be looked up inside the tunnels.");
    else if (levels.length > 0 && !filters && !pending)
      warnings.push(
        this.#filter === undefined
          ? "The blocklists have not come from the office yet: names cannot be looked up by profiles that block."
          : "The resolver of the blocklists (unbound) does not run: names cannot be looked up by profiles that block.",
      );
    return { pending, resolves: resolves === true, warnings };
  }
}
