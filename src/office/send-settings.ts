import type { Fleet } from "../fleet/fleet.ts";
import { hopsOf } from "../fleet/hops.ts";
import { feedSettings } from "../fleet/settings-feed.ts";
import type { RosterPublisher } from "../link/publisher.ts";
import type { ServerSettings } from "../link/settings.ts";
import type { Blocklists } from "./blocklists/blocklists.ts";
import type { Config } from "./config.ts";
import type { ExitFiles } from "./exit-files.ts";
import type { NtHashKey } from "./nt-hash-key.ts";
import { remoteSettings, withBlocked } from "./server-settings.ts";

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
  blocklists: Pick<Blocklists, "settings">;
  ntHashKey: NtHashKey;
  /** The publisher keeps NT hashes from now on, or under another key: every credential is to be set again. */
  onNtHashes: () => void;
}): () => Promise<void> {
  const { config, own, tlsCrypt, fleet, publisher, files, blocklists, ntHashKey, onNtHashes } = options;
  let ikev2 = false;
  let release: ServerSettings["release"];
  const send = feedSettings({
    fleet,
    publisher,
    settingsOf: (server) => {
      const more = config.vpn.two_hops ? { hops: hopsOf(server, fleet.current) } : {};
      if (server.linkName === own.server)
        return withKey(
          withLists(withBlocked({ ...own, ...more, draining: server.draining }, server.blocked)),
        );
      if (server.local || server.nkey === undefined) return undefined;
      // One that is to run what an earlier version of this office gave out stays as it is.
      const asked = release?.bundle.sha256 === server.release ? release : undefined;
      const settings = { ...remoteSettings(config, server, tlsCrypt, asked), ...more };
      return withKey(withLists(withBlocked(settings, server.blocked)));
    },
  });
  const withLists = (settings: ServerSettings): ServerSettings => {
    const lists = blocklists.settings();
    return lists === undefined ? settings : { ...settings, dns: { ...settings.dns, lists } };
  };
  /** Those with IKEv2 get what opens the NT hashes, as it now is. */
  const withKey = (settings: ServerSettings): ServerSettings => {
    if (settings.services.ikev2 === undefined) return settings;
    ikev2 = true;
    return {
      ...settings,
      services: { ...settings.services, ikev2: { ...settings.services.ikev2, hashKey: ntHashKey.base64 } },
    };
  };
  return async () => {
    // Packing the runtime takes seconds: not before a server is to be upgraded.
    if (fleet.remote.some((server) => server.release !== undefined))
      release = await files.release().catch(() => release);
    ikev2 = false;
    send();
    if (publisher.keepNtHashes(ikev2 ? ntHashKey.bytes : undefined)) onNtHashes();
  };
}
