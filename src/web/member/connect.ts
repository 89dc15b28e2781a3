import type { Hono } from "hono";
import type { AccountView } from "../../accounts/account-view.ts";
import { allGroups, bestServer, recommended } from "../../fleet/recommend.ts";
import type { ServerStatus } from "../../fleet/server-status.ts";
import { countryName } from "../../lib/locale.ts";
import { accessUntil } from "../../policy/expiry.ts";
import { SYSTEMS } from "../../profiles/kinds.ts";
import { PROXY_WARNING, proxySettings } from "../../profiles/proxy.ts";
import { tokenField } from "../forms.ts";
import { forMembers } from "../gate.ts";
import { SYSTEM_NAMES } from "../guides.ts";
import { type Html, html } from "../html.ts";
import { type Say, sentence } from "../languages/language.ts";
import { sayIn } from "../languages/page-language.ts";
import { page } from "../layout.ts";
import type { SiteEnv } from "../options.ts";
import { profileNamed } from "../site/group-servers.ts";
import { LEAST_LOADED } from "../site/proxy-config.ts";
import { serverFilter } from "../site/server-filter.ts";
import { isFiltered, matching, parseQuery, type ServerQuery } from "../site/server-query.ts";
import { count } from "../site/server-table.ts";
import { values } from "../values.ts";
import type { Web } from "../web.ts";
import { systemPicture } from "./pictures.ts";
import { waysPanel } from "./ways.ts";

const portsOf = (server: ServerStatus, service: string) =>
  server.services.find((each) => each.service === service)?.ports ?? [];

const place = (say: Say, server: ServerStatus): string => `${server.city}, ${countryName(say, server)}`;

function name(say: Say, server: ServerStatus, best: ServerStatus | undefined): Html {
  return html`<span><strong>${place(say, server)}</strong> ${server === best && html`<span class="badge good">${say`best choice now`}</span>`}<br><span class="muted small">${server.host}${!server.largeDownloads && html` · ${say`not for large downloads or P2P`}`}</span></span>`;
}

function openvpnRow(say: Say, server: ServerStatus, best: ServerStatus | undefined): Html {
  const file = `/member/openvpn/${server.server}`;
  return html`<li>${name(say, server, best)}
<span class="actions"><a class="button small" href="${file}.ovpn" download>${say`Download ${server.server}.ovpn`}</a> <a href="${file}.conf" download aria-label="${say.text("Download {0}, the one for Linux", `${server.server}.conf`)}">.conf</a></span></li>`;
}

function openvpnPanel(
  say: Say,
  web: Web,
  all: readonly ServerStatus[],
  servers: readonly ServerStatus[],
  best: ServerStatus | undefined,
): Html | undefined {
  const offered = servers.filter(
    (server) => portsOf(server, "openvpn").length > 0 && web.profiles("openvpn", [server.server]).length > 0,
  );
  if (offered.length === 0) return undefined;
  return html`<section class="panel"><h2>OpenVPN</h2>
<p>${say`Encrypts everything your device sends. Download a profile, open it in a client, and enter your VPN username and password when asked.`}</p>
<ul class="rows">${offered.map((server) => openvpnRow(say, server, best))}${groupRows(say, all, offered)}</ul>
<p class="muted">${say`Clients: OpenVPN Connect (Windows, macOS, iOS, Android), Tunnelblick (macOS), OpenVPN for Android, NetworkManager or <code>openvpn</code> (Linux: take the .conf). The profile tries UDP first, and TCP where a network blocks that.`}</p>
<p class="muted">${say`On Linux, import the file into NetworkManager (<code>nmcli connection import type openvpn file …</code>): it also makes our resolver yours. <code>openvpn</code> on the command line leaves your resolver as it is, and one in your own network would be asked outside the tunnel.`}</p></section>`;
}

