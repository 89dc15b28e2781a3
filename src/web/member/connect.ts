import type { Hono } from "hono";
import type { ServerStatus } from "../../fleet/status.ts";
import { PROXY_WARNING, proxySettings } from "../../profiles/proxy.ts";
import { forMembers } from "../gate.ts";
import { type Html, html } from "../html.ts";
import { page } from "../layout.ts";
import type { SiteEnv } from "../options.ts";
import { portsText } from "../service-names.ts";
import { bestServer } from "../site/best-server.ts";
import { values } from "../values.ts";
import type { Web } from "../web.ts";

const portsOf = (server: ServerStatus, service: string) =>
  server.services.find((each) => each.service === service)?.ports ?? [];

function proxies(server: ServerStatus, origin: string): Html | undefined {
  const socks5 = portsOf(server, "socks5")[0]?.port;
  const http = portsOf(server, "http")[0]?.port;
  if (socks5 === undefined && http === undefined) return undefined;
  const id = (what: string) => `${server.server}-${what}`;
  const commands = proxySettings({ host: server.host, socks5Port: socks5, httpPort: http }).filter(
    ({ title }) => title.startsWith("curl"),
  );
  const pac = `${origin}/proxy/${server.server}.pac`;
  return html`<h3>Proxies</h3>
<div class="notice warn"><p>${PROXY_WARNING}</p></div>
${values([
  { id: id("host"), name: "Server", value: server.host },
  ...(socks5 === undefined ? [] : [{ id: id("socks5"), name: "SOCKS5 port", value: socks5 }]),
  ...(http === undefined ? [] : [{ id: id("http"), name: "HTTP proxy port", value: http }]),
  { id: id("pac"), name: "Automatic (PAC)", value: pac },
])}
<p>Log in with your <a href="/member">VPN username and password</a>. To try it in a terminal (curl asks for the password):</p>
${commands.map(({ lines }) => html`<pre><code>${lines.join("\n")}</code></pre>`)}`;
}

function openvpn(web: Web, server: ServerStatus): Html | undefined {
  const ports = portsOf(server, "openvpn");
  if (ports.length === 0 || web.openvpnProfile(server.server) === undefined) return undefined;
  const file = `/member/openvpn/${server.server}`;
  return html`<h3>OpenVPN</h3>
<p>Encrypts everything your device sends. Download the profile, open it with OpenVPN Connect (Windows, macOS, iOS, Android), Tunnelblick (macOS), OpenVPN for Android or NetworkManager (Linux), and enter your VPN username and password when asked. Ports: ${portsText(ports)}.</p>
<div class="actions"><a class="button" href="${file}.ovpn" download>Download ${server.server}.ovpn</a>
<a href="${file}.conf" download>the same as .conf, for Linux</a></div>`;
}

function serverPanel(web: Web, server: ServerStatus, best: boolean, origin: string): Html {
  return html`<section class="panel" id="${server.server}"><h2>${server.city}, ${server.country} ${best && html`<span class="badge good">lowest load now</span>`}</h2>
<p class="muted">${server.server} · ${server.host}${!server.largeDownloads && " · not for large downloads or P2P"}</p>
${openvpn(web, server)}
${proxies(server, origin)}</section>`;
}

export function addConnect(app: Hono<SiteEnv>, web: Web): void {
  app.get(
    "/member/connect",
    forMembers(web, async (c) => {
      const servers = await web.status.list();
      const best = bestServer(servers);
      const origin = web.publicUrl ?? new URL(c.req.url).origin;
      const body = html`<h1>Get connected</h1>
<p class="lead">Any client that speaks a standard works. Log in with your <a href="/member">VPN username and password</a>, on as many devices of your own as you like.</p>
${servers.length === 0 && html`<div class="panel"><p>There is no server yet.</p></div>`}
${servers.map((server) => serverPanel(web, server, servers.length > 1 && server === best, origin))}`;
      return page(web, c, {
        title: "Get connected",
        section: "member",
        tab: "connect",
        body,
        script: "enhance.js",
      });
    }),
  );

  // `.conf` is what Linux tools look for; the content is the same.
  app.get(
    "/member/openvpn/:file{[a-z0-9-]+\\.(?:ovpn|conf)}",
    forMembers(web, (c) => {
      const file = c.req.param("file") ?? "";
      const profile = web.openvpnProfile(file.slice(0, file.lastIndexOf(".")));
      if (profile === undefined) return c.notFound();
      return c.body(profile, 200, {
        "content-type": "application/x-openvpn-profile",
        "content-disposition": `attachment; filename="${file}"`,
      });
    }),
  );
}
