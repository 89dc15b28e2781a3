import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { Transaction } from "kysely";
import { base32 } from "../lib/base32.ts";
import type { Clock } from "../lib/clock.ts";
import { deriveKey } from "../lib/derive-key.ts";
import { fail, ok, type Result } from "../lib/result.ts";
import { LIFETIMES } from "../policy/lifetimes.ts";
import type { Store } from "../store/open.ts";
import type { Tables } from "../store/tables.ts";
import { sealEmail, type TicketEmail } from "./sealed-email.ts";
import { openMessage, sealMessage } from "./sealed-message.ts";
import { type TicketPass, ticketIdentity, ticketPass, ticketRecipient, typedNumber } from "./ticket-key.ts";
import {
  emailOf,
  listTickets,
  type SealedTicket,
  sealedTicket,
  type TicketView,
  ticketRow,
} from "./ticket-views.ts";

export const MESSAGE_CHARACTERS_MOST = 8000;
/** Of one ticket, the operator's included. */
export const MESSAGES_MOST = 100;
/** Open at one time; beyond that nobody would be answered any more. */
const OPEN_TICKETS_MOST = 10_000;
/** Those that were answered or closed included: whoever writes closes a ticket, too, and could otherwise fill the disk with closed ones. */
const TICKETS_MOST = 30_000;

const DAY_S = 86_400;

/**
 * `support-closed`: no age recipient is set. `support-full`: too many tickets are open. `ticket-unknown`: no such number, or it was
 * deleted, or the secret is another one's.
 */
export type TicketError =
  | "support-closed"
  | "support-full"
  | "message-empty"
  | "message-long"
  | "ticket-unknown"
  | "ticket-closed"
  | "ticket-long";

/** A ticket as whoever has its secret reads it. */
export interface ReadTicket extends TicketView {
  texts: { fromOperator: boolean; day: number; text: string }[];
}

/** That there is an answer; `text`: the answer, where whoever wrote wants it sent. */
export interface AnsweredMail {
  to: string;
  number: string;
  text?: string;
}

type Trx = Transaction<Tables>;

/**
 * Letters to the operator and the answers. Every text is encrypted to the operator's own keys and to the ticket's before it is
 * stored, so that the database and all keys of the office together open none: the operator's secret key lies elsewhere,
 * and the ticket's has only whoever wrote.
 */
export class Tickets {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #key: Uint8Array;
  readonly #mailKey: Uint8Array;
  readonly #recipients: readonly string[];
  readonly #arrived: (() => Promise<void>) | undefined;
  readonly #answered: ((mail: AnsweredMail) => Promise<void>) | undefined;

  /**
   * `secret`: 32 bytes that only the office has. `recipients`: the operator's age keys; none: there are no tickets.
   * `answered` tells an address that there is an answer; without it no address is taken. `arrived`
   * is called after each letter of a visitor's or member's; neither may reject.
   */
  constructor(options: {
    store: Store;
    clock: Clock;
    secret: Uint8Array;
    recipients: readonly string[];
    arrived?: (() => Promise<void>) | undefined;
    answered?: ((mail: AnsweredMail) => Promise<void>) | undefined;
  }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#key = deriveKey(options.secret, "lethe tickets");
    this.#mailKey = deriveKey(options.secret, "lethe ticket e-mail");
    this.#recipients = options.recipients;
    this.#arrived = options.arrived;
    this.#answered = options.answered;
  }

  /** Whether anybody can write. */
  get reachable(): boolean {
    return this.#recipients.length > 0;
  }

  /** Whether an e-mail address can be told of an answer. */
  get mails(): boolean {
    return this.#answered !== undefined;
  }

