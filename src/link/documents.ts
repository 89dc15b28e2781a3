import { z } from "zod";
import type { ServerSettings } from "./settings.ts";

/** What the office signs (signed.ts). Times are its clock's milliseconds since 1970; digests are SHA-256 in hex. */

export const PROTOCOL = 2;
/** The office also serves exits one version older; what it signs for them says 1. */
export type Protocol = 1 | 2;
/** An exit takes documents of its own protocol and of the one before: what it sealed before an upgrade is still good. */
export const accepts = (own: number, theirs: number): boolean => theirs === own || theirs === own - 1;
/** How long an exit goes on without a newer header. */
export const HEADER_LIFETIME_MS = 72 * 3_600_000;

const time = z.int().min(0);
const version = z.int().min(1);
const digest = z.string().regex(/^[0-9a-f]{64}$/);
/** Any protocol parses, so that the exit can say "protocol" and not "malformed". */
const protocol = z.int().min(1);

const summary = { rows: z.int().min(0), digest, rowBytes: z.int().min(1).max(65_535) };
const section = z.object(summary);

/** Site-wide: what every section of the roster amounts to. Sections that an exit does not know are dropped. */
export const headerSchema = z.object({
  protocol,
  version,
  issuedAtMs: time,
  notAfterMs: time,
  sections: z.object({ credentials: section, "nt-hashes": section.exactOptional() }),
});
export type Header = z.infer<typeof headerSchema>;

/** One server's settings; what is in them is checked by settings.ts once it is known that they are this server's. */
export const settingsSchema = z.object({
  protocol,
  server: z.string(),
  version,
  issuedAtMs: time,
  settings: z.unknown(),
});
export type SettingsDocument = z.infer<typeof settingsSchema> & { settings: ServerSettings };

/**
 * What one server's peers (peers.ts) amount to. With a nonce it answers that server's question; without, it comes with a
 * change, and is good where its version is higher than what the server has.
 */
export const peersSchema = z.object({
  protocol,
  server: z.string(),
  version,
  issuedAtMs: time,
  notAfterMs: time,
  ...summary,
  nonce: z.string().max(100).exactOptional(),
});
export type PeersDocument = z.infer<typeof peersSchema>;

/** Signed at the moment an exit asks: shows that header and settings are the office's newest, and its clock. */
export const answerSchema = z.object({
  protocol,
  nonce: z.string().max(100),
  server: z.string(),
  issuedAtMs: time,
  headerDigest: digest,
  settingsDigest: digest.nullable(),
});
export type Answer = z.infer<typeof answerSchema>;
