import { z } from "zod";

/**
 * How an exit gets a public certificate (RFC 8555) for its own host name: its office orders it, the key stays on the exit. The
 * exit says how it stands and asks again after `againS` seconds; while an order runs the answers carry what it has to answer
 * on port 80. Where the operator has put files on the exit, these are shown and nothing is asked for.
 */

const pem = (most: number) => z.string().regex(new RegExp(`^[\\x20-\\x7e\\n]{1,${most}}$`));
/** RFC 8555 section 8.1. */
const token = z.string().regex(/^[A-Za-z0-9_-]{16,200}$/);
const challenge = z.object({
  token,
  keyAuthorization: z.string().regex(/^[A-Za-z0-9_-]{16,200}\.[A-Za-z0-9_-]{16,100}$/),
});
/** One name has one challenge; some more cost nothing. */
export const challenges = z.array(challenge).max(4);

const question = z.object({
  /** PKCS #10, PEM (certificates/request.ts); left out while the certificate there is good for longer. */
  request: pem(3000).exactOptional(),
  /** UTC seconds until when the one there is good. */
  until: z.int().min(0).exactOptional(),
  /** What became of the operator's files on it; left out where there are none. */
  files: z.enum(["used", "malformed", "key-mismatch", "outdated", "names", "unreadable"]).exactOptional(),
  /** The tokens that it answers for on port 80 by now. */
  answering: z.array(token).max(4),
  /** Another program has its port 80. */
  portTaken: z.literal(true).exactOptional(),
});

const answer = z.object({
  againS: z.int().min(1).max(21_600),
  challenges,
  /** With its chain, leaf first, PEM. */
  certificate: pem(20_000).exactOptional(),
});

export type Challenge = z.infer<typeof challenge>;
export type CertificateQuestion = z.infer<typeof question>;
export type CertificateAnswer = z.infer<typeof answer>;

const MAX_BYTES = 40_000;

const reader =
  <Value>(schema: z.ZodType<Value>) =>
  (bytes: Uint8Array): Value | undefined => {
    if (bytes.length > MAX_BYTES) return undefined;
    try {
      return schema.safeParse(JSON.parse(Buffer.from(bytes).toString())).data;
    } catch {
      return undefined;
    }
  };

/** Nothing where the bytes are none. */
export const readCertificateQuestion = reader(question);
export const readCertificateAnswer = reader(answer);
