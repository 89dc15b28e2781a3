import { type Html, html } from "../html.ts";

/** A whole number of a form; undefined where it is none, or outside of what it may be. */
export function wholeNumber(
  form: URLSearchParams,
  name: string,
  least: number,
  most: number,
): number | undefined {
  const text = (form.get(name) ?? "").trim();
  const value = Number(text);
  return /^\d{1,9}$/.test(text) && value >= least && value <= most ? value : undefined;
}

/** One line of text of a form. */
export const line = (form: URLSearchParams, name: string): string => (form.get(name) ?? "").trim();

interface NumberField {
  name: string;
  label: string;
  value: string | number;
  least: number;
  most: number;
  id?: string;
  hint?: string;
}

/** A labelled input for a whole number. */
export const numberField = ({ name, label, value, least, most, hint, id = name }: NumberField): Html =>
  html`<div class="field"><label for="${id}">${label}</label>
${hint !== undefined && html`<p class="hint" id="${id}-hint">${hint}</p>`}
<input id="${id}" name="${name}" type="number" inputmode="numeric" min="${least}" max="${most}" value="${value}"${hint !== undefined && html` aria-describedby="${id}-hint"`}></div>`;

/** What cannot be taken back asks to be meant. */
export const sureBox = (id: string, label: string): Html =>
  html`<p class="check"><input type="checkbox" id="${id}" name="sure" value="yes" required><label for="${id}">${label}</label></p>`;

/** A table's row in which each cell says, on a narrow screen, what it is. */
export const cells = (labels: readonly string[], values: readonly (Html | string | number | false)[]): Html =>
  html`<tr>${values.map((value, index) =>
    index === 0
      ? html`<th scope="row">${value}</th>`
      : html`<td data-label="${labels[index] ?? ""}">${value}</td>`,
  )}</tr>`;

export const table = (caption: string, labels: readonly string[], rows: readonly Html[]): Html =>
  html`<table><caption>${caption}</caption><thead><tr>${labels.map((label) => html`<th scope="col">${label}</th>`)}</tr></thead>
<tbody>${rows}</tbody></table>`;
