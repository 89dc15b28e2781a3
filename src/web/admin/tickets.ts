import type { Hono } from "hono";
import { grouped } from "../../lib/typed-code.ts";
import type { SealedTicket, TicketView } from "../../support/ticket-views.ts";
import { MESSAGE_CHARACTERS_MOST } from "../../support/tickets.ts";
import { day } from "../dates.ts";
import { type Html, html } from "../html.ts";
import { adminFileUrl } from "./assets.ts";
import { cells, line, table } from "./fields.ts";
import { adminPage, buttonForm, notice, problem, tokenOf } from "./layout.ts";
import type { AdminContext, AdminEnv, AdminOptions } from "./options.ts";

const DAY_S = 86_400;
const LOOKS = { open: "warn", answered: "good", closed: "" } as const;
const WORDS = { open: "waits for an answer", answered: "answered", closed: "closed" } as const;

const badge = ({ state }: TicketView): Html =>
  html`<span class="badge ${LOOKS[state]}">${WORDS[state]}</span>`;

function ticketList(tickets: readonly TicketView[]): Html {
  const labels = ["Ticket", "State", "Opened", "Last message", "Messages", "Deleted"];
  return table(
    "Tickets",
    labels,
    tickets.map((ticket) =>
      cells(labels, [
        html`<a data-stay href="ticket?number=${ticket.number}">${grouped(ticket.number)}</a>`,
        badge(ticket),
        day(ticket.openedDay * DAY_S),
        day(ticket.lastDay * DAY_S),
        ticket.messages,
        day(ticket.deleteDay * DAY_S),
      ]),
    ),
  );
}

function ticketView(c: AdminContext, ticket: SealedTicket, typed: string): Html {
  const { number, state } = ticket;
  return html`<h1>Ticket ${grouped(number)}</h1>
<p>${badge(ticket)} <a data-stay href="tickets">All tickets</a></p>
${ticket.sealed.map(
  ({ fromOperator, day: written, body }) =>
    html`<article class="panel"><h2>${fromOperator ? "Answer" : "Message"}, ${day(written * DAY_S)}</h2>
<p class="message muted" data-sealed="${body}">Encrypted. Choose your identity file above, or use <code>lethe ticket show ${grouped(number)}</code>.</p></article>`,
)}
${
  state === "closed"
    ? html`<p>It is closed, and will be deleted on ${day(ticket.deleteDay * DAY_S)}.</p>`
    : html`<form class="panel" method="post" action="ticket">${tokenOf(c)}<input type="hidden" name="number" value="${number}"><input type="hidden" name="action" value="answer">
<div class="field"><label for="text">Your answer</label><p class="hint" id="text-hint">Encrypted before it is stored.${ticket.mail && (ticket.mailHasText ? html` <strong>It goes out by e-mail, too, as whoever wrote wants it:</strong> mail is not encrypted on its way.` : html` An e-mail tells that there is an answer, not what it says.`)}</p>
<textarea id="text" name="text" required rows="8" maxlength="${MESSAGE_CHARACTERS_MOST}" aria-describedby="text-hint">${typed}</textarea></div>
<p class="check"><input type="checkbox" id="close" name="close" value="yes"><label for="close">That is all: close the ticket</label></p>
<button class="button">Answer</button></form>
${buttonForm(c, {
  action: "ticket",
  label: "Close without an answer",
  fields: { number, action: "close" },
  look: "danger",
})}`
}`;
}

/** Reading takes the operator's own key: the texts are opened in the browser, or by `lethe ticket` where the identity is. */
const picker: Html = html`<div class="panel narrow" id="identity" hidden>
<div class="field"><label for="identity-picker">Your age identity</label>
<p class="hint" id="identity-hint">The file of <code>age-keygen</code> or <code>lethe ticket keys</code>. It is read in this page alone and not sent to the office.</p>
<input id="identity-picker" type="file" data-age="${adminFileUrl("admin-age.js")}" aria-describedby="identity-hint"></div>
<p id="identity-said" role="status"></p></div>`;

interface Said {
  done?: string;
  error?: string;
  typed?: string;
}

export function addTickets(app: Hono<AdminEnv>, admin: AdminOptions): void {
  const page = (c: AdminContext, title: string, content: Html, said: Said): Response => {
    const body = html`${picker}<div id="ticket-area">${notice(said.done)}${problem(said.error)}${content}</div>`;
    return adminPage(admin, c, {
      title,
      body,
      script: "admin-tickets.js",
      status: said.error === undefined ? 200 : 422,
    });
  };

  const list = async (c: AdminContext, said: Said = {}): Promise<Response> => {
    const asked = await admin.ask<{ tickets: TicketView[]; reachable: boolean }>("GET", "/tickets");
    if (!asked.ok) return page(c, "Tickets", html`<h1>Tickets</h1>`, { ...said, error: asked.error });
    const { tickets, reachable } = asked.value;
    const content = html`<h1>Tickets</h1>
${!reachable && html`<p class="notice warn">Nobody can write: support.to in lethe.toml names no age key. <code>lethe ticket keys</code> makes one.</p>`}
${tickets.length === 0 ? html`<p>There are no tickets.</p>` : ticketList(tickets)}`;
    return page(c, "Tickets", content, said);
  };

  const one = async (c: AdminContext, number: string, said: Said = {}): Promise<Response> => {
    const asked = await admin.ask<SealedTicket>("POST", "/tickets/show", { number });
    if (!asked.ok) return list(c, { error: asked.error });
    return page(
      c,
      `Ticket ${grouped(asked.value.number)}`,
      ticketView(c, asked.value, said.typed ?? ""),
      said,
    );
  };

  app.get("/tickets", (c) => list(c));
  app.get("/ticket", (c) => one(c, c.req.query("number") ?? ""));
  app.post("/ticket", async (c) => {
    const form = c.get("form");
    const number = line(form, "number");
    if (line(form, "action") === "close") {
      const closed = await admin.ask("POST", "/tickets/close", { number });
      return one(c, number, closed.ok ? { done: "Closed." } : { error: closed.error });
    }
    const text = form.get("text") ?? "";
    const close = line(form, "close") === "yes";
    const answered = await admin.ask("POST", "/tickets/answer", { number, text, ...(close && { close }) });
    return one(c, number, answered.ok ? { done: "Answered." } : { error: answered.error, typed: text });
  });
}
