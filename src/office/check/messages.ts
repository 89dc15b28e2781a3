import { z } from "zod";
import type { UnixUser } from "../../lib/unix-users.ts";
import type { ListenAddress } from "../listen-address.ts";

/** What the supervisor tells the responders of the page "Am I protected?". */
export interface CheckStart {
  type: "start";
  user: UnixUser;
  /** Of the tokens (tokens.ts), base64. */
  key: string;
  /** The name that the operator has delegated to this machine; undefined: no DNS responder. */
  dns?: { name: string; listen: ListenAddress[] } | undefined;
  stun: ListenAddress[];
}

/** The responders' word: a resolver at this address has asked for the name with this token. Root passes it on to the office. */
const seen = z.object({
  type: z.literal("check-seen"),
  token: z.string().regex(/^[a-z2-7]{26}$/),
  address: z.string().regex(/^[0-9a-fA-F.:]{2,45}$/),
});
export type CheckSeen = z.infer<typeof seen>;

/** Nothing where it is no such message. */
export const readCheckSeen = (message: unknown): CheckSeen | undefined => seen.safeParse(message).data;
