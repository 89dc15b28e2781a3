import type { Context, Hono } from "hono";
import type { ServerStatus } from "../../fleet/server-status.ts";
import { countryName } from "../../lib/locale.ts";
import { contentSecurityPolicy } from "../headers.ts";
import { forScript, type Html, html } from "../html.ts";
import { type PageLanguage, type Say, sentence } from "../languages/language.ts";
import { languageOf, sayIn } from "../languages/page-language.ts";
import { page } from "../layout.ts";
import type { SiteEnv } from "../options.ts";
import type { Web } from "../web.ts";
import { CHECKIP_FORMATS, type CheckipFormat, checkip } from "./checkip.ts";
import { serverWith, type Whereabouts, whereabouts } from "./whereabouts.ts";

/** "Am I protected?": what any website sees of a visitor. Nothing that is found out is kept or logged. */

const placeOf = (say: Say, server: ServerStatus): string =>
  `${server.city}, ${countryName(say, server)} (${server.server})`;

/** By each version of IP alone: which one the request did not come by, and where the site is reached by it. */
interface OtherVersion {
  came: "IPv4" | "IPv6";
  other: "IPv4" | "IPv6";
  /** Undefined: the operator has named none. */
  origin: string | undefined;
}

/**
 * Whether our own page stands there. What is outside of a member's tunnel because the client is connected to it, this machine, must not
 * tell another site's script the address that the tunnel hides from that site.
 */
function isPage(web: Web, host: string): boolean {
  const { page, origins = {} } = web.check ?? {};
  if (page === undefined) return true;
  const main = new URL(page).host;
  const others = Object.values(origins).map((origin) => new URL(origin).host);
  return [main, `checkip.${main}`, ...others].includes(host.toLowerCase());
}

function otherVersion(web: Web, c: Context<SiteEnv>, ip: string): OtherVersion {
  const { ipv4, ipv6 } = isPage(web, c.req.header("host") ?? "") ? (web.check?.origins ?? {}) : {};
  return ip.includes(":")
    ? { came: "IPv6", other: "IPv4", origin: ipv4 }
    : { came: "IPv4", other: "IPv6", origin: ipv6 };
}

/** The request came by one version of IP: what the other one shows is found out by the script, which has the words for it here. */
function verdict(say: Say, { ip, server }: Whereabouts, { came, other, origin }: OtherVersion): Html {
  if (server !== undefined)
    return html`<div id="verdict" class="notice" role="status">
<template data-of="whole">${forScript(html`<p>${say`<strong>Yes:</strong> websites see our server in ${placeOf(say, server)} instead of you.`}</p>`)}</template>
<template data-of="bare">${forScript(html`<p>${say`<strong>No:</strong> by ${other} websites see the address below, which is none of our servers. Your VPN or proxy carries ${came} alone: switch ${other} off on this device, or take a file of ours, which carries both.`}</p>`)}</template>
<template data-of="unclear">${forScript(html`<p>${say`<strong>Yes, by ${came}.</strong> By ${other} your device reaches this site past the tunnel. This site is on the server that you are connected to: that is as it must be if your client is connected to it by ${other}. If not, websites see your address. Another server tells for certain.`}</p>`)}</template>
<p>${say`<strong>Yes, by ${came}:</strong> websites see our server in ${placeOf(say, server)} instead of you.`} ${origin === undefined ? say`By ${other} this page cannot test it.` : say`By ${other}: see below.`}</p></div>`;
  if (ip === "")
    return html`<div class="notice warn"><p>${say`That cannot be told here: this site does not see where you come from. You are on its own machine, or it stands behind a proxy that hides it. (Operator: <code>site.trusted_proxies</code>.)`}</p></div>`;
  return html`<div class="notice bad" role="status"><p>${say`<strong>No:</strong> you come here directly, or through somebody else's server. Websites see the address below.`}</p></div>`;
}

