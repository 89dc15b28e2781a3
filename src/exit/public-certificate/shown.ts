import { checkPair, type Pair } from "../../certificates/pair.ts";
import type { ServerSettings } from "../../link/settings.ts";
import { goodPair } from "./pair.ts";

/**
 * The certificate that the proxies show over TLS: the exit's own where the settings name one, or the site's, where that is on
 * this machine and for the very name that members connect to.
 */
export class ShownCertificate {
  readonly #folder: string;
  #sites: Pair | undefined;

  /** `folder`: the exit's own (pair.ts). */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The site's, as the supervisor brings it. */
  takeSites(pair: Pair): void {
    this.#sites = pair;
  }

  /** Nothing where none is good now. */
  find({ publicName, host }: Pick<ServerSettings, "publicName" | "host">, nowMs: number): Pair | undefined {
    const own = publicName === undefined ? undefined : goodPair(this.#folder, publicName, nowMs);
    const sites = this.#sites && checkPair(this.#sites, [host], nowMs);
    const found = own ?? (sites?.ok ? sites.value : undefined);
    return found && { certificate: found.certificate, key: found.key };
  }
}
