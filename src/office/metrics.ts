import { createServer, type Server } from "node:http";
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { ServerStatus } from "../fleet/server-status.ts";

/**
 * Figures for the operator's Prometheus. Servers, services, news and alerts, and this process itself: nothing that grows
 * with what a member does. A count of log-ins or of pages, read every few seconds, would be a log of when each happened.
 */
export interface Metrics {
  countReport(kind: string, outcome: string): void;
  countAlert(channel: string, outcome: string): void;
  /** The text that Prometheus reads (exposition format 0.0.4). */
  text(): Promise<string>;
}

const MBIT_BYTES = 125_000;

export function makeMetrics(options: {
  status: { list(): Promise<readonly ServerStatus[]> };
  leads: () => boolean;
}): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name: `lethe_${name}`, help, labelNames, registers });
  const servers = gauge("servers", "Servers by state", ["state"]);
  const up = gauge("server_up", "Whether the office has lately heard of a server", ["server"]);
  const draining = gauge("server_draining", "Whether a server takes no new logins", ["server"]);
  const load = gauge("server_load_ratio", "The larger of in and out, of the bandwidth; whole percents", [
    "server",
  ]);
  const into = gauge("server_in_ratio", "Traffic in, of the bandwidth; whole percents", ["server"]);
  const outOf = gauge("server_out_ratio", "Traffic out, of the bandwidth; whole percents", ["server"]);
  const bandwidth = gauge("server_bandwidth_bytes_per_second", "What a server's uplink carries", ["server"]);
  const service = gauge("service_up", "Whether a service works", ["server", "service"]);
  const leading = gauge("office_leading", "Whether this office of several leads");
  const counter = (name: string, help: string, labelNames: string[]) =>
    new Counter({ name: `lethe_${name}`, help, labelNames, registers });
  const reports = counter("reports_total", "News of servers", ["kind", "outcome"]);
  const alerts = counter("alerts_total", "Alerts to the operator", ["channel", "outcome"]);

  const ofServers = [servers, up, draining, load, into, outOf, bandwidth, service];
  const collect = async () => {
    for (const each of ofServers) each.reset();
    for (const state of ["up", "no-news", "never"]) servers.set({ state }, 0);
    for (const server of await options.status.list()) {
      const label = { server: server.server };
      servers.inc({ state: server.state });
      up.set(label, Number(server.state === "up"));
      draining.set(label, Number(server.draining));
      bandwidth.set(label, server.bandwidthMbit * MBIT_BYTES);
      for (const each of server.services)
        service.set({ ...label, service: each.service }, Number(each.healthy));
      // Nothing is better than an old figure that looks like one of now.
      if (server.state !== "up" || server.slotEndsAt === 0) continue;
      load.set(label, server.loadPercent / 100);
      into.set(label, server.inPercent / 100);
      outOf.set(label, server.outPercent / 100);
    }
    leading.set(Number(options.leads()));
  };
  return {
    countReport: (kind, outcome) => reports.inc({ kind, outcome }),
    countAlert: (channel, outcome) => alerts.inc({ channel, outcome }),
    async text() {
      await collect();
      return registry.metrics();
    },
  };
}

/** A page of another site that has its name point here (DNS rebinding) still calls us by its name. */
const HERE = /^(?:127\.[0-9.]+|\[::1\]|localhost)(?::[0-9]+)?$/;

/** The server of `GET /metrics`; it does not listen yet. */
export function metricsServer(metrics: Metrics): Server {
  return createServer(async (request, response) => {
    const answer = (status: number, text: string, type = "text/plain; charset=utf-8") =>
      response.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(text);
    if (!HERE.test(request.headers.host ?? "")) return answer(403, "Ask by the loopback address.\n");
    if (request.url !== "/metrics") return answer(404, "The figures are at /metrics.\n");
    if (request.method !== "GET" && request.method !== "HEAD") return answer(405, "Only GET.\n");
    try {
      return answer(200, await metrics.text(), "text/plain; version=0.0.4; charset=utf-8");
    } catch {
      return answer(503, "The store cannot be read.\n");
    }
  });
}
