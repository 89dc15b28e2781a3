import { globSync, readFileSync } from "node:fs";
import ts from "typescript";
import type { Language } from "../../src/web/languages/language.ts";
import { parseLanguage } from "../../src/web/languages/parse-language.ts";
import { signedUp } from "../../src/web/testkit.ts";
import { WORDING } from "../../src/web/wording.ts";
import { crawl } from "./crawl.ts";
import { openLiveSite } from "./live-site.ts";

/**
 * `npm run -s sentences`: a catalogue with every sentence that the pages of a site say, for a translator; with the path of a catalogue
 * (`de.json`) those that it does not have.
 */

const said = new Set<string>(Object.values(WORDING));

/** What the sources say: pages that only a form, a letter's link or a setting leads to are in no crawl. */
function inSources(node: ts.Node): void {
  if (ts.isTaggedTemplateExpression(node) && node.tag.getText() === "say") {
    const { template } = node;
    const text = ts.isNoSubstitutionTemplateLiteral(template)
      ? template.text
      : template.head.text +
        template.templateSpans.map(({ literal }, at) => `{${at}}${literal.text}`).join("");
    said.add(text.replace(/\s+/g, " ").trim());
  }
  if (ts.isCallExpression(node) && node.expression.getText() === "say.text") {
    const [sentence] = node.arguments;
    if (sentence !== undefined && ts.isStringLiteralLike(sentence)) said.add(sentence.text);
  }
  ts.forEachChild(node, inSources);
}
for (const path of globSync("src/web/**/*.ts", { exclude: ["**/*.test.ts", "**/testkit*.ts"] }))
  inSources(ts.createSourceFile(path, readFileSync(path, "utf8"), ts.ScriptTarget.Latest, true));

class Listening extends Map<string, string> {
  override readonly size = 1;
  override get = (sentence: string): undefined => {
    said.add(sentence);
    return undefined;
  };
}

/** What is in none of our sentences and would only be in the translator's way. */
const isText = (sentence: string): boolean => /\p{L}{2}/u.test(sentence.replace(/<[^>]*>/g, ""));

function known(path: string | undefined): ReadonlySet<string> {
  if (path === undefined) return new Set();
  const tag = path.replace(/^.*\//, "").replace(/\.json$/, "");
  const language = parseLanguage(tag, readFileSync(path, "utf8"));
  if (!language.ok) throw new Error(`${path}: ${language.error}`);
  return new Set(language.value.sentences.keys());
}

const have = known(process.argv[2]);
const language: Language = { tag: "qaa", name: "Heard", sentences: new Listening() };
const site = await openLiveSite(0, { languages: [language] });
const member = await signedUp(site.bench, "river-otter");
const cookie = [...member.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
await crawl(site.origin, ["/qaa/"]);
await crawl(site.origin, ["/qaa/member", "/qaa/member/devices"], cookie);
await fetch(`${site.origin}/qaa/no-such-page`);
await site.close();
const missing = [...said].filter((sentence) => isText(sentence) && !have.has(sentence)).toSorted();
const sentences = Object.fromEntries(missing.map((sentence) => [sentence, sentence]));
process.stdout.write(`${JSON.stringify({ name: "", sentences }, undefined, 2)}\n`);
