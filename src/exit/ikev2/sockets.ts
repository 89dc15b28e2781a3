import { dirname, join } from "node:path";

/** The socket on which the RADIUS worker asks the keeper, beside the one of the proxies. */
export const loginSocketOf = (authoriseSocket: string): string =>
  join(dirname(authoriseSocket), "ikev2.sock");
