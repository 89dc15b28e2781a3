import { isIP } from "node:net";
import { type SiteSettings, siteTls } from "./site-address.ts";

/** What stands in an order, and so in what everybody can read at the authority's: a whole name, no wildcard. */
const WHOLE_NAME = /^(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/;
/** RFC 6761, RFC 6762, and the name reserved for private use: no authority makes any for these. */
const OF_NOBODY = /\.(?:internal|local|localhost|invalid|test)$/;

export type PublicName =
  | { name: string }
  /** `site`: the site's own certificate bears that name; a server's would be a second key for it. */
  | { without: "off" | "site" | "no-name" };

/** The name that a server with this host is to have a public certificate for, or why it has none. */
export function publicName(config: SiteSettings, host: string): PublicName {
  if (!config.tls.exits) return { without: "off" };
  const name = host.toLowerCase();
  if (siteTls(config)?.names.includes(name)) return { without: "site" };
  if (isIP(name) !== 0 || !WHOLE_NAME.test(name) || OF_NOBODY.test(name)) return { without: "no-name" };
  return { name };
}

/** Whether a server with this host is to show a certificate that browsers know; `own`: this machine, where the site has its. */
export function hasCertificate(config: SiteSettings, host: string, own: boolean): boolean {
  if (own && siteTls(config)?.names.includes(host.toLowerCase())) return true;
  return "name" in publicName(config, host);
}

/** The same as the settings of a server say it. */
export function publicNameSetting(config: SiteSettings, host: string): { publicName?: string } {
  const found = publicName(config, host);
  return "name" in found ? { publicName: found.name } : {};
}
