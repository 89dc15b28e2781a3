import type { Context, Hono } from "hono";
import { networkOf } from "../../accounts/login-throttle.ts";
import { acceptEmail } from "../../accounts/rules.ts";
import { LeakyBuckets } from "../../lib/leaky-buckets.ts";
import { grouped } from "../../lib/typed-code.ts";
import { LIFETIMES } from "../../policy/lifetimes.ts";
import { type ChallengeProblem } from "../../support/challenge.ts";
import type { TicketPass } from "../../support/ticket-key.ts";
import { MESSAGE_CHARACTERS_MOST, type TicketError } from "../../support/tickets.ts";
import { errorPage } from "../errors.ts";
import { area, field, formError, formToken, tokenField } from "../forms.ts";
import { memberHere } from "../gate.ts";
import { type Html, html } from "../html.ts";
import { sayIn } from "../languages/page-language.ts";
import { page } from "../layout.ts";
import type { Member, SiteEnv } from "../options.ts";
import { values } from "../values.ts";
import type { Web } from "../web.ts";
import { WORDING } from "../wording.ts";

/** What a letter may be about; the first line of the letter says it, which is encrypted like the rest. */
export const TOPICS = [
  "Getting connected",
  "Payment or refund",
  "My account or my data",
  "Abuse of one of the servers",
  "Something else",
] as const;

interface Typed {
  topic: string;
  text: string;
  email: string;
  mailText: boolean;
  tellName: boolean;
  challenge: string;
}

type Problem = TicketError | ChallengeProblem | "email-invalid";

const FIELD_OF: Partial<Record<Problem, "text" | "email" | "sum">> = {
  "message-empty": "text",
  "message-long": "text",
  "email-invalid": "email",
  wrong: "sum",
};

const NOBODY: Typed = { topic: "", text: "", email: "", mailText: false, tellName: false, challenge: "" };

/** The sum, for browsers without scripts; contact.js takes it away and works instead. */
function puzzle(
  c: Context<SiteEnv>,
  { challenge, sum, bits }: { challenge: string; sum: readonly [string, string]; bits: number },
  error: string | undefined,
): Html {
  const say = sayIn(c);
  return html`<div id="work" data-challenge="${challenge}" data-bits="${bits}">
<input type="hidden" name="challenge" value="${challenge}"><input type="hidden" name="work" value="">
${field({
  name: "sum",
  label: say.text("How much is {0} plus {1}?", ...sum.map((word) => say.text(word))),
  required: true,
  autocomplete: "off",
  hint: say.text("In digits. It keeps out programs that send letters by the thousand."),
  error,
})}</div>`;
}

/** Who has paid, or had a voucher. An account as such costs a program one form. */
const hasPaid = (member: Member | undefined): boolean =>
  member !== undefined && member.account.paidUntil !== undefined && !member.account.terminated;

function closedPage(web: Web, c: Context<SiteEnv>): Response {
  const say = sayIn(c);
  const { contactAddress } = web.support;
  const body = html`<h1>${say`Contact`}</h1>
${
  contactAddress === undefined
    ? html`<div class="notice warn"><p>${say`This site takes no letters yet: its operator has not set up a key to encrypt them to. (Operator: lethe ticket keys.)`}</p></div>`
    : html`<p class="lead">${say`Write to us by e-mail:`} <a href="mailto:${contactAddress}">${contactAddress}</a></p>`
}
<p>${say`Most questions are answered in the <a href="/help">help centre</a>.`}</p>`;
  return page(web, c, { title: "Contact", section: "help", body });
}

