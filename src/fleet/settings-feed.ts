import type { RosterPublisher } from "../link/publisher.ts";
import type { ServerSettings } from "../link/settings.ts";
import type { Fleet } from "./fleet.ts";
import type { FleetServer } from "./fleet-server.ts";

/**
 * Hands each server's settings to the publisher, which sends what has changed; those of a server that is no more are taken
 * away. `settingsOf` gives nothing for a server that another office feeds, or that has not enrolled. To be called again
 * whenever servers or the settings' other sources change.
 */
export function feedSettings(options: {
  fleet: Pick<Fleet, "current">;
  publisher: Pick<RosterPublisher, "setSettings" | "removeServer">;
  settingsOf: (server: FleetServer) => ServerSettings | undefined;
}): () => void {
  const { fleet, publisher, settingsOf } = options;
  let fed = new Set<string>();
  return () => {
    const now = new Set<string>();
    for (const server of fleet.current) {
      const settings = settingsOf(server);
      if (settings === undefined) continue;
      now.add(settings.server);
      publisher.setSettings(settings.server, settings);
    }
    for (const server of fed) if (!now.has(server)) publisher.removeServer(server);
    fed = now;
  };
}
