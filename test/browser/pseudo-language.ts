import type { Language, Sentence } from "../../src/web/languages/language.ts";

/**
 * A made-up translation of everything: each letter of a sentence is replaced by a foreign one that looks like it, and vowels are doubled,
 * since most languages are longer than English. What is English on a page in it was said by no sentence. With the tag of a real
 * language that has letters of its own, so that dates and countries show, too.
 */

const LETTERS: Readonly<Record<string, string>> = Object.fromEntries(
  [..."abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"].map((letter, index) => [
    letter,
    [..."áƀćďéƒğĥíĵķĺḿñóṕɋřšţúṽŵẋýžÁɃĆĎÉƑĞĤÍĴĶĹḾÑÓṔɊŘŠŢÚṼŴẊÝŽ"][index]!,
  ]),
);

/** Tags, places, what is typed, entities: a translation has them as they are. */
const KEPT = /(<[^>]*>|\{[a-z\d]+\}|`[^`]*`|&#?\w+;)/;

export const pseudo = (sentence: string): string =>
  sentence
    .split(KEPT)
    .map((part, index) =>
      index % 2 === 1
        ? part
        : part.replace(/[A-Za-z]/g, (letter) => LETTERS[letter]!.repeat("aeiou".includes(letter) ? 2 : 1)),
    )
    .join("");

class Pseudo extends Map<string, Sentence> {
  override readonly size = 1;
  readonly #heard: Set<string>;

  constructor(heard: Set<string>) {
    super();
    this.#heard = heard;
  }

  override get(sentence: string): string {
    this.#heard.add(sentence);
    return pseudo(sentence);
  }
}

/** `heard`: is given every sentence that is asked for. */
export const pseudoLanguage = (heard = new Set<string>()): Language => ({
  tag: "el",
  name: "Ψευδο",
  sentences: new Pseudo(heard),
});

/** Attributes that nobody reads; of all others those with words in them are read out or shown. */
const UNREAD = new Set(
  `action aria-current aria-describedby aria-hidden aria-invalid aria-labelledby autocapitalize autocomplete charset class content d
data-address data-behind data-bits data-challenge data-copy data-inside data-known data-of data-profile data-seen data-stun data-version
datetime fill focusable for height href hreflang id inputmode lang list maxlength method name points preserveAspectRatio rel role rows scope
spellcheck src stroke stroke-linecap stroke-linejoin tabindex transform type value vector-effect viewBox width`.split(
    /\s+/,
  ),
);

/**
 * The words of a page that are letters of English still. Left out: what stands in `code`, `pre` and text areas (values, and what is
 * typed), and `names`, which are the same in every language.
 */
export function englishIn(markup: string, names: RegExp): string[] {
  const shown = markup.replace(/<(code|pre|textarea|style|script)\b[^>]*>[\s\S]*?<\/\1>/g, " ");
  const read: string[] = [];
  for (const [tag] of shown.matchAll(/<[a-z][^<>]*>/g)) {
    for (const [, name, value] of tag.matchAll(/ ([\w-]+)="([^"]*)"/gi))
      if (!UNREAD.has(name!)) read.push(value!);
    const description = /<meta name="description" content="([^"]*)"/.exec(tag)?.[1];
    if (description !== undefined) read.push(description);
  }
  return [...read, shown.replace(/<[^>]*>/g, "\n")].flatMap((text) => englishInText(text, names));
}

/** The same of plain text. */
export const englishInText = (text: string, names: RegExp): string[] =>
  text
    .replace(/&#?\w+;/g, " ")
    .replace(names, " ")
    .match(/[A-Za-z]{2,}/g) ?? [];