interface Resolver {
  address: string;
  /** A server of ours, in words; undefined: somebody else's. */
  ours: string | undefined;
}

const resolversOf = (say: Say, addresses: readonly string[], servers: readonly ServerStatus[]): Resolver[] =>
  addresses.map((address) => {
    const server = serverWith(address, servers);
    return { address, ours: server && placeOf(say, server) };
  });

/** Whose an address is, as a sentence's end; the script has the same in the page's data. */
const OURS = sentence(": our server in {0}");
const NOBODYS = sentence(": none of our servers");

function dnsWords(say: Say, resolvers: readonly Resolver[] | undefined): Html {
  if (resolvers === undefined) return say`This page is too old to tell. <a href="/check">Load it anew.</a>`;
  if (resolvers.length === 0) return say`nobody has asked so far`;
  return html`<ul class="plain">${resolvers.map(
    ({ address, ours }) =>
      html`<li><code>${address}</code>${ours === undefined ? say.text(NOBODYS) : say.text(OURS, ours)}</li>`,
  )}</ul>`;
}

function dnsRow(
  { say, prefix }: PageLanguage,
  dns: NonNullable<NonNullable<Web["check"]>["dns"]>,
  given: string | undefined,
  servers: readonly ServerStatus[],
): Html {
  if (given !== undefined) {
    const addresses = dns.seen(given);
    return html`<div><dt>${say`Names are resolved by`}</dt><dd>${dnsWords(say, addresses && resolversOf(say, addresses, servers))}</dd></div>`;
  }
  const token = dns.issue();
  return html`<div><dt>${say`Names are resolved by`}</dt><dd><span id="dns" data-seen="${prefix}/check/seen?test=${token}" data-unasked="${say.text("the test’s name was not asked for")}">${say`asking …`}</span>
<img class="unseen" src="https://${token}.${dns.name}/" alt="" width="1" height="1">
<noscript><form method="get" action="/check"><input type="hidden" name="test" value="${token}"><button class="button quiet small">${say`Show who asked`}</button></form></noscript></dd></div>`;
}

/** Without a script: a page that is reached by that version alone. */
function otherRow(
  { say, prefix }: PageLanguage,
  { server, inside }: Whereabouts,
  { other, origin }: OtherVersion,
): Html | false {
  if (server === undefined || origin === undefined) return false;
  return html`<div><dt>${say`By ${other}`}</dt><dd><span id="other" data-address="${origin}${prefix}/check/address" data-inside="${inside ? "yes" : "no"}" data-version="${other}" data-asking="${say.text("asking …")}" data-nothing="${say.text("nothing gets out")}" data-unclear="${say.text("not tested: what answers there does not say from where it was asked so")}">${say`not tested: that needs JavaScript, or <a href="${origin}${prefix}/check">open this page by ${other}</a>. If it does not open, nothing of yours gets out by ${other}.`}</span></dd></div>`;
}