function proxyRows(say: Say, server: ServerStatus, origin: string): Html {
  const { socks5, http, socks5Tls, https } = proxyPorts(server);
  const id = (what: string) => `${server.server}-${what}`;
  return html`<h3>${place(say, server)}</h3>
${values(
  [
    { id: id("host"), name: say.text("Server"), value: server.host },
    ...(socks5 === undefined
      ? []
      : [{ id: id("socks5"), name: say.text("SOCKS5 port"), value: socks5, copy: false }]),
    ...(https === undefined
      ? []
      : [{ id: id("https"), name: say.text("HTTPS proxy port (encrypted)"), value: https, copy: false }]),
    ...(socks5Tls === undefined
      ? []
      : [
          {
            id: id("socks5-tls"),
            name: say.text("SOCKS5 over TLS port (encrypted)"),
            value: socks5Tls,
            copy: false,
          },
        ]),
    ...(http === undefined
      ? []
      : [{ id: id("http"), name: say.text("HTTP proxy port"), value: http, copy: false }]),
    { id: id("pac"), name: say.text("Automatic (PAC)"), value: `${origin}/proxy/${server.server}.pac` },
  ],
  say,
)}`;
}

function proxyPorts(
  server: ServerStatus,
): Record<"socks5" | "http" | "socks5Tls" | "https", number | undefined> {
  const port = (service: string) => portsOf(server, service)[0]?.port;
  return { socks5: port("socks5"), http: port("http"), socks5Tls: port("socks5-tls"), https: port("https") };
}

function proxiesPanel(
  say: Say,
  servers: readonly ServerStatus[],
  best: ServerStatus | undefined,
  origin: string,
): Html | undefined {
  const offered = servers.filter((server) => {
    const { socks5, http, socks5Tls, https } = proxyPorts(server);
    return (socks5 ?? http ?? socks5Tls ?? https) !== undefined;
  });
  const example = offered.find((server) => server === best) ?? offered[0];
  if (example === undefined) return undefined;
  const { socks5, http, https } = proxyPorts(example);
  const commands = proxySettings({
    host: example.host,
    socks5Port: socks5,
    httpPort: http,
    httpsPort: https,
    socks5TlsPort: proxyPorts(example).socks5Tls,
  })
    .filter(({ title }) => title.startsWith("curl"))
    .flatMap(({ lines }) => lines);
  return html`<section class="panel" id="proxies"><h2>${say`SOCKS5 and HTTP proxies`}</h2>
<div class="notice warn"><p>${say.text(PROXY_WARNING)}</p></div>
<p>${say`Log in with your VPN username and password. Browsers ask for them with the HTTP proxy; most cannot log in to a SOCKS5 proxy.`}</p>
${
  offered.length > 1 &&
  html`<h3>${say`Any of them`}</h3>
<p>${say`A browser that is given this address takes one of the least loaded servers whose proxies work, and has two more for when that one is gone.`}</p>
${values([{ id: "p-recommended", name: say.text(LEAST_LOADED.name), value: `${origin}${LEAST_LOADED.path}` }], say)}`
}
${offered.map((server) => proxyRows(say, server, origin))}
<h3>${say`To try it in a terminal`}</h3>
<p>${say`curl asks for the VPN password; the VPN username goes where USERNAME stands.`}</p>
${commands.map((line) => html`<pre><code>${line}</code></pre>`)}</section>`;
}

/** A page with more of them is heavy, and nobody reads it. */
const SHOWN_MOST = 20;

/** Those asked for, or else those to choose now. */
function shownOf(all: readonly ServerStatus[], query: ServerQuery): ServerStatus[] {
  if (all.length <= SHOWN_MOST) return [...all];
  const found = isFiltered(query) || recommended(all).length === 0 ? matching(all, query) : recommended(all);
  return found.slice(0, SHOWN_MOST);
}

function choose(
  say: Say,
  all: readonly ServerStatus[],
  shown: readonly ServerStatus[],
  query: ServerQuery,
): Html {
  const found = isFiltered(query) ? matching(all, query).length : all.length;
  return html`${serverFilter(say, all, query, "/member/connect")}
<p class="found">${
    shown.length === 0
      ? say`No server is like that.`
      : isFiltered(query)
        ? say`${shown.length} of the ${count(say, found)} that are like that.`
        : say`The ${shown.length} best of ${count(say, found)} now. Say above where the others shall be.`
  }</p>`;
}

