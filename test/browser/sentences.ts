import { readFileSync } from "node:fs";
import { parseLanguage } from "../../src/web/languages/parse-language.ts";
import { allSentences } from "./all-sentences.ts";

/**
 * `npm run -s sentences`: a catalogue with every sentence that the pages and letters of a site say, for a translator; with the path of a
 * catalogue (`de.json`) those that it does not have.
 */

function known(path: string | undefined): ReadonlySet<string> {
  if (path === undefined) return new Set();
  const tag = path.replace(/^.*\//, "").replace(/\.json$/, "");
  const language = parseLanguage(tag, readFileSync(path, "utf8"));
  if (!language.ok) throw new Error(`${path}: ${language.error}`);
  return new Set(language.value.sentences.keys());
}

const have = known(process.argv[2]);
const missing = [...(await allSentences())].filter((sentence) => !have.has(sentence)).toSorted();
const sentences = Object.fromEntries(missing.map((sentence) => [sentence, sentence]));
process.stdout.write(`${JSON.stringify({ name: "", sentences }, undefined, 2)}\n`);
