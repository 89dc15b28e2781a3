import type { Fleet } from "../fleet/fleet.ts";
import type { Status } from "../fleet/status.ts";
import { type Log, reasonOf } from "../lib/event-log.ts";
import type { Report } from "../link/reports.ts";

/**
 * Hands an exit's report on under the server's name (exits know the one that they were added with). Resolves when it has been
 * taken in or refused; rejects where the store cannot be written: it may come again.
 */
export const takeReport =
  ({ fleet, status, log }: { fleet: Fleet; status: Status; log: Log }) =>
  async (report: Report): Promise<void> => {
    const server = fleet.byLinkName(report.server);
    if (server === undefined) return log("totals-refused", { reason: "unknown" });
    try {
      const outcome = await status.accept({ ...report, server: server.name });
      if (!outcome.ok)
        log("totals-refused", { reason: outcome.error === "too-old" ? "outdated" : "unknown" });
    } catch (error) {
      log("store-unwritable", { reason: reasonOf(error) });
      throw error;
    }
  };
