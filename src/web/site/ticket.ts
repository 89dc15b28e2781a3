import { randomBytes } from "node:crypto";
import type { Context, Hono } from "hono";
import { networkOf } from "../../accounts/login-throttle.ts";
import { LeakyBuckets } from "../../lib/leaky-buckets.ts";
import { grouped } from "../../lib/typed-code.ts";
import { LIFETIMES } from "../../policy/lifetimes.ts";
import { type TicketPass, typedPass } from "../../support/ticket-key.ts";
import type { TicketState } from "../../support/ticket-views.ts";
import { MESSAGE_CHARACTERS_MOST, type ReadTicket, type TicketError } from "../../support/tickets.ts";
import { day } from "../dates.ts";
import { errorPage } from "../errors.ts";
import { area, field, formError, formToken, tokenField } from "../forms.ts";
import { type Html, html } from "../html.ts";
import { sayIn } from "../languages/page-language.ts";
import { page } from "../layout.ts";
import type { SiteEnv } from "../options.ts";
import type { Web } from "../web.ts";
import { WORDING } from "../wording.ts";

const DAY_S = 86_400;

const STATES: Record<TicketState, string> = {
  open: "Waits for an answer",
  answered: "Answered",
  closed: "Closed",
};

/** Number and secret travel in the body of a form, never in an address: that would stand in histories and logs. */
function askPage(web: Web, c: Context<SiteEnv>, number = "", problem?: "ticket-unknown"): Response {
  const say = sayIn(c);
  const body = html`<div class="narrow"><h1>${say`Your ticket`}</h1>
<p class="lead">${say`With the number and the secret that you were shown when you wrote to us.`}</p>
${formError(problem && say.text(WORDING[problem]))}
<form class="panel" method="post" action="/ticket">
${tokenField(formToken(web, c))}
${field({ name: "number", label: say.text("Ticket number"), required: true, autocomplete: "off", value: number, hint: say.text("10 characters. Capitals, dashes and spaces do not matter.") })}
${field({ name: "secret", label: say.text("Secret"), type: "password", required: true, autocomplete: "off", hint: say.text("20 characters.") })}
<button class="button">${say`Show`}</button>
</form>
<p>${
    web.support.tickets.reachable
      ? say`Lost? Nobody can find it again. <a href="/contact">Write to us anew</a>.`
      : say`Lost? Nobody can find it again.`
  }</p></div>`;
  const title = problem === undefined ? "Your ticket" : "Error: your ticket";
  return page(web, c, { title, section: "help", body, status: problem === undefined ? 200 : 422 });
}

const passFields = ({ number, secret }: TicketPass): Html =>
  html`<input type="hidden" name="number" value="${number}"><input type="hidden" name="secret" value="${secret}">`;

function message(
  c: Context<SiteEnv>,
  web: Web,
  { fromOperator, day: written, text }: ReadTicket["texts"][number],
): Html {
  const say = sayIn(c);
  return html`<article class="panel letter${fromOperator && " answer"}"><h2>${fromOperator ? web.siteName : say.text("You")}</h2>
<p class="muted small">${day(written * DAY_S, say)}</p><p class="as-written">${text}</p></article>`;
}

