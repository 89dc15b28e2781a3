import { createHmac, timingSafeEqual } from "node:crypto";
import { z } from "zod";

/**
 * How a new server joins: it proves that it has the one-time token, and the office proves the same, so that neither the
 * token nor anything secret travels and the transport need not be believed.
 *
 *   POST /enrol  {tokenId, server, nkey, nonce, mac}
 *   200          {server, sitePublicKey, ca, link: {servers, site}, nonce, mac}
 *
 * mac = base64url HMAC-SHA256(token, purpose ‖ 0 ‖ canonical JSON of the rest), canonical: keys sorted at every depth, no
 * blanks (RFC 8785 for the strings and lists used here). The answer bears the request's nonce and a purpose of its own, so
 * that no request can be played back as an answer.
 */
/** A server's name on the link: the one it was added with. */
const serverName = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/);
const tokenId = z.string().regex(/^[a-z2-7]{8,32}$/);
/** 32 bytes. */
const bytes32 = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
/** The public NATS user key that the exit has made. */
const nkey = z.string().regex(/^U[A-Z2-7]{55}$/);
const pem = z.string().regex(/^[\x20-\x7e\n]{1,20000}$/);

export const enrolmentRequest = z.strictObject({
  tokenId,
  server: serverName,
  nkey,
  nonce: bytes32,
  mac: bytes32,
});
export type EnrolmentRequest = z.infer<typeof enrolmentRequest>;

export const enrolmentAnswer = z.strictObject({
  server: serverName,
  /** The office's Ed25519 public key, raw 32 bytes, base64: what rosters and settings are signed with. */
  sitePublicKey: z.base64().length(44),
  /** The exits' authority, PEM: signs the link's certificate too. */
  ca: pem,
  link: z.strictObject({
    /** `host:port`, the office's own; `tls://host:port`, the operator's (nats-connection.ts). */
    servers: z
      .array(z.string().regex(/^(?:tls:\/\/)?(?:[A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:.]{2,45}\]):[0-9]{1,5}$/))
      .min(1)
      .max(16),
    /** First 8 hex digits of the site id. */
    site: z.string().regex(/^[0-9a-f]{8}$/),
  }),
  /** The request's. */
  nonce: bytes32,
  mac: bytes32,
});
export type EnrolmentAnswer = z.infer<typeof enrolmentAnswer>;

/** What a refused request is answered with, `{error}`: 403, and 429 for slow-down. */
export const enrolmentRefusal = z.object({
  error: z.enum(["unknown", "used", "expired", "wrong-server", "malformed", "slow-down"]),
});
export type EnrolmentRefusal = z.infer<typeof enrolmentRefusal>["error"];

type Unsigned<Message> = Omit<Message, "mac">;

/** Of the message without its mac; one that is there already changes nothing. */
export const enrolmentRequestMac = (token: string, request: Unsigned<EnrolmentRequest>): string =>
  macOf(token, "lethe enrolment request", request);
export const enrolmentAnswerMac = (token: string, answer: Unsigned<EnrolmentAnswer>): string =>
  macOf(token, "lethe enrolment answer", answer);

/** Whether a message's `mac` is the one it should have; in constant time. */
export function sameMac(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function macOf(token: string, purpose: string, message: object): string {
  return createHmac("sha256", token)
    .update(`${purpose}\0${canonical(message)}`)
    .digest("base64url");
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([key]) => key !== "mac");
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(",")}}`;
}

/** What an operator carries from the office to the new server, on one line: all that enrolling needs beside the site. */
export interface JoinCode {
  server: string;
  /** 8 to 32 of a-z, 2-7. */
  tokenId: string;
  /** At least 26 of a-z, 2-7 (130 bits): the secret. */
  token: string;
}

export const formatJoinCode = ({ server, tokenId, token }: JoinCode): string =>
  `${server}.${tokenId}.${token}`;

/** Nothing where the text is no join code. */
export function parseJoinCode(text: string): JoinCode | undefined {
  const [server = "", id = "", token = "", ...rest] = text.trim().split(".");
  const good =
    rest.length === 0 &&
    serverName.safeParse(server).success &&
    tokenId.safeParse(id).success &&
    /^[a-z2-7]{26,64}$/.test(token);
  return good ? { server, tokenId: id, token } : undefined;
}
