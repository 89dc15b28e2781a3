import { siteId } from "./site-key.ts";

/**
 * The subjects of one site on NATS, S being the first 8 hex digits of the site's id:
 *
 *   lethe.S.change.p<protocol>  what changes in the roster, to all exits of that protocol
 *   lethe.S.settings.<server>   a server's settings
 *   lethe.S.ask.<server>        what that server asks the office
 *   lethe.S.report.<server>     what it reports; kept by the JetStream stream LETHE_S_REPORTS until the office has taken it
 *   lethe.S.inbox.<server>.…    where answers to that server go; the office's is OFFICE, which no server can be called
 *
 * Who may use which is nats-server's to enforce, by key (permissions below). Every subject is inside lethe.S, so that two
 * sites on one cluster do not hear each other.
 */
export interface LinkSubjects {
  change(protocol: number): string;
  settings(server: string): string;
  ask(server: string): string;
  report(server: string): string;
  inbox(server: string): string;
  stream: string;
  /** The durable consumer that all offices share. */
  consumer: string;
}

export const OFFICE_INBOX = "OFFICE";
/** The first 8 hex digits of the id of the site with this public key (raw). */
export const siteTag = (publicKey: Uint8Array): string =>
  Buffer.from(siteId(publicKey)).toString("hex").slice(0, 8);

/** Throws RangeError where `site` is not 8 hex digits. */
export function linkSubjects(site: string): LinkSubjects {
  if (!/^[0-9a-f]{8}$/.test(site)) throw new RangeError("site: 8 hex digits");
  const at = (kind: string) => (of: string) => `lethe.${site}.${kind}.${of}`;
  return {
    change: (protocol) => at("change")(`p${protocol}`),
    settings: at("settings"),
    ask: at("ask"),
    report: at("report"),
    inbox: at("inbox"),
    stream: `LETHE_${site}_REPORTS`,
    consumer: "office",
  };
}

/** What stands in nats-server's authorization block (nats.io, "Authorization"): everything else is refused. */
export interface LinkPermissions {
  publish: string[];
  subscribe: string[];
}

/** An exit hears changes, its own settings and answers to itself; it says what is its own to say. */
export function exitPermissions(site: string, server: string): LinkPermissions {
  const { change, settings, ask, report, inbox } = linkSubjects(site);
  return {
    publish: [ask(server), report(server)],
    subscribe: [change(1).replace(/p1$/, "*"), settings(server), `${inbox(server)}.>`],
  };
}

/** The office: never more of JetStream than its own stream. */
export function officePermissions(site: string): LinkPermissions {
  const { change, settings, ask, inbox, stream } = linkSubjects(site);
  return {
    publish: [
      change(1).replace(/p1$/, "*"),
      settings("*"),
      inbox(">"),
      ...["CREATE", "UPDATE", "INFO"].map((call) => `$JS.API.STREAM.${call}.${stream}`),
      `$JS.API.CONSUMER.*.${stream}.>`,
      `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.>`,
      `$JS.API.CONSUMER.MSG.NEXT.${stream}.>`,
      `$JS.ACK.${stream}.>`,
    ],
    subscribe: [ask("*"), `${inbox(OFFICE_INBOX)}.>`],
  };
}
