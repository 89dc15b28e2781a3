import { checkPair, type GoodPair, type Pair } from "../../certificates/pair.ts";
import type { FilesProblem } from "../../certificates/state.ts";
import type { ServerSettings } from "../../link/settings.ts";
import { GivenCertificate } from "./given.ts";
import { goodPair, type Standing, standingOf } from "./pair.ts";

/** How it stands, for the office; `files`: what became of the operator's, where there are some. */
export interface WholeStanding extends Standing {
  files?: "used" | FilesProblem;
}

/**
 * The certificate that is shown where the settings name one: from files that the operator put on the exit, else the exit's own,
 * which the office orders. The proxies over TLS go on to the site's, where that is on this machine and for the very name that members
 * connect to. IKEv2 does not: the site's key stands for the pages where passwords are typed, and would lie in a program that
 * reads the Internet, for clients that have no need of it (docs/decisions/0018-ikev2-with-strongswan.md).
 */
export class ShownCertificate {
  readonly #folder: string;
  readonly #given: GivenCertificate;
  #sites: Pair | undefined;

  /** `folder`: the exit's own (pair.ts). `onFiles`: the operator's files are others now. */
  constructor(folder: string, onFiles: () => void) {
    this.#folder = folder;
    this.#given = new GivenCertificate(folder, onFiles);
  }

  start(lookEveryMs?: number): void {
    this.#given.start(lookEveryMs);
  }

  close(): void {
    this.#given.close();
  }

  /** The site's, as the supervisor brings it. */
  takeSites(pair: Pair): void {
    this.#sites = pair;
  }

  /** For the proxies; nothing where none is good now. */
  find(settings: Pick<ServerSettings, "publicName" | "host">, nowMs: number): Pair | undefined {
    const sites = this.#sites && checkPair(this.#sites, [settings.host], nowMs);
    const found = this.findOwn(settings, nowMs) ?? (sites?.ok ? sites.value : undefined);
    return found && { certificate: found.certificate, key: found.key };
  }

  /** For IKEv2: never the site's. */
  findOwn({ publicName }: Pick<ServerSettings, "publicName">, nowMs: number): GoodPair | undefined {
    if (publicName === undefined) return undefined;
    return this.#given.find(publicName, nowMs) ?? goodPair(this.#folder, publicName, nowMs);
  }

  /** For the office. With files that are good nothing is asked for. Throws the file system's error where a key cannot be made. */
  standing(name: string, nowMs: number): WholeStanding {
    const files = this.#given.state(name, nowMs);
    const given = this.#given.find(name, nowMs);
    const standing =
      given === undefined
        ? standingOf(this.#folder, name, nowMs)
        : { until: Math.floor(given.notAfterMs / 1000) };
    return { ...standing, ...(files !== undefined && { files }) };
  }
}
