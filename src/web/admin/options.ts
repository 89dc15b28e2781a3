import type { Context } from "hono";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/event-log.ts";
import type { Ask } from "./ask.ts";
import type { Visit, Visits } from "./visits.ts";

/** What the admin pages are made of. */
export interface AdminOptions {
  siteName: string;
  /** `npm start -- --demo`: the pages say so. */
  demo?: boolean;
  /** Random, `/` and 16 characters: the pages stand below it, and the cookie goes nowhere else (admin.ts says why). */
  base: string;
  /** Where a TLS proxy serves the pages, without a slash at the end; undefined: they are on loopback alone. */
  url: string | undefined;
  visits: Visits;
  /** The control API, as the `lethe` command asks it: no page can do what no command can do. */
  ask: Ask;
  clock: Clock;
  log: Log;
}

export interface AdminEnv {
  Variables: {
    /** Set where somebody is in. */
    visit: Visit;
    /** A posted form whose origin and token held. */
    form: URLSearchParams;
  };
}

export type AdminContext = Context<AdminEnv>;