/** The groups of the servers that are shown, with more than one server each. */
function groupRows(say: Say, all: readonly ServerStatus[], shown: readonly ServerStatus[]): Html[] {
  return [...allGroups(all)]
    .filter(([, members]) => members.length > 1 && members.some((member) => shown.includes(member)))
    .slice(0, SHOWN_MOST)
    .map(([group, members]) => {
      const file = `/member/openvpn/${group}`;
      return html`<li><span><strong>${say`Any of ${group}`}</strong><br><span class="muted small">${say`${count(say, members.length)}; your client takes one at random`}</span></span>
<span class="actions"><a class="button quiet small" href="${file}.ovpn" download>${say`Download ${group}.ovpn`}</a> <a href="${file}.conf" download aria-label="${say.text("Download {0}, the one for Linux", `${group}.conf`)}">.conf</a></span></li>`;
    });
}

const systems = (say: Say): Html => html`<section class="panel"><h2>${say`What do you want to connect?`}</h2>
<ul class="systems">${SYSTEMS.map(
  (system) =>
    html`<li><a href="/member/connect/${system}">${systemPicture(system)}<span>${say.text(SYSTEM_NAMES[system])}</span></a></li>`,
)}</ul></section>`;

const hasAccess = ({ paidUntil, terminated, renews }: AccountView, nowMs: number): boolean =>
  !terminated && paidUntil !== undefined && accessUntil(paidUntil, renews) * 1000 > nowMs;

export function addConnect(app: Hono<SiteEnv>, web: Web): void {
  app.get(
    "/member/connect",
    forMembers(web, async (c, member) => {
      const say = sayIn(c);
      const all = await web.status.list();
      const query = parseQuery(c.req.query());
      const servers = shownOf(all, query);
      const best = all.length > 1 ? bestServer(all) : undefined;
      const origin = web.publicUrl ?? new URL(c.req.url).origin;
      const body = html`<h1>${say`Get connected`}</h1>
${!hasAccess(member.account, web.clock.now()) && html`<div class="notice"><p>${say`This account has no paid time: nothing below lets you in until you <a href="/member">redeem a voucher</a>.`}</p></div>`}
<p class="lead">${say`Any client that speaks a standard works. Log in with your VPN username and password (WireGuard has keys instead), on as many devices of your own as you like.`}</p>
${all.length > 0 && systems(say)}
${waysPanel(say, all)}
<form method="post" action="/member/credentials">${tokenField(member.session.formToken)}<p><button class="button quiet">${say`Show my VPN username and password`}</button></p></form>
${all.length === 0 && html`<div class="panel"><p>${say`There is no server yet.`}</p></div>`}
${all.length > SHOWN_MOST && choose(say, all, servers, query)}
${openvpnPanel(say, web, all, servers, best)}
${proxiesPanel(say, servers, best, origin)}`;
      return page(web, c, {
        title: sentence("Get connected"),
        section: "member",
        tab: "connect",
        body,
        script: "enhance.js",
      });
    }),
  );

  // `.conf` is what Linux tools look for: the same without what only Windows understands.
  app.get(
    "/member/openvpn/:file{[a-z0-9-]+\\.(?:ovpn|conf)}",
    forMembers(web, async (c) => {
      const file = c.req.param("file") ?? "";
      const name = file.slice(0, file.lastIndexOf("."));
      const wanted = c.req.query("protocol");
      const profile = profileNamed(web, await web.status.list(), name, {
        system: file.endsWith(".conf") ? "linux" : undefined,
        protocol: wanted === "udp" || wanted === "tcp" ? wanted : undefined,
      });
      if (profile === undefined) return c.notFound();
      return c.body(profile, 200, {
        "content-type": "application/x-openvpn-profile",
        "content-disposition": `attachment; filename="${file}"`,
      });
    }),
  );
}
