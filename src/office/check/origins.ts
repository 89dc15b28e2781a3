import { type SiteSettings, siteOrigin, siteTls } from "../site-address.ts";

/** Where "Am I protected?" reaches the site by one version of IP alone: names in lethe.toml's [check] that have no address of the other. */

interface CheckNames extends SiteSettings {
  check: { ipv4_name: string; ipv6_name: string };
}

/** As the site's own origin, with the other name in it; nothing for a version that has none. */
export function checkOrigins(config: CheckNames): { ipv4?: string; ipv6?: string } {
  const originOf = (name: string): string => {
    const origin = new URL(siteOrigin(config));
    origin.hostname = name;
    return origin.origin;
  };
  const { ipv4_name: ipv4, ipv6_name: ipv6 } = config.check;
  return { ...(ipv4 !== "" && { ipv4: originOf(ipv4) }), ...(ipv6 !== "" && { ipv6: originOf(ipv6) }) };
}

/**
 * What is wrong with them: a name that the certificate does not have answers nobody, and the page would take that for a device
 * without that version of IP.
 */
export function checkNameProblems(config: CheckNames): { section: "check"; key: string; what: string }[] {
  const names = siteTls(config)?.names;
  if (names === undefined) return [];
  return (["ipv4_name", "ipv6_name"] as const).flatMap((key) => {
    const name = config.check[key];
    if (name === "" || names.includes(name)) return [];
    return [{ section: "check" as const, key, what: `check.${key} has to stand in tls.names, too` }];
  });
}
