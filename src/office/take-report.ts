import type { Fleet } from "../fleet/fleet.ts";
import type { Status } from "../fleet/status.ts";
import { type Log, reasonOf } from "../lib/event-log.ts";
import type { Report } from "../link/reports.ts";

interface Taking {
  fleet: Fleet;
  status: Status;
  log: Log;
  /** For the operator's figures. */
  count?: (kind: Report["kind"], outcome: ReportOutcome) => void;
}

export type ReportOutcome = "new" | "replay" | "refused" | "unwritable";

/**
 * Hands an exit's report on under the server's name (exits know the one that they were added with). Resolves when it has been
 * taken in or refused; rejects where the store cannot be written: it may come again.
 */
export const takeReport =
  ({ fleet, status, log, count }: Taking) =>
  async (report: Report): Promise<void> => {
    const server = fleet.byLinkName(report.server);
    if (server === undefined) {
      count?.(report.kind, "refused");
      return log("totals-refused", { reason: "unknown" });
    }
    try {
      if (report.kind === "identity") {
        const { kind, protocol: _, server: __, ...identity } = report;
        const taken = await fleet.setIdentity(server.name, identity);
        return count?.(kind, taken.ok ? "new" : "refused");
      }
      const outcome = await status.accept({ ...report, server: server.name });
      count?.(report.kind, outcome.ok ? outcome.value : "refused");
      if (!outcome.ok)
        log("totals-refused", { reason: outcome.error === "too-old" ? "outdated" : "unknown" });
    } catch (error) {
      count?.(report.kind, "unwritable");
      log("store-unwritable", { reason: reasonOf(error) });
      throw error;
    }
  };
