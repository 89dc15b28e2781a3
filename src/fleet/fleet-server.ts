import type { Blocked } from "../lib/port-range.ts";
import type { Listens } from "./listens.ts";
import type { Server } from "./servers.ts";

/** A server as the operator and the link see it. */
export interface FleetServer extends Server {
  /** Its name on the link (subjects, certificates): the name it was added with, whatever it is called now. */
  linkName: string;
  /** True: an office's own machine, kept by its lethe.toml. */
  local: boolean;
  /** `office:<id>` or `fleet`. */
  origin: string;
  /** Undefined until it has enrolled. */
  nkey: string | undefined;
  generation: number;
  /** Its own, for good: fleet/hops.ts. */
  number: number;
  /** Undefined: as lethe.toml says. */
  listens: Listens | undefined;
  /** SHA-256 of the bundle it is to run, hex. */
  release: string | undefined;
  /** What members do not reach through it. */
  blocked: Blocked;
  /** UTC seconds; undefined where no enrolment is open. */
  enrolmentExpires: number | undefined;
}

/** What `lethe server add` says of a new server; checked by `checkNewServer`. */
export interface NewServer {
  name: string;
  /** What members' clients connect to; undefined: taken from `addresses`. */
  host?: string | undefined;
  city: string;
  country: string;
  countryCode: string;
  latitude: number;
  longitude: number;
  bandwidthMbit: number;
  addresses: string[];
  groups?: string[] | undefined;
  listens?: Listens | undefined;
}

/** What the new exit needs to enrol; the token is shown once and stored nowhere. */
export interface Invitation {
  linkName: string;
  tokenId: string;
  token: string;
  /** UTC seconds. */
  expires: number;
}
