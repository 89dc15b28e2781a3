import type { Hono } from "hono";
import type { CertificateView } from "../certificates.ts";
import type { SwitchView } from "../control/operator.ts";
import type { RefundDueRow } from "../control/refunds.ts";
import type { ServerView } from "../control/servers.ts";
import { type Html, html } from "../html.ts";
import { adminPage } from "./layout.ts";
import type { AdminEnv, AdminOptions } from "./options.ts";
import { serverState } from "./server-words.ts";
import { switchTitle } from "./switches.ts";

interface CashWaiting {
  orders: unknown[];
}
interface RefundsDue {
  refunds: RefundDueRow[];
}
interface Tickets {
  tickets: { state: string }[];
}

const plural = (count: number, one: string, more: string): string => `${count} ${count === 1 ? one : more}`;

function fleetPanel(servers: readonly ServerView[]): Html {
  const states = servers.map((server) => ({ server, state: serverState(server) }));
  const well = states.filter(({ state }) => state.look === "good");
  const others = states.filter(({ state }) => state.look !== "good");
  return html`<section class="panel"><h2>Servers</h2>
<p class="big">${well.length} of ${servers.length} well</p>
${others.length > 0 && html`<ul class="plain">${others.map(({ server, state }) => html`<li><a href="server?name=${server.name}">${server.name}</a>: <span class="badge ${state.look}">${state.words}</span></li>`)}</ul>`}
<p><a href="servers">All servers</a></p></section>`;
}

/** What wants to be looked at. A question that this installation does not answer has no panel. */
export function addOverview(app: Hono<AdminEnv>, admin: AdminOptions): void {
  app.get("/", (c) => c.redirect(`${admin.base}/overview`, 303));
  app.get("/overview", async (c) => {
    const [servers, certificates, switches, vouchers, cash, tickets, mail, refunds] = await Promise.all([
      admin.ask<{ servers: ServerView[] }>("GET", "/servers"),
      admin.ask<{ certificates: CertificateView[] }>("GET", "/certificates"),
      admin.ask<{ switches: SwitchView[] }>("GET", "/switches"),
      admin.ask<{ unused: number; used: number }>("GET", "/vouchers/counts"),
      admin.ask<CashWaiting>("GET", "/cash"),
      admin.ask<Tickets>("GET", "/tickets"),
      admin.ask<{ waiting: number }>("GET", "/mail"),
      admin.ask<RefundsDue>("GET", "/refunds"),
    ]);
    const warnings = certificates.ok
      ? certificates.value.certificates.filter(({ warning }) => warning !== undefined)
      : [];
    const off = switches.ok ? switches.value.switches.filter(({ on }) => !on) : [];
    const open = tickets.ok ? tickets.value.tickets.filter(({ state }) => state === "open").length : 0;
    const due = refunds.ok ? refunds.value.refunds : [];
    const byHand = due.filter(({ next }) => next === null).length;
    const body = html`<h1>Overview</h1>
${byHand > 0 && html`<div class="notice warn"><p>PayPal did not make ${plural(byHand, "refund", "refunds")} that the rules granted: <a href="refunds">to be made by hand</a>.</p></div>`}
${warnings.map(
  ({ kind, server, warning }) =>
    html`<div class="notice warn"><p>Certificate (${kind}${server !== undefined && ` of ${server}`}): ${warning}</p></div>`,
)}
<div class="columns">
${servers.ok && fleetPanel(servers.value.servers)}
<section class="panel"><h2>Waiting</h2><ul class="plain">
${cash.ok && html`<li><a href="cash">${plural(cash.value.orders.length, "order", "orders")} for cash</a></li>`}
${tickets.ok && html`<li><a href="tickets">${plural(open, "ticket", "tickets")} without an answer</a></li>`}
${due.length > 0 && html`<li><a href="refunds">${plural(due.length, "refund", "refunds")} that PayPal has not made yet</a></li>`}
${mail.ok && html`<li>${plural(mail.value.waiting, "letter", "letters")} to be sent</li>`}
${vouchers.ok && html`<li><a href="vouchers">${plural(vouchers.value.unused, "voucher", "vouchers")} not used yet</a></li>`}
</ul></section>
<section class="panel"><h2>Switched off</h2>
${
  off.length === 0
    ? html`<p>Nothing.</p>`
    : html`<ul class="plain">${off.map(({ name }) => html`<li>${switchTitle(name)}</li>`)}</ul>`
}
<p><a href="switches">Switches</a></p></section>
</div>
<p class="muted small">Whatever can be done here, the <code>lethe</code> command does, too.</p>`;
    return adminPage(admin, c, { title: "Overview", body });
  });
}
