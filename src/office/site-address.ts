import { isIP } from "node:net";
import { type ListenAddress, parseListen } from "./listen-address.ts";

/** Where the site listens and what it is called: lethe.toml's [site] and [tls] read together (config.ts). */

export interface SiteSettings {
  site: { listen: string[]; url: string };
  tls: {
    certificate: string;
    key: string;
    acme: string;
    acme_authority: string;
    email: string;
    names: string[];
    http_port: number;
    exits: boolean | "files";
  };
}

export interface SitePlace extends ListenAddress {
  /** As it stands in lethe.toml. */
  text: string;
  /** `redirect`: plain HTTP that answers challenges and leads everybody else to https. */
  speaks: "http" | "https" | "redirect";
}

export interface SiteTls {
  /** Host names, at least one; the first is the site's. */
  names: string[];
  source:
    | { kind: "files"; certificate: string; key: string }
    | { kind: "acme"; directory: string; authority: string; email: string };
}

/** How the site gets its certificate; undefined: it speaks plain HTTP, behind a TLS proxy as a rule. */
export function siteTls({ site, tls }: SiteSettings): SiteTls | undefined {
  if (tls.certificate === "" && tls.acme === "") return undefined;
  const names = tls.names.length > 0 ? tls.names : site.url === "" ? [] : [new URL(site.url).hostname];
  const { certificate, key, acme: directory, acme_authority: authority, email } = tls;
  return {
    names: names.map((name) => name.toLowerCase()),
    source:
      directory === "" ? { kind: "files", certificate, key } : { kind: "acme", directory, authority, email },
  };
}

/** Every address of site.listen, with what is spoken there. */
export function sitePlaces(config: SiteSettings): SitePlace[] {
  const secure = siteTls(config) !== undefined;
  return config.site.listen.map((text) => {
    const place = parseListen(text)!;
    const redirects = place.port === config.tls.http_port;
    return { ...place, text, speaks: !secure ? "http" : redirects ? "redirect" : "https" };
  });
}

/** The site's origin as people type it, without a slash at the end. */
export function siteOrigin(config: SiteSettings): string {
  if (config.site.url !== "") return config.site.url.replace(/\/$/, "");
  const tls = siteTls(config);
  if (tls === undefined) return `http://${config.site.listen[0]}`;
  const port = sitePlaces(config).find(({ speaks }) => speaks === "https")?.port;
  return `https://${tls.names[0]}${port === 443 ? "" : `:${port}`}`;
}

/** Each port once: link/settings.ts. */
export const sitePorts = (config: SiteSettings): number[] => [
  ...new Set(sitePlaces(config).map(({ port }) => port)),
];

/**
 * The names under which members of this machine's own exit reach the site inside the tunnel, and where it listens; nothing where it
 * has no name, or is behind a TLS proxy: then other ports than its own are asked for.
 */
export function siteInside(config: SiteSettings & { check: { ipv4_name: string } }): {
  siteInside?: { names: string[]; v4Name?: string; v4?: string; v6?: string };
} {
  const { hostname, port, protocol } = new URL(siteOrigin(config));
  const asked = Number(port) || (protocol === "https:" ? 443 : 80);
  const named = isIP(hostname.replace(/^\[|\]$/g, "")) === 0 && hostname.includes(".");
  const places = sitePlaces(config).filter((place) => place.port === asked && !isLoopback(place.address));
  if (!named || places.length === 0) return {};
  const of = (family: number) => places.find(({ address }) => isIP(address) === family)?.address;
  const [v4, v6] = [of(4), of(6)];
  const names = [hostname, `checkip.${hostname}`].filter((name) => name.length <= 253);
  // The one for IPv6 is not led there: a device whose IPv6 goes past the tunnel would not be found out.
  const v4Name = config.check.ipv4_name;
  return {
    siteInside: {
      names,
      ...(v4Name !== "" && { v4Name }),
      ...(v4 !== undefined && { v4 }),
      ...(v6 !== undefined && { v6 }),
    },
  };
}

const isLoopback = (address: string): boolean => address === "::1" || address.startsWith("127.");

const SITE_PORTS_MOST = 4;

/** What is wrong with [site] and [tls] together: the key it concerns, and a sentence. */
export function siteProblems(config: SiteSettings): { section: "site" | "tls"; key: string; what: string }[] {
  const { site, tls } = config;
  const wrong: ReturnType<typeof siteProblems> = [];
  const say = (section: "site" | "tls", key: string, what: string) =>
    wrong.push({ section, key, what: `${section}.${key}${what}` });
  if (sitePorts(config).length > SITE_PORTS_MOST)
    say("site", "listen", ` has at most ${SITE_PORTS_MOST} different ports`);
  if ((tls.certificate === "") !== (tls.key === ""))
    say("tls", tls.key === "" ? "certificate" : "key", ": certificate and key come together");
  if (tls.certificate !== "" && tls.acme !== "")
    say("tls", "acme", ": the certificate comes either from files or from there");
  if (tls.exits === true && tls.acme === "")
    say(
      "tls",
      "exits",
      ': the servers\' certificates are ordered from the authority of tls.acme: set it, too, or say "files"',
    );
  const secure = siteTls(config);
  if (secure === undefined) return wrong;
  const { names, source } = secure;
  if (names.length === 0 || names.some((name) => isIP(name.replace(/^\[|\]$/g, "")) !== 0))
    say("tls", "names", ": say which names the certificate is for, or set site.url");
  if (source.kind === "acme" && names.some((name) => !name.includes(".")))
    say("tls", "names", ": an authority makes certificates for whole names such as vpn.example.net");
  if (site.url !== "" && !site.url.startsWith("https:"))
    say("site", "url", " must start with https:// where there is a certificate");
  else if (site.url !== "" && !names.includes(new URL(site.url).hostname))
    say("tls", "names", " must have the name that stands in site.url, too");
  const places = sitePlaces(config);
  if (!places.some(({ speaks }) => speaks === "https"))
    say(
      "site",
      "listen",
      ': where there is a certificate it needs an address for https, such as "0.0.0.0:443"',
    );
  if (source.kind === "acme" && !places.some(({ speaks }) => speaks === "redirect"))
    say(
      "site",
      "listen",
      `: the authority comes to port ${tls.http_port} to check the name: add "0.0.0.0:${tls.http_port}"`,
    );
  return wrong;
}
