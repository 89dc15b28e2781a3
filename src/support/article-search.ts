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

/** Finds articles by words; made once, asked often. */
export class ArticleSearch {
  readonly #documents: { article: Article; weights: Map<string, number>; length: number }[];
  readonly #inHowMany = new Map<string, number>();
  readonly #meanLength: number;

  constructor(articles: readonly Article[]) {
    this.#documents = articles.map((article) => {
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
      return { article, weights, length };
    });
    for (const { weights } of this.#documents)
      for (const word of weights.keys()) this.#inHowMany.set(word, (this.#inHowMany.get(word) ?? 0) + 1);
    const total = this.#documents.reduce((sum, { length }) => sum + length, 0);
    this.#meanLength = total / Math.max(1, this.#documents.length);
  }

  /** Articles that have any of the words; those with more of them, and rarer ones, first. */
  find(query: string): Found[] {
    const words = [...new Set(wordsOf(query))].slice(0, QUERY_WORDS_MOST);
    return this.#documents
      .map(({ article, weights, length }) => {
        const scores = words.map((word) => this.#score(word, weights, length));
        const matched = scores.filter((score) => score > 0).length;
        const sum = scores.reduce((all, score) => all + score, 0);
        return { article, score: sum * (matched / Math.max(1, words.length)) };
      })
      .filter(({ score }) => score > 0)
      .sort((a, b) => b.score - a.score || (a.article.title < b.article.title ? -1 : 1));
  }

  #score(word: string, weights: ReadonlyMap<string, number>, length: number): number {
    const exact = this.#weigh(word, weights.get(word) ?? 0, length);
    if (exact > 0 || word.length < 3) return exact;
    let best = 0;
    for (const [other, weight] of weights)
      if (other.startsWith(word)) best = Math.max(best, PREFIX * this.#weigh(other, weight, length));
    return best;
  }

  #weigh(word: string, weight: number, length: number): number {
    if (weight === 0) return 0;
    const within = this.#inHowMany.get(word) ?? 0;
    const rarity = Math.log(1 + (this.#documents.length - within + 0.5) / (within + 0.5));
    return (rarity * weight * (K1 + 1)) / (weight + K1 * (1 - B + (B * length) / this.#meanLength));
  }
}
