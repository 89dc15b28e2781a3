import type { UnixUser } from "./users.ts";

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

/** The office serves; `voucher` only where the supervisor asked for a newcomer's first one. */
export type OfficeMessage =
  | { type: "ready"; url: string }
  | { type: "failed"; sentence: string }
  | { type: "voucher"; code: string | undefined };

/** Asks for a first voucher: given only while there is no account and no voucher yet. */
export interface FirstVoucher {
  type: "first-voucher";
}
