import type { Selectable, Transaction } from "kysely";
import type { Store } from "../store/open.ts";
import type { Tables } from "../store/tables.ts";
import { openEmail, type TicketEmail } from "./sealed-email.ts";

/** How tickets are read from the store; what changes them is in tickets.ts. */

const DAY_S = 86_400;

export type TicketState = "open" | "answered" | "closed";

/** A ticket as the operator's list has it. Days are UTC days since 1970. */
export interface TicketView {
  number: string;
  /** `open`: whoever wrote waits for an answer. */
  state: TicketState;
  openedDay: number;
  closedDay: number | undefined;
  /** Of the newest message. */
  lastDay: number;
  messages: number;
  /** Whether an answer is announced by e-mail. */
  mail: boolean;
  /** Whether the e-mail holds the answer itself. */
  mailHasText: boolean;
  /** The day on which it is deleted. */
  deleteDay: number;
}

/** A message as it is stored: age, armored, to the operator's recipients and to the ticket's own. */
export interface SealedMessage {
  seq: number;
  fromOperator: boolean;
  day: number;
  body: string;
}

export interface SealedTicket extends TicketView {
  sealed: SealedMessage[];
}

type Row = Selectable<Tables["tickets"]>;
type Db = Store["db"] | Transaction<Tables>;

/** `number` as it is stored (ticket-key.ts: `typedNumber`). */
export const ticketRow = (db: Db, number: string): Promise<Row | undefined> =>
  db.selectFrom("tickets").selectAll().where("number", "=", number).executeTakeFirst();

/** Whom an answer goes to; `mailKey` seals the addresses. */
export const emailOf = (
  { number, email_sealed: sealed }: Row,
  mailKey: Uint8Array,
): TicketEmail | undefined => (sealed === null ? undefined : openEmail(mailKey, number, sealed));

/** Every ticket: those that wait for an answer first, the oldest first. */
export async function listTickets(db: Db, mailKey: Uint8Array): Promise<TicketView[]> {
  const rows = await db.selectFrom("tickets").selectAll().execute();
  const messages = await db
    .selectFrom("ticket_messages")
    .select(({ fn }) => ["ticket", fn.countAll<number>().as("count"), fn.max("day").as("last")])
    .groupBy("ticket")
    .execute();
  const counts = new Map(messages.map((each) => [each.ticket, each]));
  const order: Record<TicketState, number> = { open: 0, answered: 1, closed: 2 };
  return rows
    .map((row) => {
      const { count = 0, last = row.opened_day } = counts.get(row.number) ?? {};
      return viewOf(row, mailKey, { messages: Number(count), lastDay: Number(last) });
    })
    .sort(
      (a, b) => order[a.state] - order[b.state] || a.lastDay - b.lastDay || (a.number < b.number ? -1 : 1),
    );
}

/** A ticket with its messages as they are stored. */
export async function sealedTicket(db: Db, row: Row, mailKey: Uint8Array): Promise<SealedTicket> {
  const rows = await db
    .selectFrom("ticket_messages")
    .select(["seq", "from_operator", "day", "body"])
    .where("ticket", "=", row.number)
    .orderBy("seq")
    .execute();
  const sealed = rows.map(({ seq, from_operator, day, body }) => ({
    seq: Number(seq),
    fromOperator: Number(from_operator) === 1,
    day: Number(day),
    body,
  }));
  const lastDay = sealed.at(-1)?.day ?? Number(row.opened_day);
  return { ...viewOf(row, mailKey, { messages: sealed.length, lastDay }), sealed };
}

function viewOf(row: Row, mailKey: Uint8Array, news: Pick<TicketView, "messages" | "lastDay">): TicketView {
  return {
    number: row.number,
    state: row.state,
    openedDay: Number(row.opened_day),
    closedDay: row.closed_day === null ? undefined : Number(row.closed_day),
    ...news,
    mail: row.email_sealed !== null,
    mailHasText: emailOf(row, mailKey)?.withText === true,
    deleteDay: Math.floor(Number(row.delete_after ?? 0) / DAY_S),
  };
}
