import type { CertificateProblem, CertificateState, ExitCertificateProblem } from "./state.ts";

/** What is wrong, as the rest of a sentence that begins with the certificate; and what to do. */
const WORDS: Record<CertificateProblem, { what: string; remedy: string }> = {
  malformed: {
    what: "is no PEM certificate with its key, or the key wants a passphrase",
    remedy: "tls.certificate is the whole chain in PEM, tls.key its key without a passphrase",
  },
  "key-mismatch": {
    what: "does not belong to its key",
    remedy: "tls.certificate and tls.key must be of the same issue",
  },
  outdated: { what: "is over", remedy: "have a new one made, or let tls.acme do so; is the clock right?" },
  names: {
    what: "does not bear every name it should",
    remedy: "compare its names with tls.names, or the name in site.url",
  },
  unreadable: {
    what: "cannot be read from its files",
    remedy: "see whether the files of tls.certificate and tls.key are there",
  },
  unreachable: {
    what: "cannot be ordered: nobody answers at tls.acme, or what answers is not to be trusted",
    remedy: "see whether this machine reaches that address; tls.acme_authority for a private authority",
  },
  challenge: {
    what: "cannot be ordered: the authority did not get our answer on port 80 of every name",
    remedy: "does each name of tls.names lead to this machine, and do firewalls let port 80 in?",
  },
  "name-refused": {
    what: "cannot be ordered: the authority makes none for one of the names",
    remedy: "look at tls.names, and at the names' CAA records",
  },
  account: {
    what: "cannot be ordered: the authority refuses the account",
    remedy: "look at tls.email; an authority that wants accounts made elsewhere first cannot be used",
  },
  "rate-limited": {
    what: "cannot be ordered now: the authority says that there were too many orders",
    remedy: "nothing: it is tried again later",
  },
  directory: {
    what: "cannot be ordered: tls.acme is no ACME directory, or has an error of its own",
    remedy: "compare tls.acme with what the authority writes; it is tried again later",
  },
  unwritable: {
    what: "cannot be kept: the office's folder cannot be written",
    remedy: "make room on the disk; until then each start orders anew",
  },
};

const OTHER_ONE = "the authority sent another one than was asked for";
/** The same of an exit's, in few words. */
const EXIT_WORDS: Record<ExitCertificateProblem, string> = {
  malformed: OTHER_ONE,
  "key-mismatch": OTHER_ONE,
  outdated: OTHER_ONE,
  names: OTHER_ONE,
  unreachable: "the authority of tls.acme is not reached",
  challenge: "the authority got no answer on port 80 of its host",
  "name-refused": "the authority makes none for that name",
  account: "the authority refuses the account",
  "rate-limited": "the authority says that there were too many orders",
  directory: "the authority of tls.acme has an error",
  unwritable: "the office's folder cannot be written",
  "port-taken": "another program has its port 80",
  "no-name": "its host is no whole DNS name",
  "no-files": "no files were put on the server",
  "files-malformed":
    "the files on the server are no PEM certificate with its key, or the key wants a passphrase",
  "files-key-mismatch": "the files on the server do not belong together",
  "files-outdated": "the certificate in the files on the server is over",
  "files-names": "the certificate in the files on the server does not bear its host",
  "files-unreadable": "one of the two files on the server is missing, or cannot be read",
};
const FILES_REMEDY =
  "put fullchain.pem and privkey.pem, or a link to the folder with both, at /etc/lethe-exit/public on the server: they are read anew when they change";
const ORDER_REMEDY =
  "its host must be a DNS name that leads to it, and its port 80 open and free; it is tried again by itself";

/** For `lethe server list`; `until` in UTC seconds. */
export function describeExitCertificate({
  until,
  files,
  problem,
}: {
  until?: number | undefined;
  files?: true | undefined;
  problem?: string | undefined;
}): string {
  const good =
    until === undefined ? "" : `certificate until ${new Date(until * 1000).toISOString().slice(0, 10)}`;
  if (problem === undefined)
    return good === "" ? "no certificate yet" : `${good}${files ? ", from files" : ""}`;
  const renewing = isOfFiles(problem) ? "" : ", not renewed";
  return `${good === "" ? "no certificate" : `${good}${renewing}`}: ${EXIT_WORDS[problem as ExitCertificateProblem] ?? problem}`;
}

const isOfFiles = (problem: string): boolean => problem === "no-files" || problem.startsWith("files-");

export const exitProblemRemedy = (problem: string): string =>
  isOfFiles(problem) ? FILES_REMEDY : ORDER_REMEDY;

export const exitProblemWords = (problem: ExitCertificateProblem): string => EXIT_WORDS[problem] ?? problem;
export const problemWords = (problem: CertificateProblem): string => WORDS[problem].what;
export const problemRemedy = (problem: CertificateProblem): string => WORDS[problem].remedy;

/** How it stands, for `lethe status`: "good until 2030-01-31, renews itself". */
export function describeCertificate({ source, notAfterMs, problem }: CertificateState): string {
  const until = notAfterMs === undefined ? undefined : new Date(notAfterMs).toISOString().slice(0, 10);
  const now = until === undefined ? "none yet" : `good until ${until}`;
  if (problem === undefined) {
    const how = source === "acme" ? "renews itself" : "read anew when its file changes";
    return until === undefined ? "none yet; it is being ordered" : `${now}, ${how}`;
  }
  return until === undefined
    ? `${now}: it ${problemWords(problem)}`
    : `${now}; the next one ${problemWords(problem)}`;
}
