import { fail, ok, type Result } from "../../lib/result.ts";
import type { Language, Sentence } from "./language.ts";

/** BCP 47 (RFC 5646), in lower case: a language, and perhaps a script or a region. No address of the site's own looks so. */
const TAG = /^[a-z]{2,3}(?:-[a-z0-9]{2,8}){0,2}$/;
/** First parts of addresses that a language's would hide. */
const TAKEN = new Set(["en", "api", "www"]);
const CATEGORIES: ReadonlySet<string> = new Set(["zero", "one", "two", "few", "many", "other"]);

/** What is in a sentence beside words: tags, places (`{0}`, `{file}`) and what is to be typed (`between backticks`), in any order. */
const skeleton = (sentence: string): string =>
  (sentence.match(/<[^>]*>|`[^`]*`|\{[a-z\d]+\}/g) ?? []).toSorted().join(" ");

/** One line, since some sentences are the subject of a letter. */
const oneLine = (text: string): string => text.replace(/[\n\r\t]+/g, " ");

/** A sentence that cannot be taken for ours: it says so. */
function problemOf(english: string, translated: string): string | undefined {
  if (translated.trim() === "") return "is empty";
  // So that a translation brings no markup of its own onto a page, whoever made it.
  if (skeleton(translated) !== skeleton(english))
    return "must have the same tags and places as the English one, and the same between backticks";
  if (/[<>]/.test(translated.replace(/<[^>]*>/g, "")))
    return "has a < or > that is no tag's: write &lt; or &gt;";
  return undefined;
}

/** One number may be left out: "one day left". */
const withoutPlaces = (sentence: string): string => sentence.replace(/\{\d\}/g, "");

function sentenceOf(english: string, value: unknown): Result<Sentence, string> {
  if (typeof value === "string") {
    const problem = problemOf(english, value);
    return problem === undefined ? ok(oneLine(value)) : fail(problem);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return fail("must be a text, or texts by plural category");
  const forms = Object.entries(value);
  if (!("other" in value)) return fail('needs a form "other"');
  for (const [category, form] of forms) {
    if (!CATEGORIES.has(category)) return fail(`has no plural category ${JSON.stringify(category)}`);
    if (typeof form !== "string") return fail(`must have a text as "${category}"`);
    const problem = problemOf(english, form);
    if (problem !== undefined && problemOf(withoutPlaces(english), form) !== undefined) return fail(problem);
  }
  return ok(Object.fromEntries(forms.map(([category, form]) => [category, oneLine(form as string)])));
}

/**
 * A catalogue, `{"name": "Deutsch", "sentences": {"Log in": "Anmelden", "{0} days left": {"one": "…", "other": "…"}}}`: English
 * sentences as they stand in the pages, markup included, and what is said instead. The error is a sentence for the operator.
 */
export function parseLanguage(tag: string, text: string): Result<Language, string> {
  if (!TAG.test(tag) || TAKEN.has(tag)) return fail("the file's name is no language: de.json, pt-br.json.");
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return fail("this is not JSON.");
  }
  const { name, sentences } = (document ?? {}) as { name?: unknown; sentences?: unknown };
  if (typeof name !== "string" || name.trim() === "" || name.length > 60)
    return fail('"name" must be what the language is called in itself, such as "Deutsch".');
  if (typeof sentences !== "object" || sentences === null || Array.isArray(sentences))
    return fail('"sentences" must hold English sentences and what they are translated by.');
  const found = new Map<string, Sentence>();
  for (const [english, value] of Object.entries(sentences)) {
    const sentence = sentenceOf(english, value);
    if (!sentence.ok)
      return fail(`the translation of ${JSON.stringify(english.slice(0, 80))} ${sentence.error}.`);
    found.set(english, sentence.value);
  }
  return ok({ tag, name, sentences: found });
}
