import type { UnixUser } from "../lib/unix-users.ts";

/** What supervisor and office say to one another over Node's IPC channel. */
export interface OfficeStart {
  type: "start";
  /** The text of lethe.toml, checked by the supervisor already. */
  config: string;
  officeFolder: string;
  linkSocket: string;
  controlSocket: string;
  user: UnixUser;
  /** What members' clients connect to, found or set. */
  host: string;
  addresses: string[];
}

/** What the office says. `ready`: it serves; with what an exit has to know of it. */
export type OfficeMessage =
  | { type: "ready"; url: string; sitePublicKey: string; authority?: string | undefined }
  /** It cannot serve; a sentence for the operator. */
  | { type: "failed"; sentence: string }
  | { type: "voucher"; code?: string | undefined };
export type OfficeReady = Extract<OfficeMessage, { type: "ready" }>;

/** What the office is asked: a newcomer's first voucher (given only while there is no account and no voucher yet). */
export type OfficeQuestion = { type: "first-voucher" };
