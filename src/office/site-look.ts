import type { SiteOptions } from "../web/options.ts";
import { readLanguages } from "./texts-folder.ts";
import { type ThemeSettings, themeOptions } from "./theme-settings.ts";

/**
 * What an operator makes the site look and sound like: read from files before the office becomes its user.
 * Throws OfficeStartError.
 */
export const siteLook = (config: {
  site: { texts: string; security_contact: string[] };
  theme: ThemeSettings;
}): Pick<SiteOptions, "theme" | "languages" | "securityContacts"> => ({
  theme: themeOptions(config.theme),
  languages: readLanguages(config.site.texts),
  securityContacts: config.site.security_contact,
});
