import MarkdownIt from "markdown-it";
import { type Html, trusted } from "./html.ts";

/**
 * Markdown of the operator's (help articles, announcements, texts on pages) as markup. CommonMark with tables; HTML in it is shown
 * as text, links lead to the web, to mail or to a page of the site, and a picture is one of the site's own or none: no page loads
 * anything from anybody else.
 */

/** Addresses that a link may have; whatever else is written as one stays text (`javascript:`, `data:`). */
const LINK = /^(?:https?:\/\/|mailto:|\/(?!\/)|#|\?)/i;
/** A file of the site's own. */
const OWN = /^\/(?!\/)/;

const HEADING_LAST = 6;

const parser = new MarkdownIt({ html: false, linkify: false, typographer: false });
// What names no scheme is a file beside this one (`payment.md`, `../x`): it stays inside the site.
parser.validateLink = (address) => LINK.test(address) || !/^[^/?#]*:|^\s*\/\//.test(address.trim());

parser.renderer.rules.link_open = (tokens, index, options, _env, self) => {
  const token = tokens[index]!;
  // What operators quote is not recommended to search machines, and no other site learns where its visitor came from.
  if (!OWN.test(String(token.attrGet("href")))) token.attrSet("rel", "nofollow noopener noreferrer");
  return self.renderToken(tokens, index, options);
};

const image = parser.renderer.rules.image!;
parser.renderer.rules.image = (tokens, index, options, env, self) => {
  const token = tokens[index]!;
  return OWN.test(String(token.attrGet("src")))
    ? image(tokens, index, options, env, self)
    : parser.utils.escapeHtml(token.content);
};

for (const end of ["open", "close"] as const)
  parser.renderer.rules[`heading_${end}`] = (tokens, index, options, env, self) => {
    const { first = 1 } = env as { first?: number };
    const token = tokens[index]!;
    const level = Math.min(HEADING_LAST, Number(token.tag.slice(1)) + first - 1);
    token.tag = `h${level}`;
    return self.renderToken(tokens, index, options);
  };

/** Wide tables scroll by themselves at 360 px. */
parser.renderer.rules.table_open = () => '<div class="scroll" tabindex="0"><table>\n';
parser.renderer.rules.table_close = () => "</table></div>\n";

/** `firstHeading`: which heading `#` becomes; 2 where the page has a title of its own. */
export const markdown = (text: string, options: { firstHeading?: 1 | 2 | 3 } = {}): Html =>
  trusted(parser.render(text, { first: options.firstHeading ?? 1 }));

/** A single line (a title) with emphasis and links, without a paragraph around it. */
export const markdownLine = (text: string): Html => trusted(parser.renderInline(text, {}));

/** What a reader without a screen would read: for search, feeds and mail. */
export function markdownText(text: string): string {
  const parts: string[] = [];
  for (const token of parser.parse(text, {})) {
    if (token.type === "inline")
      parts.push(
        (token.children ?? []).map(({ type, content }) => (/break$/.test(type) ? " " : content)).join(""),
      );
    else if (token.type === "fence" || token.type === "code_block") parts.push(token.content.trimEnd());
  }
  return parts.join("\n");
}
