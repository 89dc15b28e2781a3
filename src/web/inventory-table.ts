import type { InventoryEntry } from "../store/inventory.ts";
import { type Html, html } from "./html.ts";
import type { Say } from "./languages/language.ts";

/** What a table shows of an entry. */
type Listed = Pick<InventoryEntry, "place" | "table" | "what" | "purpose" | "lifetime">;

interface Group {
  what: string[];
  purpose: string;
  lifetime: string;
}

/** Columns of one table with the same purpose and lifetime stand together. */
function groups(entries: readonly Listed[]): Group[] {
  const found = new Map<string, Group>();
  for (const { place, table, what, purpose, lifetime } of entries) {
    const key = JSON.stringify([place, place === "table" ? table : what, purpose, lifetime]);
    const group = found.get(key);
    if (group === undefined) found.set(key, { what: [what], purpose, lifetime });
    else group.what.push(what);
  }
  return [...found.values()];
}

const row = (say: Say, { what, purpose, lifetime }: Group): Html => html`<tr>
<th scope="row">${what.length === 1 ? say.text(what[0]!) : html`<ul>${what.map((each) => html`<li>${say.text(each)}</li>`)}</ul>`}</th>
<td data-label="${say.text("What for")}">${say.text(purpose)}</td>
<td data-label="${say.text("How long")}">${say.text(lifetime)}</td>
</tr>`;

/** What is stored, what for, and how long. */
export function inventoryTable(say: Say, caption: string, entries: readonly Listed[]): Html {
  return html`<div class="panel"><table><caption>${say.text(caption)}</caption>
<thead><tr><th scope="col">${say`What`}</th><th scope="col">${say`What for`}</th><th scope="col">${say`How long`}</th></tr></thead>
<tbody>${groups(entries).map((group) => row(say, group))}</tbody></table></div>`;
}
