import type { Fleet } from "../fleet/fleet.ts";
import { hopsOf } from "../fleet/hops.ts";
import { feedSettings } from "../fleet/settings-feed.ts";
import type { RosterPublisher } from "../link/publisher.ts";
import type { ServerSettings } from "../link/settings.ts";
import type { Config } from "./config.ts";
import type { ExitFiles } from "./exit-files.ts";
import { remoteSettings } from "./server-settings.ts";

/**
 * Sends each server what has changed of its settings: `own` to the exit of this machine, lethe.toml's to those that have joined.
 * Other offices' machines hear from their own. Returns what is to be called after every change of the fleet.
 */
export function settingsSender(options: {
  config: Config;
  own: ServerSettings;
  tlsCrypt: string;
  fleet: Fleet;
  publisher: RosterPublisher;
  files: Pick<ExitFiles, "release">;
}): () => Promise<void> {
  const { config, own, tlsCrypt, fleet, publisher, files } = options;
  let release: ServerSettings["release"];
  const send = feedSettings({
    fleet,
    publisher,
    settingsOf: (server) => {
      const more = config.vpn.two_hops ? { hops: hopsOf(server, fleet.current) } : {};
      if (server.linkName === own.server) return { ...own, ...more, draining: server.draining };
      if (server.local || server.nkey === undefined) return undefined;
      // One that is to run what an earlier version of this office gave out stays as it is.
      const asked = release?.bundle.sha256 === server.release ? release : undefined;
      return { ...remoteSettings(config, server, tlsCrypt, asked), ...more };
    },
  });
  return async () => {
    // Packing the runtime takes seconds: not before a server is to be upgraded.
    if (fleet.remote.some((server) => server.release !== undefined))
      release = await files.release().catch(() => release);
    send();
  };
}
