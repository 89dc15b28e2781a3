import type { ServerStatus } from "../../fleet/status.ts";

/**
 * The server to choose now: the lowest load among those that are up and fit for everything (small ones only where no
 * other is up), and of equals the one with the most bandwidth.
 */
export function bestServer(servers: readonly ServerStatus[]): ServerStatus | undefined {
  return servers
    .filter((server) => server.state === "up" && server.services.some(({ healthy }) => healthy))
    .sort(
      (a, b) =>
        Number(b.largeDownloads) - Number(a.largeDownloads) ||
        a.loadPercent - b.loadPercent ||
        b.bandwidthMbit - a.bandwidthMbit,
    )[0];
}
