import type { Context, Hono } from "hono";
import { z } from "zod";
import type { Fleet } from "../../fleet/fleet.ts";
import type { Result } from "../../lib/result.ts";
import { abuseAnswer } from "../../support/abuse.ts";
import type { SealedTicket, TicketView } from "../../support/ticket-views.ts";
import { MESSAGE_CHARACTERS_MOST, type TicketError, type Tickets } from "../../support/tickets.ts";

const numberRequest = z.strictObject({ number: z.string().max(100) });
const answerRequest = z.strictObject({
  number: z.string().max(100),
  text: z.string(),
  close: z.boolean().optional(),
});
const deleteRequest = z.strictObject({ numbers: z.array(z.string().max(100)).min(1).max(1000) });
const abuseRequest = z.strictObject({ server: z.string().optional() });

const ERRORS: Record<TicketError, string> = {
  "support-closed":
    "No age recipient is set, so that nothing can be encrypted: `lethe ticket keys` makes one, for support.to in lethe.toml.",
  "support-full": "There are too many open tickets.",
  "message-empty": "The answer has no text.",
  "message-long": `The answer is too long: ${MESSAGE_CHARACTERS_MOST} characters at most.`,
  "ticket-unknown": "There is no ticket of that number; `lethe ticket list` shows them all.",
  "ticket-closed": "That ticket is closed.",
  "ticket-long": "That ticket has as many messages as one can have.",
};

export interface TicketsAnswer {
  /** Whether anybody can write. */
  reachable: boolean;
  tickets: TicketView[];
}

export interface SupportOffice {
  tickets: Tickets;
  siteName: string;
  /** The site, `https://vpn.example.net`. */
  origin: string;
  abuseAddress?: string | undefined;
  fleet: Pick<Fleet, "named">;
}

/** The part of the control API that is about letters and complaints; errors as in control.ts. */
export function addSupportControl(app: Hono, office: SupportOffice): void {
  const { tickets, fleet, siteName, origin, abuseAddress } = office;
  const refuse = (c: Context, error: string) => c.json({ error }, 400);
  const done = async (c: Context, number: string, outcome: Promise<Result<void, TicketError>>) => {
    const result = await outcome;
    if (!result.ok) return refuse(c, ERRORS[result.error]);
    const { sealed: _, ...ticket } = (await tickets.show(number))!;
    return c.json({ ticket });
  };

  app.get("/tickets", async (c) =>
    c.json({ reachable: tickets.reachable, tickets: await tickets.list() } satisfies TicketsAnswer),
  );
  app.post("/tickets/show", async (c) => {
    const { number } = numberRequest.parse(await c.req.json());
    const ticket: SealedTicket | undefined = await tickets.show(number);
    return ticket === undefined ? refuse(c, ERRORS["ticket-unknown"]) : c.json(ticket);
  });
  app.post("/tickets/answer", async (c) => {
    const { number, text, close = false } = answerRequest.parse(await c.req.json());
    return done(c, number, tickets.answer(number, text, { close }));
  });
  app.post("/tickets/close", async (c) => {
    const { number } = numberRequest.parse(await c.req.json());
    return done(c, number, tickets.close(number));
  });
  app.post("/tickets/delete", async (c) => {
    const { numbers } = deleteRequest.parse(await c.req.json());
    const deleted = await tickets.remove(numbers);
    return deleted === 0 ? refuse(c, ERRORS["ticket-unknown"]) : c.json({ deleted });
  });
  app.post("/abuse/answer", async (c) => {
    const { server: name } = abuseRequest.parse(await c.req.json());
    const server = name === undefined ? undefined : fleet.named(name);
    if (name !== undefined && server === undefined)
      return refuse(c, "There is no server of that name; `lethe server list` shows them all.");
    return c.json({ text: abuseAnswer({ siteName, origin, abuseAddress, server }) });
  });
}
