import type { InventoryEntry } from "../store/inventory.ts";
import { type Html, html } from "./html.ts";

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

const row = ({ what, purpose, lifetime }: Group): Html => html`<tr>
<th scope="row">${what.length === 1 ? what[0] : html`<ul>${what.map((each) => html`<li>${each}</li>`)}</ul>`}</th>
<td data-label="What for">${purpose}</td>
<td data-label="How long">${lifetime}</td>
</tr>`;

/** What is stored, what for, and how long. */
export function inventoryTable(caption: string, entries: readonly Listed[]): Html {
  return html`<div class="panel"><table><caption>${caption}</caption>
<thead><tr><th scope="col">What</th><th scope="col">What for</th><th scope="col">How long</th></tr></thead>
<tbody>${groups(entries).map(row)}</tbody></table></div>`;
}
