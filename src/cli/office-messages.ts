import { z } from "zod";
import { CERTIFICATE_PROBLEMS } from "../certificates/state.ts";
import type { OfficeMessage } from "../office/messages.ts";

/**
 * What root takes from the office, which reads the Internet: what it says is printed on the operator's terminal and put
 * into the exit's files, so it is text without a control character, and nothing else.
 */
const printable = z.string().regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{1,1000}$/u);
/** A certificate's file may hold a whole chain, each with its text (certificates/files.ts). */
const chain = z.string().max(100_000);
const pem = z.string().regex(/^[\x20-\x7e\n]{1,20000}$/);

const schema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("ready"),
    url: printable,
    sitePublicKey: z.base64().refine((text) => Buffer.from(text, "base64").length === 32),
    authority: pem.optional(),
  }),
  z.object({ type: z.literal("open") }),
  z.object({
    type: z.literal("certificate"),
    state: z.object({
      source: z.enum(["files", "acme"]),
      notAfterMs: z.int().min(0).max(8.64e15).optional(),
      problem: z.enum(CERTIFICATE_PROBLEMS).optional(),
    }),
  }),
  z.object({ type: z.literal("site-pair"), pair: z.object({ certificate: chain, key: pem }) }),
  z.object({ type: z.literal("failed"), sentence: printable }),
  z.object({
    type: z.literal("voucher"),
    code: z
      .string()
      .regex(/^[a-z2-7-]{1,40}$/)
      .optional(),
  }),
]);

/** Nothing where it is no message of the office's. */
export const readOfficeMessage = (message: unknown): OfficeMessage | undefined =>
  schema.safeParse(message).data as OfficeMessage | undefined;
