import { type Html, html } from "./html.ts";
import { PLAIN_ENGLISH, type Say } from "./languages/language.ts";

/** Names and values in rows, each value with a button that copies it (shown where JavaScript runs). */
export function values(
  rows: readonly { id: string; name: string; value: string | number; copy?: boolean }[],
  say: Say = PLAIN_ENGLISH.say,
): Html {
  return html`<dl class="values">${rows.map(
    ({ id, name, value, copy }) =>
      html`<div><dt>${name}</dt><dd><code id="${id}">${value}</code></dd>${
        copy !== false &&
        html`<dd><button type="button" class="button quiet small" data-copy="${id}" data-copied="${say.text("Copied")}" data-press="${say.text("Press Ctrl+C")}" aria-label="${say.text("Copy {0}", name)}" hidden>${say`Copy`}</button></dd>`
      }</div>`,
  )}</dl>`;
}
