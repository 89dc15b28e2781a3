import { hash } from "node:crypto";
import type { EventCode, Log, Reason } from "../lib/event-log.ts";
import type { ServerSettings } from "./settings.ts";

/** What the tests of the link and of the exit share. */

export interface RecordedEvent {
  code: EventCode;
  reason?: Reason;
}

/** A log that keeps what it is told. */
export function recordingLog(): {
  log: Log;
  events: RecordedEvent[];
  reasons(code: EventCode): (Reason | undefined)[];
} {
  const events: RecordedEvent[] = [];
  return {
    events,
    log: (code, fields) => events.push({ code, ...(fields?.reason && { reason: fields.reason }) }),
    reasons: (code) => events.filter((event) => event.code === code).map((event) => event.reason),
  };
}

export const passwordDigest = (password: string): Uint8Array => hash("sha256", password, "buffer");

export const settingsFor = (server: string, change: Partial<ServerSettings> = {}): ServerSettings => ({
  server,
  host: "127.0.0.1",
  bandwidthMbit: 100,
  ownAddresses: [],
  services: { socks5: { listen: [{ address: "127.0.0.1", port: 1080 }] } },
  egress: { allow: [], deny: [], denyPorts: [] },
  limits: { connectionsPerCredential: 100, handshakeMs: 10_000, idleMs: 60_000 },
  dns: { forward: [] },
  sitePorts: [],
  ...change,
});

/** Waits until `condition` holds; fails after `timeoutMs`, naming `what`. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = 30_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