async function contactPage(
  web: Web,
  c: Context<SiteEnv>,
  typed: Typed = NOBODY,
  problem?: Problem,
): Promise<Response> {
  const say = sayIn(c);
  const { tickets, challenges, contactAddress } = web.support;
  const member = await memberHere(web, c);
  const words = problem && say.text(WORDING[problem]);
  // Another sum after a wrong one: forty guesses at one would be enough.
  const challenge = challenges.issue(problem === "wrong" ? undefined : typed.challenge);
  const errorOf = (name: string) => (problem !== undefined && FIELD_OF[problem] === name ? words : undefined);
  const general =
    problem !== undefined &&
    (FIELD_OF[problem] === undefined
      ? words
      : say.text("The letter was not sent. See below what to change."));
  const body = html`<h1>${say`Contact`}</h1>
<p class="lead">${say`Ask us anything. You need no account and no e-mail address for it. Most answers stand in the <a href="/help">help centre</a> already.`}</p>
${formError(general || undefined)}
<div class="with-aside">
<div class="narrow"><form class="panel" method="post" action="/contact">
${tokenField(formToken(web, c))}
<div class="field"><label for="topic">${say`What is it about?`}</label><select id="topic" name="topic">${TOPICS.map(
    (topic) =>
      html`<option value="${topic}"${topic === typed.topic && html` selected`}>${say.text(topic)}</option>`,
  )}</select></div>
${area({
  name: "text",
  label: say.text("Your letter"),
  value: typed.text,
  rows: 9,
  maxLength: MESSAGE_CHARACTERS_MOST,
  hint: say.text("Never write a password here. Nobody of us will ever ask for one."),
  error: errorOf("text"),
})}
${
  tickets.mails &&
  field(
    {
      name: "email",
      label: "E-mail address",
      type: "email",
      autocomplete: "email",
      value: typed.email,
      hint: "To tell you that there is an answer. It is kept encrypted and forgotten when the ticket is closed.",
      error: errorOf("email"),
    },
    say,
  )
}
${
  tickets.mails &&
  html`<label class="check"><input type="checkbox" name="mail-text" value="yes"${typed.mailText && html` checked`}><span>${say`Send me the answer itself by e-mail`} <span class="hint">${say`Mail is not encrypted on its way, and lies readable in your mailbox. Otherwise the e-mail says nothing of the answer.`}</span></span></label>`
}
${
  member !== undefined &&
  html`<label class="check"><input type="checkbox" name="tell-name" value="yes"${typed.tellName && html` checked`}><span>${say`Tell them that I am ${member.account.name}`} <span class="hint">${say`Otherwise nothing says whose letter it is.`}</span></span></label>`
}
${
  !hasPaid(member)
    ? puzzle(c, { ...challenge, bits: challenges.bits }, errorOf("sum"))
    : html`<input type="hidden" name="challenge" value="${challenge.challenge}">`
}
<button class="button">${say`Send`}</button>
<p id="working" role="status" data-busy="${say.text("One moment …")}"></p>
</form></div>
<aside class="panel" aria-labelledby="how"><h2 id="how">${say`What happens to it`}</h2>
<ul class="facts">
<li>${say`It is encrypted to a key that is not on this machine, before it is stored.`}</li>
<li>${say`You get a number and a secret: with both you read the answer on <a href="/ticket">your ticket</a>.`}</li>
<li>${say`It is deleted ${LIFETIMES.closedTicket.days} days after the ticket was closed, and after ${LIFETIMES.silentTicket.days} days in which nobody wrote anything.`}</li>
</ul>
${contactAddress !== undefined && html`<p>${say`By e-mail:`} <a href="mailto:${contactAddress}">${contactAddress}</a></p>`}
<p>${say`You have written already? <a href="/ticket">Your ticket</a>`}</p></aside>
</div>`;
  return page(web, c, {
    title: problem === undefined ? "Contact" : "Error: contact",
    section: "help",
    body,
    status: problem === undefined ? 200 : 422,
    ...(!hasPaid(member) && { script: "contact.js" as const }),
  });
}

