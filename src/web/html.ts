/**
 * Pages are tagged templates: whatever is put into one is escaped, unless it is itself the result of `html`.
 * A value may stand between tags or inside a quoted attribute; nowhere else (no unquoted attribute, no script, no style).
 */
export class Html {
  readonly markup: string;

  /** Only `html` and `trusted` make one: text of the project's own, never anything that came in. */
  constructor(markup: string) {
    this.markup = markup;
  }

  toString(): string {
    return this.markup;
  }
}

/** What may stand in a template: nothing, text, numbers, markup, and lists of these. */
export type Piece = string | number | Html | false | null | undefined | readonly Piece[];

const ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
  "`": "&#96;",
};

export const escapeHtml = (text: string): string => text.replace(/[&<>"'`]/g, (found) => ENTITIES[found]!);

function render(piece: Piece): string {
  if (piece === undefined || piece === null || piece === false) return "";
  if (piece instanceof Html) return piece.markup;
  if (Array.isArray(piece)) return (piece as readonly Piece[]).map(render).join("");
  return escapeHtml(String(piece));
}

export function html(strings: TemplateStringsArray, ...pieces: Piece[]): Html {
  let out = strings[0]!;
  for (const [index, piece] of pieces.entries()) out += render(piece) + strings[index + 1]!;
  return new Html(out);
}

/** Markup that stands in a file of ours (the SVG mark). */
export const trusted = (markup: string): Html => new Html(markup);

/**
 * What the page's script alone puts to use, for the inside of a `<template>`: as a comment, since text browsers know no templates
 * and would show it. The script makes markup of it (`createContextualFragment`), where what stands for two dashes is two dashes again.
 */
export const forScript = ({ markup }: Html): Html =>
  new Html(`<!--${markup.replaceAll("--", "&#45;&#45;")}-->`);
