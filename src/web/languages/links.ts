/** Addresses that are the same in every language: files and feeds. */
const SAME = /^\/(?:\/|assets\/|api\/|www\/|public\/|exit\/|favicon\.ico|[\w./-]*\.(?:atom|xml|txt|pac)$)/;
const LINK = /(?<!hreflang="[a-z0-9-]+"[^<>]*) (href|action)="(\/[^"]*)"/g;

/**
 * The links and forms of a finished page lead on in the page's language, but for links that name a language themselves (`hreflang`
 * before `href`). Every quotation mark in text is escaped (html.ts), so that what matches here is an attribute of markup.
 */
export const withPrefix = (markup: string, prefix: string): string =>
  prefix === ""
    ? markup
    : markup.replace(LINK, (whole, name: string, path: string) =>
        SAME.test(path) ? whole : ` ${name}="${prefix}${path}"`,
      );
