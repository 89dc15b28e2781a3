import type { Language } from "./language.ts";

/** More than any browser sends; what is longer is not read. */
const HEADER_CHARACTERS_MOST = 1000;

/**
 * The language that an Accept-Language header (RFC 9110 section 12.5.4) wishes for most among those that there are, by the
 * lookup of RFC 4647 section 3.4: `de-AT` finds `de`. Undefined where it names none of them.
 */
export function wished<Kind extends Pick<Language, "tag">>(
  header: string | undefined,
  languages: readonly Kind[],
): Kind | undefined {
  if (header === undefined || header.length > HEADER_CHARACTERS_MOST) return undefined;
  const ranges = header
    .split(",")
    .map((text) => {
      const [range = "", ...parameters] = text
        .trim()
        .toLowerCase()
        .split(/\s*;\s*/);
      const weight = parameters.map((each) => /^q=(\d(?:\.\d{0,3})?)$/.exec(each)?.[1]).find(Boolean);
      return { range, weight: weight === undefined ? 1 : Number(weight) };
    })
    .filter(({ weight }) => weight > 0)
    .toSorted((a, b) => b.weight - a.weight);
  for (const { range } of ranges) {
    const parts = range.split("-");
    for (let length = parts.length; length > 0; length--) {
      const found = languages.find(({ tag }) => tag === parts.slice(0, length).join("-"));
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** `/de/status` → the language and `/status`; undefined where a path begins with no language that there is. */
export function splitPath<Kind extends Pick<Language, "tag">>(
  path: string,
  languages: readonly Kind[],
): { language: Kind; rest: string } | undefined {
  const end = path.indexOf("/", 1);
  const first = path.slice(1, end === -1 ? undefined : end);
  const language = languages.find(({ tag }) => tag === first);
  return language && { language, rest: end === -1 ? "/" : path.slice(end) };
}
