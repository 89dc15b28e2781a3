import { z } from "zod";
import { frame } from "../../lib/frames.ts";

/**
 * Between the RADIUS worker and the keeper, on a socket file of their own: frames of JSON. The NT hash stays in the keeper;
 * what goes to the worker is the proof that one login needs.
 *
 *   worker → keeper   {id, ikeId, address, username, authenticatorChallenge, peerChallenge, ntResponse}
 *   keeper → worker   {id, admitted: true, proof: {authenticatorResponse, sendKey, receiveKey}}
 *                     {id, admitted: false, reason}
 */
export const MAX_FRAME_BYTES = 4096;

const hex = (bytes: number) =>
  z
    .string()
    .regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`))
    .transform((text) => Buffer.from(text, "hex"));
const id = z.int().min(1);

export const loginQuestion = z.object({
  id,
  ikeId: z.int().min(0).max(0xffffffff),
  address: z.string().max(64),
  username: z.string().max(128),
  authenticatorChallenge: hex(16),
  peerChallenge: hex(16),
  ntResponse: hex(24),
});

export const loginVerdict = z.discriminatedUnion("admitted", [
  z.object({
    id,
    admitted: z.literal(true),
    proof: z.object({
      authenticatorResponse: z.string().regex(/^S=[0-9A-F]{40}$/),
      sendKey: hex(16),
      receiveKey: hex(16),
    }),
  }),
  z.object({
    id,
    admitted: z.literal(false),
    reason: z.enum(["unknown", "expired", "slow-down", "too-many", "draining", "unavailable"]),
  }),
]);

/** Bytes travel as hex. */
export const loginFrame = (message: object): Buffer =>
  frame(
    Buffer.from(
      JSON.stringify(message, function replace(this: Record<string, unknown>, key, value) {
        const raw = this[key];
        return raw instanceof Uint8Array ? Buffer.from(raw).toString("hex") : value;
      }),
    ),
  );

/** Nothing where the frame is none of ours. */
export function readLogin<T>(schema: z.ZodType<T>, payload: Buffer): T | undefined {
  try {
    return schema.safeParse(JSON.parse(payload.toString())).data;
  } catch {
    return undefined;
  }
}
