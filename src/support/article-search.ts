import type { Article } from "./articles.ts";

/** Articles in which something was found, best first. */
export interface Found {
  article: Article;
  score: number;
}

/** What a word in a place is worth. */
const WEIGHTS = { title: 6, words: 4, headings: 3, summary: 2, body: 1 } as const;
/** BM25's usual constants (Robertson and Zaragoza 2009, section 3.5.4). */
const K1 = 1.2;
const B = 0.75;
/** A word of the query that only begins a word of the text counts so much. */
const PREFIX = 0.5;
const QUERY_WORDS_MOST = 12;
/** Longer questions are cut off. */
export const QUERY_CHARACTERS_MOST = 200;

/** Too frequent in English to tell anything. */
const STOP = new Set(
  "a an and are as at be but by can do does for from have how i if in is it its my no not of on or our so that the their there they this to was we what when where which who why will with you your".split(
    " ",
  ),
);

/** Words without capitals, accents and the commonest English endings: "Refunds" finds "refund". */
export function wordsOf(text: string): string[] {
  const plain = text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  return (plain.match(/[\p{L}\p{N}]+/gu) ?? []).filter((word) => !STOP.has(word)).map(stem);
}

function stem(word: string): string {
  if (word.length > 4 && word.endsWith("ies")) return `${word.slice(0, -3)}y`;
  if (word.length > 5 && word.endsWith("ing")) return undoubled(word.slice(0, -3));
  if (word.length > 4 && word.endsWith("ed")) return undoubled(word.slice(0, -2));
  if (word.length > 3 && word.endsWith("s") && !/(?:ss|us|is)$/.test(word)) return word.slice(0, -1);
  return word;
}

/** `cancelling` and `cancelled` are `cancel`. */
const undoubled = (word: string): string => (/([bdglmnprt])\1$/.test(word) ? word.slice(0, -1) : word);

/** An article in which a word stands, and how much it weighs there. */
interface Place {
  document: number;
  weight: number;
}

/** Finds articles by words; made once, asked often: a question costs the places of its own words, and no walk through all. */
export class ArticleSearch {
  readonly #documents: { article: Article; length: number }[] = [];
  readonly #places = new Map<string, Place[]>();
  /** All words, in order: those that begin alike stand side by side. */
  readonly #words: readonly string[];
  readonly #meanLength: number;

  constructor(articles: readonly Article[]) {
    for (const article of articles) {
      const weights = new Map<string, number>();
      let length = 0;
      const add = (text: string, weight: number) => {
        for (const word of wordsOf(text)) {
          weights.set(word, (weights.get(word) ?? 0) + weight);
          length += weight;
        }
      };
      const headings = article.body.match(/^#+ .*$/gm) ?? [];
      add(article.title, WEIGHTS.title);
      add(article.words.join(" "), WEIGHTS.words);
      add(headings.join(" "), WEIGHTS.headings);
      add(article.summary, WEIGHTS.summary);
      add(article.body, WEIGHTS.body);
      const document = this.#documents.push({ article, length }) - 1;
      for (const [word, weight] of weights) {
        const places = this.#places.get(word);
        if (places === undefined) this.#places.set(word, [{ document, weight }]);
        else places.push({ document, weight });
      }
    }
    this.#words = [...this.#places.keys()].sort();
    const total = this.#documents.reduce((sum, { length }) => sum + length, 0);
    this.#meanLength = total / Math.max(1, this.#documents.length);
  }

  /** Articles that have any of the words; those with more of them, and rarer ones, first. */
  find(query: string): Found[] {
    const words = [...new Set(wordsOf(query.slice(0, QUERY_CHARACTERS_MOST)))].slice(0, QUERY_WORDS_MOST);
    const sums = new Map<number, { score: number; matched: number }>();
    for (const word of words)
      for (const [document, score] of this.#scoresOf(word)) {
        const sum = sums.get(document) ?? { score: 0, matched: 0 };
        sums.set(document, { score: sum.score + score, matched: sum.matched + 1 });
      }
    return [...sums]
      .map(([document, { score, matched }]) => ({
        article: this.#documents[document]!.article,
        score: score * (matched / words.length),
      }))
      .sort((a, b) => b.score - a.score || (a.article.title < b.article.title ? -1 : 1));
  }

  /** What a word of the query is worth in each document that has it; else, less, in those that have one which begins with it. */
  #scoresOf(word: string): Map<number, number> {
    const scores = new Map<number, number>();
    if (word.length >= 3)
      for (let at = this.#firstFrom(word); this.#words[at]?.startsWith(word); at += 1)
        for (const [document, score] of this.#weighAll(this.#words[at]!))
          scores.set(document, Math.max(scores.get(document) ?? 0, PREFIX * score));
    for (const [document, score] of this.#weighAll(word)) scores.set(document, score);
    return scores;
  }

  *#weighAll(word: string): Generator<[document: number, score: number]> {
    const places = this.#places.get(word) ?? [];
    const rarity = Math.log(1 + (this.#documents.length - places.length + 0.5) / (places.length + 0.5));
    for (const { document, weight } of places) {
      const { length } = this.#documents[document]!;
      yield [
        document,
        (rarity * weight * (K1 + 1)) / (weight + K1 * (1 - B + (B * length) / this.#meanLength)),
      ];
    }
  }

  /** The first of all words that does not stand before `word`. */
  #firstFrom(word: string): number {
    let from = 0;
    let to = this.#words.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.#words[middle]! < word) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}