/** Shown once; the same form sent again shows it again. */
function sentPage(web: Web, c: Context<SiteEnv>, { number, secret }: TicketPass): Response {
  const say = sayIn(c);
  const body = html`<div class="narrow"><h1>${say`Your letter is here`}</h1>
<div class="notice warn"><p><strong>${say`Write both down now.`}</strong> ${say`They are shown once, and nobody can find them again: with them you read the answer.`}</p></div>
${values(
  [
    { id: "ticket-number", name: say.text("Ticket number"), value: grouped(number) },
    { id: "ticket-secret", name: say.text("Secret"), value: grouped(secret) },
  ],
  say,
)}
<form method="post" action="/ticket">${tokenField(formToken(web, c))}
<input type="hidden" name="number" value="${number}"><input type="hidden" name="secret" value="${secret}">
<p><button class="button">${say`Go to your ticket`}</button></p></form>
<p>${say`Come back to <a href="/ticket">your ticket</a> in a day or two.`}</p></div>`;
  return page(web, c, { title: "Your letter is here", section: "help", body, script: "enhance.js" });
}

/** Letters of one network: at one go, and then one in so long. Who only answers a sum is let through more slowly. */
const LETTERS = { burst: 10, oneEachMs: 120_000 };
const BY_SUM = { burst: 4, oneEachMs: 600_000 };
/** Of all who only answer a sum together: a program in many networks has worked out the sums by now. */
const ALL_BY_SUM = { burst: 60, oneEachMs: 30_000 };

export function addContact(app: Hono<SiteEnv>, web: Web): void {
  const { tickets, challenges } = web.support;
  const letters = new LeakyBuckets({ clock: web.clock, ...LETTERS });
  const bySum = new LeakyBuckets({ clock: web.clock, ...BY_SUM });
  const allBySum = new LeakyBuckets({ clock: web.clock, ...ALL_BY_SUM });

  app.get("/contact", (c) => (tickets.reachable ? contactPage(web, c) : closedPage(web, c)));

  app.post("/contact", async (c) => {
    if (!tickets.reachable) return closedPage(web, c);
    const form = c.get("form");
    const get = (name: string) => form.get(name) ?? "";
    const typed: Typed = {
      topic: TOPICS.find((topic) => topic === get("topic")) ?? "Something else",
      text: get("text"),
      email: get("email").trim(),
      mailText: get("mail-text") === "yes",
      tellName: get("tell-name") === "yes",
      challenge: get("challenge"),
    };
    const member = await memberHere(web, c);
    const email = acceptEmail(tickets.mails ? typed.email : "");
    if (!email.ok) return contactPage(web, c, typed, email.error);
    if (typed.text.trim() === "") return contactPage(web, c, typed, "message-empty");
    const answer = challenges.check({ challenge: get("challenge"), work: get("work"), sum: get("sum") });
    const known = hasPaid(member) ? challenges.idOf(get("challenge")) : undefined;
    const id = typeof answer === "string" ? known : answer.id;
    if (id === undefined) return contactPage(web, c, typed, answer as ChallengeProblem);
    const network = networkOf(web.clientAddress(c));
    const taken = [letters.take(network)];
    if (!hasPaid(member) && typeof answer === "object" && answer.kind === "sum")
      taken.push(bySum.take(network), allBySum.take(""));
    const giveBack = () => {
      for (const each of taken) each?.giveBack();
    };
    if (taken.includes(undefined)) {
      giveBack();
      return errorPage(web, c, "letters-slow");
    }
    const opened = await tickets.open({
      once: id,
      text: [
        `About: ${typed.topic}`,
        // Always there: a line of the same kind that the letter itself begins with is seen to be none of ours.
        `Account: ${member !== undefined && typed.tellName ? member.account.name : "not told"}`,
        "",
        typed.text,
      ].join("\n"),
      ...(email.value !== undefined && {
        email: { address: email.value, withText: typed.mailText },
      }),
    });
    if (opened.ok) return sentPage(web, c, opened.value);
    giveBack();
    return contactPage(web, c, typed, opened.error);
  });
}