function checkPage(
  web: Web,
  c: Context<SiteEnv>,
  where: Whereabouts,
  servers: readonly ServerStatus[],
): Response {
  const { dns, stun = [] } = web.check ?? {};
  const language = languageOf(c);
  const { say } = language;
  const { ip, server } = where;
  const given = c.req.query("test");
  const version = otherVersion(web, c, ip);
  const body = html`<h1>${say`Am I protected?`}</h1>
${verdict(say, where, version)}
<section class="panel"><h2>${say`What websites see`}</h2>
<dl class="values" id="seen" data-ours="${say.text(OURS, "{0}")}" data-nobodys="${say.text(NOBODYS)}">
<div><dt>${say`Address`}</dt><dd>${ip === "" ? say`not known` : html`<code>${ip}</code>`}</dd></div>
<div><dt>${say`IP version`}</dt><dd>${ip === "" ? say`not known` : ip.includes(":") ? "IPv6" : "IPv4"}</dd></div>
<div><dt>${say`Server`}</dt><dd>${ip === "" ? say`not known` : server === undefined ? say`none of ours` : html`${placeOf(say, server)}<br><code>${server.host}</code>`}</dd></div>
${otherRow(language, where, version)}
${dns !== undefined && dnsRow(language, dns, given, servers)}
${
  stun.length > 0 &&
  html`<div><dt>${say`WebRTC shows`}</dt><dd><span id="webrtc" data-asking="${say.text("asking …")}" data-without="${say.text("nothing: this browser has no WebRTC")}" data-none="${say.text("no address")}" data-same="${say.text(": the one above")}" data-another="${say.text(": another address")}" data-stun="${stun.join(" ")}" data-behind="${server === undefined ? "no" : "yes"}" data-known="${[ip, ...(server?.addresses ?? [])].join(" ")}">${say`not tested: that needs JavaScript`}</span></dd></div>`
}
</dl>
<div id="leak" role="alert"><template>${forScript(html`<div class="notice bad"><p>${say`Your browser shows websites an address that is not the server's. Switch WebRTC off in it, or use a VPN instead of a proxy.`}</p></div>`)}</template></div>
<p class="muted">${say`Whoever resolves names for you knows which sites you open. In the VPN that is our server; a resolver of somebody else's means that your device asks past the tunnel, or that a program has a resolver of its own.`}</p>
<p><a class="button quiet" href="/check">${say`Test again`}</a></p></section>
<p class="muted">${say`None of this is kept or logged. For scripts: <a href="/checkip/json">/checkip/json</a>, and xml, csv, tsv.`}</p>`;
  c.header(
    "content-security-policy",
    contentSecurityPolicy({
      images: dns && `https://*.${dns.name}`,
      fetched: server && version.origin,
    }),
  );
  return page(web, c, {
    title: sentence("Am I protected?"),
    description: say.text(
      "Which address websites see, who resolves your names, and what your browser gives away.",
    ),
    body,
    script: "check.js",
  });
}

export function addCheck(app: Hono<SiteEnv>, web: Web): void {
  const look = async (c: Context<SiteEnv>) => {
    const servers = await web.status.list();
    return { servers, where: whereabouts(web.clientAddress(c), servers, web.check?.ownServer) };
  };
  const forPeople = async (c: Context<SiteEnv>) => {
    const { servers, where } = await look(c);
    return checkPage(web, c, where, servers);
  };
  const forScripts = async (c: Context<SiteEnv>, format: CheckipFormat) =>
    checkip(c, format, (await look(c)).where);

  // The same under a host name of its own, checkip.<domain>, which the operator may lead here.
  app.use(async (c, next) => {
    const host = c.req.header("host") ?? "";
    const word = c.req.path.slice(1);
    if (!/^checkip\./i.test(host) || !["GET", "HEAD"].includes(c.req.method)) return next();
    if (word === "") return forPeople(c);
    const format = CHECKIP_FORMATS.find((each) => each === word);
    return format === undefined ? next() : forScripts(c, format);
  });

  for (const path of ["/check", "/checkip", "/checkip/"]) app.get(path, forPeople);
  for (const format of CHECKIP_FORMATS) app.get(`/checkip/${format}`, (c) => forScripts(c, format));

  // For the page's script, at the name that is reached by the other version of IP.
  app.get("/check/address", async (c) => {
    const { ip, server } = (await look(c)).where;
    const origin = c.req.header("origin") ?? "";
    c.header("vary", "Origin");
    if (URL.canParse(origin) && isPage(web, new URL(origin).host))
      c.header("access-control-allow-origin", origin);
    return c.json({ address: ip, ours: server && placeOf(sayIn(c), server) });
  });

  app.get("/check/seen", async (c) => {
    const addresses = web.check?.dns?.seen(c.req.query("test") ?? "");
    if (addresses === undefined) return c.notFound();
    return c.json({ resolvers: resolversOf(sayIn(c), addresses, await web.status.list()) });
  });
}
