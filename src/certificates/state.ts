/**
 * Why a certificate is no good. `malformed`: one of the two is no PEM, or the key wants a passphrase; `key-mismatch`: the key
 * is another certificate's; `outdated`: its time is over; `names`: it does not bear every name that it should.
 */
const PAIR_PROBLEMS = ["malformed", "key-mismatch", "outdated", "names"] as const;
export type PairProblem = (typeof PAIR_PROBLEMS)[number];

/**
 * Why a certificate could not be had. `unreachable`: nobody answers at the directory's address, or its own certificate is
 * not to be trusted; `challenge`: the authority did not get the answer on port 80 of a name; `name-refused`: it issues none
 * for that name; `account`: it refuses the account or the e-mail address; `rate-limited`; `directory`: it answers with
 * something else, an error of its own included; `unwritable`: the folder cannot be written.
 */
const ORDER_PROBLEMS = [
  "unreachable",
  "challenge",
  "name-refused",
  "account",
  "rate-limited",
  "directory",
  "unwritable",
] as const;
export type OrderProblem = (typeof ORDER_PROBLEMS)[number];

/** `unreadable`: the files that lethe.toml names cannot be read. */
export const CERTIFICATE_PROBLEMS = [...PAIR_PROBLEMS, ...ORDER_PROBLEMS, "unreadable"] as const;
export type CertificateProblem = (typeof CERTIFICATE_PROBLEMS)[number];

/**
 * Of the files that an operator has put on an exit; `unreadable`: one of the two is not there. The exit goes on without them.
 */
export const FILES_PROBLEMS = [...PAIR_PROBLEMS, "unreadable"] as const;
export type FilesProblem = (typeof FILES_PROBLEMS)[number];

/**
 * Of an exit's. `port-taken`: another program has port 80 there; `no-name`: its host is an address, or no name that an authority
 * could ask for; `no-files`: it is to have files, and has none.
 */
export const EXIT_CERTIFICATE_PROBLEMS = [
  ...PAIR_PROBLEMS,
  ...ORDER_PROBLEMS,
  "port-taken",
  "no-name",
  "no-files",
  ...FILES_PROBLEMS.map((problem) => `files-${problem}` as const),
] as const;
export type ExitCertificateProblem = (typeof EXIT_CERTIFICATE_PROBLEMS)[number];

/** How it stands with a public certificate; for `lethe status` and `lethe doctor`. */
export interface CertificateState {
  source: "files" | "acme";
  /** Of the one that is used; without it there is none yet. */
  notAfterMs?: number;
  /** What went wrong with the last one that was read or ordered; the one in use stays in use. */
  problem?: CertificateProblem;
}
