/** A certificate as `lethe certificates` shows it. */
export interface CertificateView {
  /**
   * `authority`: the provider's own, which members' files hold; `link`: of the office's nats-server; `site`; `exit`: a server's,
   * of the authority; `public`: a server's of a public authority.
   */
  kind: "authority" | "link" | "site" | "exit" | "public";
  /** Whose, of `exit` and `public`. */
  server?: string;
  /** UTC seconds; left out where there is none, or the server has not said. */
  until?: number;
  /** What is wrong and what to do, a sentence; left out where nothing is. */
  warning?: string;
}

const DAY_S = 86_400;
/**
 * What renews itself does so with a third of its time left: of 825 days 275, of a public certificate's 90 thirty. Below these
 * days something has kept it from that for long.
 */
const LATE_DAYS = { link: 240, exit: 240, site: 14, public: 14 } as const;
/** The authority signs for 825 days: with less left than that, the servers' certificates would outlive it. */
const AUTHORITY_DAYS = 900;

const REMEDIES: Record<keyof typeof LATE_DAYS, string> = {
  link: "the office makes another when it starts: lethe restart",
  exit: "the server asks for another by itself twice a day: is it up, and does its link work (lethe server list)?",
  site: "see what lethe status says of it, and tls.certificate or tls.acme in lethe.toml",
  public: "see what lethe server list says of it",
};

/** What there is to warn of; `problem`: what is known to have gone wrong already. */
export function certificateWarning(
  { kind, until }: Pick<CertificateView, "kind" | "until">,
  nowS: number,
  problem?: string,
): string | undefined {
  if (kind === "authority") {
    if (until === undefined)
      return "There is none: openssl is missing, and no VPN can be offered without it.";
    return until - nowS < AUTHORITY_DAYS * DAY_S
      ? "It ends soon, and every member's files with it. A new office folder has a new one: plan the move, and have members fetch their files anew."
      : undefined;
  }
  if (problem !== undefined) return `${problem[0]!.toUpperCase()}${problem.slice(1)}.`;
  if (until === undefined) return kind === "exit" ? undefined : `There is none yet: ${REMEDIES[kind]}.`;
  if (until <= nowS) return `It is over: ${REMEDIES[kind]}.`;
  return until - nowS < LATE_DAYS[kind] * DAY_S
    ? `It should have been renewed by now: ${REMEDIES[kind]}.`
    : undefined;
}
