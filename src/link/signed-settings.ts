import type { Reason } from "../lib/event-log.ts";
import { accepts, PROTOCOL, type Protocol, settingsSchema } from "./documents.ts";
import { type ServerSettings, serverSettings } from "./settings.ts";
import { openDocument, type Trust } from "./signed.ts";

export type OpenedSettings =
  | { ok: true; version: number; settings: ServerSettings }
  /** Of another server: nobody's fault, and nothing for us. */
  | { ok: false; reason: undefined }
  | { ok: false; reason: Reason };

/**
 * Settings out of their signed document, for `server` alone and not older than `seen` (0: any). Who holds the document
 * needs to believe nobody in between: the keeper opens it on its way, and the exit's root process again.
 */
export function openSettings(
  signed: Uint8Array,
  trust: Trust,
  server: string,
  seen: number,
  own: Protocol = PROTOCOL,
): OpenedSettings {
  const opened = openDocument("settings", signed, trust, settingsSchema);
  if (!opened.ok) return opened;
  const { protocol, version, settings } = opened.value;
  if (opened.value.server !== server) return { ok: false, reason: undefined };
  if (!accepts(own, protocol)) return { ok: false, reason: "protocol" };
  if (version < seen) return { ok: false, reason: "rolled-back" };
  const parsed = serverSettings.safeParse(settings);
  if (!parsed.success || parsed.data.server !== server) return { ok: false, reason: "malformed" };
  return { ok: true, version, settings: parsed.data };
}
