/** What a language writes by customs of its own and no catalogue has to hold: dates, numbers, lists, countries (CLDR, by Intl). */

/** BCP 47. */
interface Tagged {
  tag: string;
}

/** English as the pages write it; also for a language that Intl does not know. */
const localesOf = (tag: string): string[] => (tag === "en" ? ["en-GB"] : [tag, "en-GB"]);

/** One formatter a language: to make one takes longer than to use it a hundred times. */
function perLanguage<Formatter>(make: (locales: string[]) => Formatter): (language: Tagged) => Formatter {
  const made = new Map<string, Formatter>();
  return ({ tag }) => {
    const known = made.get(tag) ?? make(localesOf(tag));
    made.set(tag, known);
    return known;
  };
}

const dates = (options: Intl.DateTimeFormatOptions) =>
  perLanguage((locales) => new Intl.DateTimeFormat(locales, { ...options, timeZone: "UTC" }));
export const longDate = dates({ dateStyle: "long" });
export const longDateAndTime = dates({ dateStyle: "long", timeStyle: "short" });
export const clockTime = dates({ timeStyle: "short" });

const numbers = perLanguage((locales) => new Intl.NumberFormat(locales));
/** `10,000`. */
export const numberText = (language: Tagged, value: number): string => numbers(language).format(value);

const lists = perLanguage((locales) => new Intl.ListFormat(locales));
/** `7 and 1`. */
export const listText = (language: Tagged, items: readonly string[]): string => lists(language).format(items);

const regions = perLanguage(
  (locales) => new Intl.DisplayNames(locales, { type: "region", fallback: "none" }),
);

/** A country in the page's language; in English as the operator calls it. */
export function countryName(
  language: Tagged,
  { country, countryCode }: { country: string; countryCode: string },
): string {
  if (language.tag === "en" || !/^[A-Z]{2}$/.test(countryCode)) return country;
  const known = Intl.DisplayNames.supportedLocalesOf([language.tag]).length > 0;
  return (known && regions(language).of(countryCode)) || country;
}
