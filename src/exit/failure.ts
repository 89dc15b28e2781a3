import type { EngineView } from "../lib/engines.ts";
import type { Reason } from "../lib/event-log.ts";
import type { ListeningReport } from "./messages.ts";

/** Why a listener does not serve, in the words of its line in the report. */
export type Failure = NonNullable<ListeningReport["failed"]>;

/** "other" where a listener's line has no word for it. */
export function failureOf(reason: Reason): Failure {
  switch (reason) {
    case "EADDRINUSE":
    case "EACCES":
    case "EADDRNOTAVAIL":
    case "no-root":
    case "no-tun":
    case "not-installed":
    case "no-certificate":
      return reason;
    default:
      return "other";
  }
}

/** Why an engine does not run; nothing where it does, where it is just starting for the first time, and where there is none. */
export function engineFailure(view: EngineView | undefined): Failure | undefined {
  if (view === undefined || view.state === "running") return undefined;
  const { state, refused } = view;
  if (refused !== undefined) return failureOf(refused);
  return state === "starting" ? undefined : "other";
}

/** Whether an engine is just starting for the first time: what comes of it is not known yet. */
export const isStarting = (view: EngineView | undefined): boolean =>
  view?.state === "starting" && view.refused === undefined;