function ticketPage(
  web: Web,
  c: Context<SiteEnv>,
  pass: TicketPass,
  ticket: ReadTicket,
  more: { typed?: string; problem?: TicketError; done?: string } = {},
): Response {
  const say = sayIn(c);
  const { problem, done } = more;
  const token = tokenField(formToken(web, c));
  const ofText = problem === "message-empty" || problem === "message-long";
  const body = html`<h1>${say`Ticket ${grouped(ticket.number)}`}</h1>
${done !== undefined && html`<div class="notice" role="status"><p>${say.text(done)}</p></div>`}
${formError(problem === undefined || ofText ? undefined : say.text(WORDING[problem]))}
<p><strong>${say.text(STATES[ticket.state])}</strong>. ${
    ticket.state === "closed"
      ? say`It is deleted on ${day(ticket.deleteDay * DAY_S, say)}, all of it.`
      : say`If nobody writes any more it is deleted on ${day(ticket.deleteDay * DAY_S, say)}.`
  }${ticket.mail && html` ${ticket.mailHasText ? say`The answer is sent to you by e-mail, too.` : say`You are told by e-mail when there is an answer.`}`}</p>
${ticket.texts.map((each) => message(c, web, each))}
${
  ticket.state !== "closed" &&
  html`<form class="panel" method="post" action="/ticket/reply">${token}${passFields(pass)}<input type="hidden" name="once" value="${randomBytes(16).toString("base64url")}">
${area({
  name: "text",
  label: say.text("Write more"),
  value: more.typed ?? "",
  rows: 6,
  maxLength: MESSAGE_CHARACTERS_MOST,
  error: ofText ? say.text(WORDING[problem!]) : undefined,
})}
<button class="button">${say`Send`}</button></form>
<form class="panel" method="post" action="/ticket/close">${token}${passFields(pass)}
<p>${say`Is it settled? A closed ticket is deleted after ${LIFETIMES.closedTicket.days} days.`}</p>
<button class="button quiet">${say`Close the ticket`}</button></form>`
}
<form method="post" action="/ticket">${token}${passFields(pass)}<p><button class="button quiet small">${say`Look again`}</button></p></form>`;
  return page(web, c, {
    title: problem === undefined ? "Your ticket" : "Error: your ticket",
    section: "help",
    body,
    status: problem === undefined ? 200 : 422,
    script: "enhance.js",
  });
}

/** Looks of one network at tickets: opening a hundred messages keeps the office busy for a fifth of a second. */
const LOOKS = { burst: 20, oneEachMs: 5000 };
/** Messages of one network in tickets that it has: as letters, since the work that was done for one is not done for each. */
const REPLIES = { burst: 10, oneEachMs: 120_000 };

export function addTicket(app: Hono<SiteEnv>, web: Web): void {
  const { tickets } = web.support;
  const looks = new LeakyBuckets({ clock: web.clock, ...LOOKS });
  const replies = new LeakyBuckets({ clock: web.clock, ...REPLIES });

  /** Whoever knows number and secret; wrong ones cost time, as passwords do. */
  const opened = async (
    c: Context<SiteEnv>,
    use: (pass: TicketPass, form: URLSearchParams) => Promise<Response>,
  ): Promise<Response> => {
    const form = c.get("form");
    const number = form.get("number") ?? "";
    const pass = typedPass({ number, secret: form.get("secret") ?? "" });
    if (pass === undefined) return askPage(web, c, number.slice(0, 40), "ticket-unknown");
    if (looks.take(networkOf(web.clientAddress(c))) === undefined) return errorPage(web, c, "looks-slow");
    const attempt = web.throttle.attempt(`ticket ${pass.number}`, web.clientAddress(c));
    if (!attempt.allowed) return errorPage(web, c, "slow-down");
    if (!(await tickets.knows(pass))) return askPage(web, c, number.slice(0, 40), "ticket-unknown");
    attempt.succeeded();
    return use(pass, form);
  };
  const shown = async (
    c: Context<SiteEnv>,
    pass: TicketPass,
    more?: { typed?: string; problem?: TicketError; done?: string },
  ): Promise<Response> => {
    const ticket = await tickets.read(pass);
    if (ticket === undefined) return askPage(web, c, grouped(pass.number), "ticket-unknown");
    return ticketPage(web, c, pass, ticket, more);
  };

  app.get("/ticket", (c) => askPage(web, c));

  app.post("/ticket", (c) => opened(c, (pass) => shown(c, pass)));

  app.post("/ticket/reply", (c) =>
    opened(c, async (pass, form) => {
      const text = form.get("text") ?? "";
      const once = form.get("once") ?? "";
      const turn = replies.take(networkOf(web.clientAddress(c)));
      if (turn === undefined) return errorPage(web, c, "letters-slow");
      const done = await tickets.reply(pass, { text, once: once.slice(0, 100) });
      if (!done.ok) turn.giveBack();
      return done.ok
        ? shown(c, pass, { done: "Your message is here." })
        : shown(c, pass, { problem: done.error, typed: text });
    }),
  );

  app.post("/ticket/close", (c) =>
    opened(c, async (pass) => {
      const done = await tickets.close(pass.number);
      return shown(c, pass, done.ok ? { done: "The ticket is closed." } : { problem: done.error });
    }),
  );
}
