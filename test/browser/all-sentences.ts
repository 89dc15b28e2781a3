import { globSync, readFileSync } from "node:fs";
import ts from "typescript";
import { METHODS } from "../../src/policy/methods.ts";
import { PROXY_WARNING } from "../../src/profiles/proxy.ts";
import { ARTICLE_CATEGORIES } from "../../src/support/articles.ts";
import { NUMBER_WORDS } from "../../src/support/challenge.ts";
import { ERRORS } from "../../src/web/errors.ts";
import { COVERS_WORDS, GUIDES, SYSTEM_NAMES, SYSTEM_NOTES } from "../../src/web/guides.ts";
import { DONE } from "../../src/web/member/done.ts";
import { ANALYTICS_INVENTORY } from "../../src/web/site/analytics.ts";
import { TOPICS } from "../../src/web/site/contact.ts";
import {
  FAILED_WORDING,
  ORDER_WORDING,
  RECEIPT_WORDING,
  REFUND_WORDING,
  REFUSED_WORDING,
} from "../../src/web/site/order/wording.ts";
import { FOOTER, NAVIGATION } from "../../src/web/site-map.ts";
import { signedUp } from "../../src/web/testkit.ts";
import { WORDING } from "../../src/web/wording.ts";
import { crawl } from "./crawl.ts";
import { openLiveSite } from "./live-site.ts";
import { pseudoLanguage } from "./pseudo-language.ts";

/** Every sentence that a catalogue can have a translation of. */

/** Lists of sentences that the pages say one of. */
const LISTS = [
  WORDING,
  Object.values(ERRORS).map(([, ...texts]) => texts),
  DONE,
  TOPICS,
  ORDER_WORDING,
  FAILED_WORDING,
  REFUSED_WORDING,
  REFUND_WORDING,
  RECEIPT_WORDING,
  Object.values(METHODS).map(({ title, stored, elsewhere }) => [title, stored, elsewhere]),
  ARTICLE_CATEGORIES,
  ANALYTICS_INVENTORY.map(({ what, purpose, lifetime }) => [what, purpose, lifetime]),
  NUMBER_WORDS,
  NAVIGATION.map(({ text }) => text),
  FOOTER.flatMap(({ title, pages }) => [title, ...pages.map(({ text }) => text)]),
  PROXY_WARNING,
  SYSTEM_NAMES,
  COVERS_WORDS,
  Object.values(SYSTEM_NOTES).map(({ text }) => text),
  Object.values(GUIDES)
    .flat()
    .flatMap(({ title, client, steps, note, levelNote }) => [
      title,
      client,
      steps.map(([, text]) => text),
      note,
      levelNote,
    ]),
];

const stringsIn = (value: unknown): string[] =>
  typeof value === "string"
    ? [value]
    : typeof value === "object" && value !== null
      ? Object.values(value).flatMap(stringsIn)
      : [];

/** Properties and variables whose texts the layout and the forms say. */
const SAID_LATER = new Set(["title", "label", "hint"]);

function inSource(node: ts.Node, said: Set<string>): void {
  if (ts.isTaggedTemplateExpression(node) && node.tag.getText() === "say") {
    const { template } = node;
    const text = ts.isNoSubstitutionTemplateLiteral(template)
      ? template.text
      : template.head.text +
        template.templateSpans.map(({ literal }, at) => `{${at}}${literal.text}`).join("");
    said.add(text.replace(/\s+/g, " ").trim());
  }
  if (ts.isCallExpression(node) && /^(?:say\.text|sentence)$/.test(node.expression.getText())) {
    const [sentence] = node.arguments;
    if (sentence !== undefined && ts.isStringLiteralLike(sentence)) said.add(sentence.text);
  }
  if (
    (ts.isPropertyAssignment(node) || ts.isVariableDeclaration(node)) &&
    SAID_LATER.has(node.name.getText()) &&
    node.initializer !== undefined
  )
    for (const text of literalsOf(node.initializer)) said.add(text);
  ts.forEachChild(node, (child) => inSource(child, said));
}

/** `"a"`, and both of `c ? "a" : "b"`. */
function literalsOf(node: ts.Expression): string[] {
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isConditionalExpression(node)) return [...literalsOf(node.whenTrue), ...literalsOf(node.whenFalse)];
  return [];
}

/** What is in none of our sentences and would only be in the translator's way. */
const isText = (sentence: string): boolean => /\p{L}{2}/u.test(sentence.replace(/<[^>]*>/g, ""));

/** What the sources say, and what the pages say besides: rules and the inventory, with the operator's values in them. */
export async function allSentences(): Promise<Set<string>> {
  const said = new Set<string>(LISTS.flatMap(stringsIn));
  for (const path of globSync(
    ["src/web/*.ts", "src/web/{site,member,languages}/**/*.ts", "src/mail/letters.ts"],
    {
      exclude: ["**/*.test.ts", "**/testkit*.ts"],
    },
  ))
    inSource(ts.createSourceFile(path, readFileSync(path, "utf8"), ts.ScriptTarget.Latest, true), said);
  const site = await openLiveSite(0, { languages: [pseudoLanguage(said)] });
  const member = await signedUp(site.bench, "river-otter");
  const cookie = [...member.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  await crawl(site.origin, ["/el/"]);
  await crawl(site.origin, ["/el/member", "/el/member/devices"], cookie);
  await site.close();
  return new Set([...said].filter(isText));
}
