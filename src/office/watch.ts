import { command, webhook } from "../fleet/alert-channels.ts";
import { type AlertChannel, Alerts } from "../fleet/alerts.ts";
import type { Status } from "../fleet/status.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/event-log.ts";
import type { Config } from "./config.ts";
import { parseListen } from "./listen-address.ts";
import { makeMetrics, metricsServer } from "./metrics.ts";
import { OfficeStartError } from "./start-errors.ts";
import type { ReportOutcome } from "./take-report.ts";

/** What the operator sees of the fleet without looking: alerts, and figures for Prometheus; each where lethe.toml asks for it. */
export interface Watch {
  count(kind: string, outcome: ReportOutcome): void;
  /** Throws OfficeStartError where the figures' port cannot be had. */
  start(): Promise<void>;
  close(): void;
}

export function makeWatch(options: {
  config: Pick<Config, "alerts" | "metrics">;
  status: Status;
  clock: Clock;
  log: Log;
  /** Whether this office of several is the one that tells; not asked before `start`. */
  leads: () => boolean;
}): Watch {
  const { config, status, clock, log, leads } = options;
  const metrics = config.metrics.listen === "" ? undefined : makeMetrics({ status, leads });
  const server = metrics && metricsServer(metrics);
  const channels: AlertChannel[] = [
    ...(config.alerts.webhook === "" ? [] : [webhook(config.alerts.webhook)]),
    ...(config.alerts.command.length === 0 ? [] : [command(config.alerts.command)]),
  ];
  let alerts: Alerts | undefined;
  return {
    count: (kind, outcome) => metrics?.countReport(kind, outcome),
    async start() {
      if (channels.length > 0) {
        const onOutcome = (channel: AlertChannel["name"], outcome: "told" | "failed" | "given-up") => {
          metrics?.countAlert(channel, outcome);
          if (outcome !== "told") log("alert-undelivered", { reason: "unreachable" });
        };
        alerts = new Alerts({ status, clock, channels, leads, onOutcome });
        alerts.start();
      }
      if (server === undefined) return;
      const { address, port } = parseListen(config.metrics.listen)!;
      await new Promise<void>((resolve, reject) => {
        server.once("error", (error: NodeJS.ErrnoException) =>
          reject(
            new OfficeStartError(
              `The figures for Prometheus cannot be served on ${config.metrics.listen}: ${error.code === "EADDRINUSE" ? "another program has this port" : error.code}. Change metrics.listen in lethe.toml.`,
            ),
          ),
        );
        server.listen(port, address, resolve);
      });
    },
    close() {
      alerts?.close();
      server?.close();
      server?.closeAllConnections();
    },
  };
}
