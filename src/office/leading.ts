import type { RosterVersions } from "../fleet/roster-versions.ts";
import { type Log, reasonOf } from "../lib/event-log.ts";
import { type Campaign, campaign } from "../store/leadership.ts";
import type { Store } from "../store/open.ts";
import type { RemoteLink } from "./remote-link.ts";

const AGAIN_MS = 5000;

/** Serves the servers on other machines whenever this office leads, and goes above every version that was given before it does. */
export function leadRemoteLink(options: {
  store: Store;
  /** keys.ts: what tells this office from the others. */
  officeId: string;
  versions: Pick<RosterVersions, "takeOver">;
  remote: Pick<RemoteLink, "lead">;
  log: Log;
}): Campaign {
  const { store, officeId, versions, remote, log } = options;
  const trouble = (error: unknown) => log("link-unavailable", { reason: reasonOf(error) });
  const begin = async (): Promise<void> => {
    try {
      await versions.takeOver();
      // It may be another's by now.
      if (campaigning.leading) await remote.lead(true);
    } catch (error) {
      trouble(error);
      setTimeout(() => campaigning.leading && void begin(), AGAIN_MS).unref();
    }
  };
  const campaigning = campaign({
    store,
    office: officeId,
    onTwin: () => log("office-id-taken"),
    onLead: () => void begin(),
    onLose: () => void remote.lead(false).catch(trouble),
  });
  return campaigning;
}
