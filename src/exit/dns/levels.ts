import { BLOCKLISTS } from "../../lib/blocklist.ts";
import type { DnsLevel } from "../../lib/dns-levels.ts";
import type { ServerSettings } from "../../link/settings.ts";

/** The levels that these settings make, beside the one that keeps nothing back: one for each list that there is. */
export const levelsOf = ({ dns }: Pick<ServerSettings, "dns">): Exclude<DnsLevel, "none">[] =>
  BLOCKLISTS.filter((list) => dns.lists?.[list] !== undefined);
