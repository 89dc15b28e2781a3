import type { Language } from "../web/languages/language.ts";
import type { SiteOptions } from "../web/options.ts";
import { OfficeStartError } from "./start-errors.ts";
import { readLanguages } from "./texts-folder.ts";
import { type ThemeSettings, themeOptions } from "./theme-settings.ts";

/**
 * What an operator makes the site look and sound like: read from files before the office becomes its user.
 * Throws OfficeStartError.
 */
export function siteLook(config: {
  site: { texts: string; language: string; security_contact: string[] };
  theme: ThemeSettings;
}): Pick<SiteOptions, "theme" | "securityContacts"> & { languages: Language[]; language: string } {
  const { texts, language } = config.site;
  const languages = readLanguages(texts);
  if (language !== "en" && !languages.some(({ tag }) => tag === language))
    throw new OfficeStartError(
      `site.language: there is no translation into "${language}": languages/${language}.json in the folder of site.texts.`,
    );
  return {
    theme: themeOptions(config.theme),
    languages,
    language,
    securityContacts: config.site.security_contact,
  };
}
