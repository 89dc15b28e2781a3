import type { ArticleTexts } from "./article-files.ts";
import { ArticleSearch } from "./article-search.ts";
import { type Article, collectArticles, fillArticle } from "./articles.ts";

/** The articles as readers of one language find them. */
export interface Shelf {
  articles: readonly Article[];
  bySlug: ReadonlyMap<string, Article>;
  search: ArticleSearch;
}

/** By the language's tag. */
export type ArticleValues = (tag: string) => Readonly<Record<string, string>>;

/** The help centre's articles, those that come with Lethe and the operator's own, which take the place of others of their name. */
export class HelpCentre {
  readonly #texts: readonly ArticleTexts[];
  readonly #values: ArticleValues;
  readonly #shelves = new Map<string, Shelf>();

  /**
   * `texts`: later ones take the place of earlier ones. `values`: what stands for `{{word}}` in those of a language. Throws ArticleError where one
   * has a word that there is no value of.
   */
  constructor(texts: readonly ArticleTexts[], values: ArticleValues) {
    this.#texts = texts;
    this.#values = values;
    for (const tag of new Set(texts.flatMap((each) => [...each.keys()]))) this.in([tag, "en"]);
  }

  /** `languages`: tags, best first; what there is in none of the better ones is there in a later one. */
  in(languages: readonly string[]): Shelf {
    const key = languages.join();
    const known = this.#shelves.get(key);
    if (known !== undefined) return known;
    const sources = [...new Set(languages)].reverse().flatMap((tag) => {
      const values = this.#values(tag);
      return this.#texts.map((each) => (each.get(tag) ?? []).map((article) => fillArticle(article, values)));
    });
    const articles = collectArticles(...sources);
    const shelf = {
      articles,
      bySlug: new Map(articles.map((article) => [article.slug, article])),
      search: new ArticleSearch(articles),
    };
    this.#shelves.set(key, shelf);
    return shelf;
  }
}
