import { Collector } from "../analytics/collector.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/event-log.ts";
import type { InventoryEntry } from "../store/inventory.ts";
import type { AnalyticsDoor } from "../web/analytics-door.ts";
import { ANALYTICS_INVENTORY } from "../web/site/analytics.ts";
import type { AnalyticsSettings } from "./analytics-settings.ts";

/** What the site counts visits with, and what the inventory then says; nothing of either where lethe.toml does not switch it on. */
export function startAnalytics(options: {
  settings: AnalyticsSettings;
  /** The Measurement Protocol secret. */
  secret: string;
  origin: string;
  inventory: readonly InventoryEntry[];
  clock: Clock;
  log: Log;
}): { analytics?: AnalyticsDoor; inventory: readonly InventoryEntry[] } {
  const { settings, secret, origin, inventory, clock, log } = options;
  if (settings.google_id === "") return { inventory };
  const collector = new Collector({
    settings: { address: settings.collector, measurementId: settings.google_id, secret },
    clock,
    log,
  });
  return {
    analytics: { origin, visit: (visit) => collector.visit(visit) },
    inventory: [...inventory, ...ANALYTICS_INVENTORY],
  };
}
