/**
 * A blocklist as it travels from the office to the exits: one DNS name a line, lower case, sorted, each ending in a line
 * feed; a name stands for itself and everything below it. Whoever reads one refuses a line that is anything else.
 */
export const BLOCKLISTS = ["ads", "malware", "adult"] as const;
export type Blocklist = (typeof BLOCKLISTS)[number];

/** 64 MiB: over three million names. */
export const BLOCKLIST_BYTES_MOST = 64 << 20;

/** At least two labels, each of letters, digits, dashes and underscores (RFC 1035 section 2.3.1, and what hosts really are called). */
const NAME =
  /^(?=.{3,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const ALL_DIGITS = /^[0-9]+$/;

export const isBlocklistName = (text: string): boolean =>
  NAME.test(text) && !ALL_DIGITS.test(text.slice(text.lastIndexOf(".") + 1));
