import type { Pair } from "../certificates/pair.ts";
import type { CertificateState } from "../certificates/state.ts";
import type { UnixUser } from "../lib/unix-users.ts";

/** What supervisor and office say to one another over Node's IPC channel. */
export interface OfficeStart {
  type: "start";
  /** The text of lethe.toml, checked by the supervisor already. */
  config: string;
  officeFolder: string;
  linkSocket: string;
  /** For nats-server's files: the office's own, on tmpfs for root. */
  natsFolder: string;
  controlSocket: string;
  user: UnixUser;
  /** What members' clients connect to, found or set. */
  host: string;
  addresses: string[];
  /** Of the names on the page "Am I protected?" (check/tokens.ts), base64. */
  checkKey: string;
  /** PEM of tls.acme_authority, where that is set. */
  acmeAuthority?: string | undefined;
  /** What the files hold that settings named `…_file` name, by `section.key`. */
  settingsFiles: Record<string, string>;
  /** Set by `lethe up --demo` alone, and by no setting. */
  demo?: DemoStart | undefined;
  /** Keys that are kept elsewhere than in the office's folder, base64, by the names of their files there (keys.ts). */
  secrets: Record<string, string>;
}

/** A demo's own world: payment providers that are simulated on this machine. */
export interface DemoStart {
  /** Where the simulated PayPal is, and the PEM of the roots behind its webhooks' certificates. */
  paypal: { address: string; roots: string[] };
  /** Where the simulators' pages are; they stand in the banner on every page. */
  links: DemoLink[];
}

export interface DemoLink {
  title: string;
  href: string;
}

/** What the office says. `ready`: it serves; with what an exit has to know of it. */
export type OfficeMessage =
  | { type: "ready"; url: string; sitePublicKey: string; authority?: string | undefined }
  /** It cannot serve; a sentence for the operator. */
  | { type: "failed"; sentence: string }
  /** It waits for the sockets of site.listen. */
  | { type: "open" }
  /** How it stands with the site's certificate now. */
  | { type: "certificate"; state: CertificateState }
  /** The site's certificate, whenever another is used: the exit on this machine shows it, too. */
  | { type: "site-pair"; pair: Pair }
  | { type: "voucher"; code?: string | undefined };
export type OfficeReady = Extract<OfficeMessage, { type: "ready" }>;

/**
 * What the office is asked: a newcomer's first voucher (given only while there is no account and no voucher yet). `restart`: to end
 * and leave nats-server to its next life (SIGTERM ends that too).
 */
export type OfficeQuestion = { type: "first-voucher" } | { type: "restart" };

/**
 * What the supervisor brings to the site's door. `socket`: the listening socket (the message's handle) of the `index`-th
 * address of site.listen, or why there is none; `pair`: what stands in the files of tls.certificate and tls.key now.
 */
export type DoorMessage =
  | { type: "socket"; index: number; failed?: string | undefined }
  | { type: "pair"; pair?: Pair | undefined };
