import assert from "node:assert/strict";
import { request } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { ServerStatus } from "../fleet/server-status.ts";
import { type Metrics, makeMetrics, metricsServer } from "./metrics.ts";

const server = (name: string, change: Partial<ServerStatus> = {}): ServerStatus => ({
  server: name,
  host: `${name}.example.net`,
  city: "Oslo",
  country: "Norway",
  countryCode: "NO",
  latitude: 59.9,
  longitude: 10.7,
  addresses: ["192.0.2.7"],
  groups: [],
  bandwidthMbit: 1000,
  draining: false,
  state: "up",
  noNewsSince: 0,
  slotEndsAt: 1_900_000_200,
  inPercent: 7,
  outPercent: 12,
  loadPercent: 12,
  services: [{ service: "openvpn", healthy: true, ports: [] }],
  largeDownloads: true,
  ...change,
});

async function get(metrics: Metrics, path: string, headers: Record<string, string> = {}, method = "GET") {
  const listening = metricsServer(metrics);
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  const { port } = listening.address() as AddressInfo;
  const answer = await new Promise<{ status: number; text: string }>((resolve, reject) => {
    request({ host: "127.0.0.1", port, path, headers, method }, async (response) => {
      let text = "";
      for await (const part of response) text += part;
      resolve({ status: response.statusCode!, text });
    })
      .on("error", reject)
      .end();
  });
  listening.closeAllConnections();
  listening.close();
  return answer;
}

test("servers, services, news and alerts are told, and nothing else with a label", async () => {
  let servers = [
    server("oslo1"),
    server("oslo2", { state: "no-news", services: [{ service: "http", healthy: false, ports: [] }] }),
  ];
  const metrics = makeMetrics({ status: { list: async () => servers }, leads: () => true });
  metrics.countReport("health", "new");
  metrics.countReport("health", "new");
  metrics.countAlert("webhook", "told");
  const { status, text } = await get(metrics, "/metrics");
  assert.equal(status, 200);
  for (const line of [
    'lethe_servers{state="up"} 1',
    'lethe_servers{state="no-news"} 1',
    'lethe_servers{state="never"} 0',
    'lethe_server_up{server="oslo2"} 0',
    'lethe_server_load_ratio{server="oslo1"} 0.12',
    'lethe_server_bandwidth_bytes_per_second{server="oslo1"} 125000000',
    'lethe_service_up{server="oslo2",service="http"} 0',
    'lethe_reports_total{kind="health",outcome="new"} 2',
    'lethe_alerts_total{channel="webhook",outcome="told"} 1',
    "lethe_office_leading 1",
  ])
    assert.ok(text.split("\n").includes(line), line);
  assert.ok(!text.includes('lethe_server_load_ratio{server="oslo2"}'), "an old figure");
  assert.match(text, /^process_resident_memory_bytes \d/m);

  // Names and labels by Prometheus' conventions, and no label that could hold a person, an address or a path.
  const labels = new Set(
    [...text.matchAll(/^lethe_\w+\{([^}]*)\}/gm)].flatMap(([, inside]) =>
      [...inside!.matchAll(/(\w+)="/g)].map(([, name]) => name),
    ),
  );
  assert.deepEqual([...labels].sort(), ["channel", "kind", "outcome", "server", "service", "state"]);
  assert.ok(!text.includes("192.0.2.7"));
  for (const [, name] of text.matchAll(/^# TYPE (lethe_\w+) counter$/gm)) assert.match(name!, /_total$/);

  servers = [server("oslo1")];
  assert.ok(!(await get(metrics, "/metrics")).text.includes("oslo2"), "a server that is gone");
});

test("only this machine's own questions for that one page are answered", async () => {
  const metrics = makeMetrics({
    status: { list: () => Promise.reject(new Error("away")) },
    leads: () => true,
  });
  assert.equal((await get(metrics, "/metrics")).status, 503);
  assert.equal((await get(metrics, "/")).status, 404);
  assert.equal((await get(metrics, "/metrics", {}, "POST")).status, 405);
  assert.equal((await get(metrics, "/metrics", { host: "attacker.example.net" })).status, 403);
});
