import type { CertificateProblem, CertificateState } from "./state.ts";

const WORDS: Record<CertificateProblem, string> = {
  malformed: "is no PEM certificate with its key, or the key wants a passphrase",
  "key-mismatch": "does not belong to its key",
  outdated: "is over",
  names: "does not bear every name it should (tls.names, or the name in site.url)",
  unreadable: "cannot be read from its files",
  unreachable: "cannot be ordered: nobody answers at tls.acme, or its own certificate is not to be trusted",
  challenge:
    "cannot be ordered: the authority did not reach port 80 of a name; does the name lead here, and is the port open?",
  "name-refused": "cannot be ordered: the authority makes none for a name of tls.names",
  account: "cannot be ordered: the authority refuses the account or tls.email",
  "rate-limited":
    "cannot be ordered now: the authority says there were too many orders; it is tried again later",
  directory: "cannot be ordered: tls.acme is no ACME directory, or has an error of its own",
  unwritable: "cannot be kept: the office's folder cannot be written",
};

/** What is wrong with a certificate, as the rest of a sentence that begins with it. */
export const problemWords = (problem: CertificateProblem): string => WORDS[problem];

/** How it stands, for `lethe status`: "good until 2030-01-31, renews itself". */
export function describeCertificate({ source, notAfterMs, problem }: CertificateState): string {
  const until = notAfterMs === undefined ? undefined : new Date(notAfterMs).toISOString().slice(0, 10);
  const now = until === undefined ? "none yet" : `good until ${until}`;
  if (problem === undefined) {
    const how = source === "acme" ? "renews itself" : "read anew when its file changes";
    return until === undefined ? "none yet; it is being ordered" : `${now}, ${how}`;
  }
  return until === undefined ? `${now}: it ${WORDS[problem]}` : `${now}; the next one ${WORDS[problem]}`;
}
