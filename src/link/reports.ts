import { z } from "zod";
import { MAX_REPORT_BYTES } from "./carrier.ts";
import { serverIdentity } from "./identity.ts";

/**
 * What an exit tells the office, and all that it can. Totals: how much went in and out in five minutes, in whole percent of
 * the server's bandwidth (0: under 1 %), and which services are well; rounded at the exit, so that the office never has a figure
 * fine enough to be a log of a quiet server's one member. Health: how the exit's tests of its own services went in one minute.
 * Identity: the public keys of its services, whenever one is another and after each connection.
 * Unknown fields refuse the whole: none could be smuggled in.
 */
export const SLOT_MINUTES = 5;

const percent = z.int().min(0).max(10_000);
const server = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/);
/** Any service that may come, but nothing of the shape of a VPN username (12 base32 characters). */
const service = z
  .string()
  .regex(/^[a-z0-9-]{1,20}$/)
  .refine((text) => !/^[a-z2-7]{12}$/.test(text));
const services = z.array(z.strictObject({ service, healthy: z.boolean() })).max(16);

const slotFields = {
  server,
  /** UTC minutes since 1970, divided by five, whole: the five minutes that have ended. */
  slot: z.int().min(0),
  inPercent: percent,
  outPercent: percent,
  services,
};
const totalsSchema = z.strictObject({ kind: z.literal("totals"), protocol: z.literal(2), ...slotFields });
/** What exits one version older send. */
const totals1Schema = z.strictObject({ protocol: z.literal(1), ...slotFields });

const healthSchema = z.strictObject({
  kind: z.literal("health"),
  protocol: z.literal(2),
  server,
  /** UTC minutes since 1970: the minute in which the services were tested. */
  minute: z.int().min(0),
  /** The first 12 hex digits of the bundle's SHA-256; empty where the exit runs from a checkout. */
  release: z.string().regex(/^(?:[0-9a-f]{12})?$/),
  /** The last upgrade did not become healthy and was taken back. */
  upgrade: z.literal("failed").exactOptional(),
  services,
});

const identitySchema = serverIdentity.extend({
  kind: z.literal("identity"),
  protocol: z.literal(2),
  server,
});

export type Totals = z.infer<typeof totalsSchema>;
export type Health = z.infer<typeof healthSchema>;
export type IdentityReport = z.infer<typeof identitySchema>;
export type Report = Totals | Health | IdentityReport;

const reportSchema = z.union([totalsSchema, healthSchema, identitySchema]);

export const encodeReport = (report: Report): Uint8Array => Buffer.from(JSON.stringify(report));

/** Reports of this protocol and of the one before, in this one's shape. Nothing where the bytes are no report. */
export function decodeReport(bytes: Uint8Array): Report | undefined {
  if (bytes.length > MAX_REPORT_BYTES) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
  const older = totals1Schema.safeParse(json).data;
  if (older !== undefined) return { ...older, kind: "totals", protocol: 2 };
  return reportSchema.safeParse(json).data;
}

/** Bytes of one slot as whole percent of what the server could carry in it, rounded down. */
export function slotPercent(bytes: number, bandwidthMbit: number): number {
  const capacity = ((bandwidthMbit * 1e6) / 8) * SLOT_MINUTES * 60;
  return Math.min(10_000, Math.floor((bytes / capacity) * 100));
}
