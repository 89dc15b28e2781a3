/** Addresses that are the same in every language: files and feeds. */
const SAME = /^\/(?:\/|assets\/|api\/|www\/|public\/|exit\/|favicon\.ico|[\w./-]*\.(?:atom|xml|txt|pac)$)/;
/** `<` and `>` of texts are escaped, also in attributes: what stands between them is a tag, and is looked at once, however long a text is. */
const TAG = /<[a-z][^<>]*>/g;
const LINK = / (href|action)="(\/[^"]*)"/g;

/**
 * The links and forms of a finished page lead on in the page's language, but for links that name a language themselves
 * (`hreflang`). Every quotation mark in text is escaped (html.ts), so that what matches here is an attribute of markup.
 */
export const withPrefix = (markup: string, prefix: string): string =>
  prefix === ""
    ? markup
    : markup.replace(TAG, (tag) =>
        tag.includes(' hreflang="')
          ? tag
          : tag.replace(LINK, (whole, name: string, path: string) =>
              SAME.test(path) ? whole : ` ${name}="${prefix}${path}"`,
            ),
      );
