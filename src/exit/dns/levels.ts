import { BLOCKLISTS } from "../../lib/blocklist.ts";
import type { DnsLevel } from "../../lib/dns-levels.ts";
import type { ServerSettings } from "../../link/settings.ts";

/**
 * The levels that these settings make, beside the one that keeps nothing back: from the first list that there is on. One whose
 * own list is missing keeps back what the one before it does.
 */
export function levelsOf({ dns }: Pick<ServerSettings, "dns">): Exclude<DnsLevel, "none">[] {
  const first = BLOCKLISTS.findIndex((list) => dns.lists?.[list] !== undefined);
  return first < 0 ? [] : BLOCKLISTS.slice(first);
}
