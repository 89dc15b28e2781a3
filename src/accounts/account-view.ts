import type { AccountRow } from "../store/tables.ts";

export interface AccountView {
  id: string;
  name: string;
  email: string | undefined;
  /** Somebody has opened the link that was sent to the address: a forgotten password may be reset through it. */
  emailVerified: boolean;
  /** A PayPal subscription pays for it: whoever leaves cancels it there first. */
  renews: boolean;
  /** End of the paid time, UTC seconds, a whole minute. Undefined: never paid. */
  paidUntil: number | undefined;
  /** When the account is deleted by itself, UTC seconds. */
  deleteAfter: number;
  /** Paid time that was taken back, as the row says it (paid-time.ts); undefined: none. */
  takenBack: string | undefined;
  /** Cut off by the operator: no access whatever is paid, no renewal; the member area stays open. */
  terminated: boolean;
}

export function viewOf(row: AccountRow): AccountView {
  return {
    id: row.id,
    name: row.name,
    email: row.email ?? undefined,
    emailVerified: row.email_verified !== 0,
    renews: row.renews !== 0,
    paidUntil: row.paid_until ?? undefined,
    takenBack: row.taken_back ?? undefined,
    deleteAfter: row.delete_after,
    terminated: row.terminated !== 0,
  };
}