  /**
   * Opens a ticket. `once`: a random text of this one form; the same again gives the same ticket and changes nothing.
   * `email`: its address is checked by the caller. Throws StoreError.
   */
  async open(input: {
    once: string;
    text: string;
    email?: TicketEmail | undefined;
  }): Promise<Result<TicketPass, TicketError>> {
    if (!this.reachable) return fail("support-closed");
    const text = acceptText(input.text);
    if (!text.ok) return text;
    const pass = ticketPass(this.#key, input.once);
    const recipient = await ticketRecipient(pass);
    const body = await sealMessage(text.value, [...this.#recipients, recipient]);
    const email = this.mails && input.email ? sealEmail(this.#mailKey, pass.number, input.email) : null;
    const { nowS, day } = this.#now();
    const opened = await this.#store.db.transaction().execute(async (trx) => {
      const before = await ticketRow(trx, pass.number);
      // The same form once more; anything else of the same number is a chance of one in 10¹⁵.
      if (before !== undefined) return before.recipient === recipient ? ok(pass) : fail("support-full");
      const states = await trx
        .selectFrom("tickets")
        .select(({ fn }) => ["state", fn.countAll<number>().as("count")])
        .groupBy("state")
        .execute();
      const open = states.find(({ state }) => state === "open")?.count ?? 0;
      const all = states.reduce((sum, { count }) => sum + Number(count), 0);
      if (Number(open) >= OPEN_TICKETS_MOST || all >= TICKETS_MOST) return fail("support-full");
      await trx
        .insertInto("tickets")
        .values({
          number: pass.number,
          recipient,
          state: "open",
          opened_day: day,
          closed_day: null,
          email_sealed: email,
          delete_after: nowS + LIFETIMES.silentTicket.days * DAY_S,
        })
        .execute();
      await this.#write(trx, pass.number, { id: input.once, fromOperator: false, body });
      return ok(pass);
    });
    if (opened.ok) await this.#arrived?.();
    return opened;
  }

  /** Whether there is such a ticket and that is its secret. */
  async knows(pass: TicketPass): Promise<boolean> {
    return (await this.#with(pass)) !== undefined;
  }

  /** The ticket with its texts. Undefined where there is none, or the secret is wrong. */
  async read(pass: TicketPass): Promise<ReadTicket | undefined> {
    const ticket = await this.#with(pass);
    if (ticket === undefined) return undefined;
    const identity = await ticketIdentity(pass);
    const { sealed, ...view } = ticket;
    const texts = await Promise.all(
      sealed.map(async ({ fromOperator, day, body }) => ({
        fromOperator,
        day,
        text: (await openMessage(body, [identity])) ?? "",
      })),
    );
    return { ...view, texts };
  }

  /** One more message from whoever wrote; the ticket waits for an answer again. `once` as in `open`. */
  async reply(pass: TicketPass, input: { once: string; text: string }): Promise<Result<void, TicketError>> {
    const text = acceptText(input.text);
    if (!text.ok) return text;
    if (!this.reachable) return fail("support-closed");
    const ticket = await this.#with(pass);
    if (ticket === undefined) return fail("ticket-unknown");
    const added = await this.#add(pass.number, text.value, { once: input.once, fromOperator: false });
    if (added.ok) await this.#arrived?.();
    return added;
  }

  /** Every ticket: those that wait for an answer first, the oldest first. */
  list(): Promise<TicketView[]> {
    return listTickets(this.#store.db, this.#mailKey);
  }

  /** A ticket with its messages as they are stored; `number` as somebody typed it. */
  async show(number: string): Promise<SealedTicket | undefined> {
    const plain = typedNumber(number);
    const row = plain === undefined ? undefined : await ticketRow(this.#store.db, plain);
    return row && sealedTicket(this.#store.db, row, this.#mailKey);
  }

  /** The operator's answer, encrypted like the rest; whoever gave an address is told that there is one, and what it says only if they want that. */
  async answer(
    number: string,
    text: string,
    { close = false }: { close?: boolean } = {},
  ): Promise<Result<void, TicketError>> {
    const accepted = acceptText(text);
    if (!accepted.ok) return accepted;
    const plain = typedNumber(number);
    if (plain === undefined) return fail("ticket-unknown");
    const row = await ticketRow(this.#store.db, plain);
    if (row === undefined) return fail("ticket-unknown");
    const done = await this.#add(plain, accepted.value, {
      once: base32(randomBytes(16)),
      fromOperator: true,
    });
    if (!done.ok) return done;
    const email = emailOf(row, this.#mailKey);
    if (email !== undefined)
      await this.#answered?.({
        to: email.address,
        number: plain,
        ...(email.withText && { text: accepted.value }),
      });
    return close ? this.close(plain) : ok(undefined);
  }

  /** No more messages; the address is forgotten at once, and the ticket deleted 30 days later. Twice is once. */
  async close(number: string): Promise<Result<void, TicketError>> {
    const plain = typedNumber(number);
    if (plain === undefined) return fail("ticket-unknown");
    const { nowS, day } = this.#now();
    const closed = await this.#store.db.transaction().execute(async (trx) => {
      const row = await ticketRow(trx, plain);
      if (row === undefined) return fail("ticket-unknown" as const);
      if (row.state === "closed") return ok(undefined);
      await trx
        .updateTable("tickets")
        .set({
          state: "closed",
          closed_day: day,
          email_sealed: null,
          delete_after: nowS + LIFETIMES.closedTicket.days * DAY_S,
        })
        .where("number", "=", plain)
        .execute();
      return ok(undefined);
    });
    if (closed.ok) await this.#store.scrub();
    return closed;
  }

  /** Deletes tickets with all their messages at once, as for spam; numbers that there are none of are passed over. Returns how many went. */
  async remove(numbers: readonly string[]): Promise<number> {
    const plain = numbers.flatMap((number) => typedNumber(number) ?? []);
    if (plain.length === 0) return 0;
    const { numDeletedRows } = await this.#store.db
      .deleteFrom("tickets")
      .where("number", "in", plain)
      .executeTakeFirst();
    if (numDeletedRows > 0n) await this.#store.scrub();
    return Number(numDeletedRows);
  }

  /** The ticket, where the secret makes the key that the ticket has. */
  async #with(pass: TicketPass): Promise<SealedTicket | undefined> {
    // Derived also where there is no such ticket: the time it takes tells nobody which numbers there are.
    const recipient = await ticketRecipient(pass);
    const row = await ticketRow(this.#store.db, pass.number);
    if (row === undefined) return undefined;
    const [given, known] = [Buffer.from(recipient), Buffer.from(row.recipient)];
    if (given.length !== known.length || !timingSafeEqual(given, known)) return undefined;
    return sealedTicket(this.#store.db, row, this.#mailKey);
  }

  async #add(
    number: string,
    text: string,
    { once, fromOperator }: { once: string; fromOperator: boolean },
  ): Promise<Result<void, TicketError>> {
    const known = await ticketRow(this.#store.db, number);
    if (known === undefined) return fail("ticket-unknown");
    const body = await sealMessage(text, [...this.#recipients, known.recipient]);
    const { nowS } = this.#now();
    return this.#store.db.transaction().execute(async (trx): Promise<Result<void, TicketError>> => {
      const row = await ticketRow(trx, number);
      if (row === undefined) return fail("ticket-unknown");
      const id = this.#messageId(number, once);
      const twin = await trx
        .selectFrom("ticket_messages")
        .select("id")
        .where("id", "=", id)
        .executeTakeFirst();
      if (twin !== undefined) return ok(undefined);
      if (row.state === "closed") return fail("ticket-closed");
      const written = await this.#write(trx, number, { id: once, fromOperator, body });
      if (!written) return fail("ticket-long");
      await trx
        .updateTable("tickets")
        .set({
          state: fromOperator ? "answered" : "open",
          delete_after: nowS + LIFETIMES.silentTicket.days * DAY_S,
        })
        .where("number", "=", number)
        .execute();
      return ok(undefined);
    });
  }

  /** False where the ticket has as many messages as one may have. */
  async #write(
    trx: Trx,
    ticket: string,
    message: { id: string; fromOperator: boolean; body: string },
  ): Promise<boolean> {
    const { last } = await trx
      .selectFrom("ticket_messages")
      .select(({ fn }) => fn.max("seq").as("last"))
      .where("ticket", "=", ticket)
      .executeTakeFirstOrThrow();
    const seq = Number(last ?? 0) + 1;
    if (seq > MESSAGES_MOST) return false;
    await trx
      .insertInto("ticket_messages")
      .values({
        id: this.#messageId(ticket, message.id),
        ticket,
        seq,
        from_operator: message.fromOperator ? 1 : 0,
        body: message.body,
        day: this.#now().day,
      })
      .execute();
    return true;
  }

  #messageId(ticket: string, once: string): string {
    return createHmac("sha256", this.#key).update(`message ${ticket} ${once}`).digest("hex").slice(0, 32);
  }

  #now(): { nowS: number; day: number } {
    const nowS = Math.floor(this.#clock.now() / 1000);
    return { nowS, day: Math.floor(nowS / DAY_S) };
  }
}

/** Line ends as one, no control characters, nothing around it. */
function acceptText(text: string): Result<string, "message-empty" | "message-long"> {
  const accepted = text
    .replace(/\r\n?/g, "\n")
    .replace(/[^\P{Cc}\n\t]/gu, "")
    .trim();
  if (accepted === "") return fail("message-empty");
  return [...accepted].length > MESSAGE_CHARACTERS_MOST ? fail("message-long") : ok(accepted);
}
