import { createHmac, timingSafeEqual } from "node:crypto";
import { z } from "zod";

/**
 * How a new exit and the office get to know each other, over a connection that anybody may read or change: both prove with a
 * MAC that they have the one-time token, which itself never travels. The exit says its public key; the office says what the
 * exit has to trust. POST <site>/enrol takes an EnrolmentRequest and answers 200 with an EnrolmentAnswer, or 4xx with `{error}`.
 */
const linkName = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/);
const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`));
const pem = z.string().regex(/^[\x20-\x7e\n]{1,20000}$/);

export const enrolmentRequest = z.strictObject({
  /** Names the token: 16 random bytes, hex. */
  tokenId: hex(16),
  /** The exit's name on the link, as it stands in the printed line. */
  server: linkName,
  /** The public NATS user key that the exit has made. */
  nkey: z.string().regex(/^U[A-Z2-7]{55}$/),
  nonce: hex(16),
  /** `enrolmentMac(token, "request", …)` of the rest. */
  mac: hex(32),
});

export const enrolmentAnswer = z.strictObject({
  server: linkName,
  /** Ed25519, 32 bytes, base64: what rosters and settings are signed with. */
  sitePublicKey: z.base64(),
  /** The exits' authority, PEM: signs the link's certificate too. */
  ca: pem,
  link: z.strictObject({
    /** `host:port`, NATS with TLS. */
    servers: z.array(z.string().regex(/^[A-Za-z0-9.:[\]-]{3,260}$/)).min(1).max(64),
    /** First 8 hex digits of the site id. */
    site: hex(4),
  }),
  /** The request's. */
  nonce: hex(16),
  mac: hex(32),
});

export type EnrolmentRequest = z.infer<typeof enrolmentRequest>;
export type EnrolmentAnswer = z.infer<typeof enrolmentAnswer>;

/**
 * HMAC-SHA256 (hex) under the token's text of everything but `mac`, as JSON whose keys are sorted. The direction is part of
 * it: an answer is no request.
 */
export function enrolmentMac(
  token: string,
  direction: "request" | "answer",
  message: Omit<EnrolmentRequest, "mac"> | Omit<EnrolmentAnswer, "mac">,
): string {
  const { mac: _, ...rest } = message as EnrolmentRequest;
  return createHmac("sha256", token)
    .update(`lethe enrolment ${direction}\n${canonicalJson(rest)}`)
    .digest("hex");
}

/** In constant time. */
export function macHolds(
  token: string,
  direction: "request" | "answer",
  message: EnrolmentRequest | EnrolmentAnswer,
): boolean {
  const expected = Buffer.from(enrolmentMac(token, direction, message), "hex");
  const given = Buffer.from(message.mac, "hex");
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** JSON without blanks, the keys of every object sorted by code unit. For what the schemas above allow. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const keys = Object.keys(value).toSorted();
  const members = keys.map(
    (key) => `${JSON.stringify(key)}:${canonicalJson((value as Record<string, unknown>)[key])}`,
  );
  return `{${members.join(",")}}`;
}
