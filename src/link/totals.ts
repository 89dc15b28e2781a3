import { z } from "zod";

/**
 * What an exit tells the office, and all that it can: how much went in and out in five minutes, in whole percent of the
 * server's bandwidth (0: under 1 %), and which services are well. The rounding is done at the exit, so that the office
 * never has a figure fine enough to be a log of a quiet server's one member.
 */
export const SLOT_MINUTES = 5;

const percent = z.int().min(0).max(10_000);

export const totalsSchema = z.strictObject({
  protocol: z.literal(1),
  server: z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/),
  /** UTC minutes since 1970, divided by five, whole: the five minutes that have ended. */
  slot: z.int().min(0),
  inPercent: percent,
  outPercent: percent,
  services: z
    .array(z.strictObject({ service: z.enum(["socks5", "http", "openvpn"]), healthy: z.boolean() }))
    .max(16),
});
export type Totals = z.infer<typeof totalsSchema>;

export const encodeTotals = (totals: Totals): Uint8Array => Buffer.from(JSON.stringify(totals));

/** Nothing where the bytes are no totals. */
export function decodeTotals(bytes: Uint8Array): Totals | undefined {
  if (bytes.length > 4096) return undefined;
  try {
    return totalsSchema.safeParse(JSON.parse(Buffer.from(bytes).toString())).data;
  } catch {
    return undefined;
  }
}

/** Bytes of one slot as whole percent of what the server could carry in it, rounded down. */
export function slotPercent(bytes: number, bandwidthMbit: number): number {
  const capacity = ((bandwidthMbit * 1e6) / 8) * SLOT_MINUTES * 60;
  return Math.min(10_000, Math.floor((bytes / capacity) * 100));
}
