import type { Hono } from "hono";
import type { AccountExport } from "../../accounts/export.ts";
import { dayAndTime } from "../dates.ts";
import { tokenField } from "../forms.ts";
import { forMembers } from "../gate.ts";
import { type Html, html } from "../html.ts";
import { inventoryTable } from "../inventory-table.ts";
import type { Say } from "../languages/language.ts";
import { sayIn } from "../languages/page-language.ts";
import { page } from "../layout.ts";
import type { SiteEnv } from "../options.ts";
import type { Web } from "../web.ts";

type Stored = AccountExport["stored"][number];

/** Columns that hold a time, in UTC seconds. */
const TIMES: ReadonlySet<string> = new Set(["paid_until", "delete_after"]);
/** Columns that hold 0 or 1. */
const FLAGS: ReadonlySet<string> = new Set(["terminated", "email_verified", "renews"]);

function shown(say: Say, { column, value }: Stored): Html {
  if (value === null || value === "") return html`<span class="muted">${say`nothing`}</span>`;
  if (typeof value === "number" && TIMES.has(column)) return dayAndTime(value, say);
  if (FLAGS.has(column)) return value === 0 ? say`no` : say`yes`;
  return html`<code class="long">${value}</code>`;
}

const storedTable = (say: Say, stored: readonly Stored[]): Html => html`<div class="panel"><table>
<caption>${say`In our database`}</caption>
<thead><tr><th scope="col">${say`What`}</th><th scope="col">${say`Value`}</th><th scope="col">${say`What for`}</th><th scope="col">${say`How long`}</th></tr></thead>
<tbody>${stored.map(
  (
    each,
  ) => html`<tr><th scope="row">${say.text(each.what)}<br><span class="muted small">${each.table}.${each.column}</span></th>
<td data-label="${say.text("Value")}">${shown(say, each)}</td>
<td data-label="${say.text("What for")}">${say.text(each.purpose)}</td>
<td data-label="${say.text("How long")}">${say.text(each.lifetime)}</td></tr>`,
)}</tbody></table></div>`;

/** All that is stored about the member's account, also of one whose paid time is over. */
export function addEverything(app: Hono<SiteEnv>, web: Web): void {
  app.get(
    "/member/everything",
    forMembers(web, async (c, { account, session }) => {
      const everything = await web.accounts.exportEverything(account.id);
      if (everything === undefined) return c.redirect("/account-gone", 303);
      const say = sayIn(c);
      const elsewhere = everything.elsewhere.map((each) => ({ ...each, table: each.where }));
      const body = html`<h1>${say`Everything stored about you`}</h1>
<p class="lead">${say`This is all. There is no list of your log-ins, connections, payments or addresses that could stand here.`}</p>
<form method="post" action="/member/export">${tokenField(session.formToken)}<p>${say`The same as one JSON file, with the VPN username and password, which are worked out and not stored:`} <button class="button quiet">${say`Download`}</button></p></form>
${storedTable(say, everything.stored)}
${inventoryTable(say, "Outside the account’s rows: what may exist, and what nobody can find by your account", elsewhere)}
<p><a href="/member/settings#delete">${say`Delete the account`}</a></p>`;
      return page(web, c, { title: "Everything stored about you", section: "member", tab: "settings", body });
    }),
  );
}
