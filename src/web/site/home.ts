import type { Hono } from "hono";
import { KEEP_UNPAID_DAYS } from "../../accounts/accounts.ts";
import { bestServer } from "../../fleet/recommend.ts";
import type { ServerStatus } from "../../fleet/status.ts";
import { type Html, html, trusted } from "../html.ts";
import { page } from "../layout.ts";
import type { SiteEnv } from "../options.ts";
import type { Web } from "../web.ts";
import { percentText } from "./figures.ts";

/** A river whose waves fade as they go: own drawing. */
const RIVER = trusted(
  `<svg class="river" viewBox="0 0 1200 110" preserveAspectRatio="none" aria-hidden="true" focusable="false"><g fill="none" stroke="currentColor" stroke-width="2.5">${[
    0, 1, 2, 3, 4,
  ]
    .map((wave) => {
      const y = 15 + wave * 20;
      const rise = 11 - wave * 1.6;
      const path = `M0 ${y}c50 ${-rise} 100 ${-rise} 150 0${`s100 ${rise} 150 0s100 ${-rise} 150 0`.repeat(3)}s100 ${rise} 150 0`;
      return `<path d="${path}" opacity="${(0.75 - wave * 0.15).toFixed(2)}" vector-effect="non-scaling-stroke"/>`;
    })
    .join("")}</g></svg>`,
);

function servicesPanel(servers: readonly ServerStatus[]): Html {
  const offered = new Set(
    servers.flatMap(({ services }) => services.map(({ service }) => service as string)),
  );
  return html`<section class="panel tall"><h2>With what you already have</h2>
<ul class="facts">
${offered.has("openvpn") && html`<li><strong>OpenVPN</strong>, over UDP and TCP: everything your device sends is encrypted. Clients exist for Windows, macOS, iOS, Android, Linux and routers.</li>`}
${offered.has("socks5") && html`<li><strong>SOCKS5 proxy</strong>: for single programs. Changes your address, does not encrypt.</li>`}
${offered.has("http") && html`<li><strong>HTTP proxy</strong>: for browsers, without installing anything. Changes your address, does not encrypt.</li>`}
<li>One VPN username and password for all of it, on any number of devices of your own.</li>
</ul></section>`;
}

function serversPanel(servers: readonly ServerStatus[]): Html {
  const best = bestServer(servers);
  const cities = [...new Set(servers.map(({ city }) => city))];
  const shown = cities.slice(0, 8).join(", ");
  return html`<section class="panel"><h2>Servers you can watch</h2>
<p>${cities.length === 0 ? "No server yet." : `${servers.length === 1 ? "One server" : `${servers.length} servers`}: ${shown}${cities.length > 8 ? " and more" : ""}.`}
${best !== undefined && html` Best choice now: <strong>${best.city}</strong>, load ${percentText(best.loadPercent)}.`}</p>
<p>No bandwidth limit. Each server's load is public, so that everyone finds one with room.</p>
<p><a href="/status">See all servers</a></p></section>`;
}

export function addHome(app: Hono<SiteEnv>, web: Web): void {
  app.get("/", async (c) => {
    const servers = await web.status.list();
    const loggedIn = c.get("session") !== undefined;
    const body = html`<div class="hero">
<h1>Online, and then forgotten.</h1>
<p class="lead">${web.siteName} carries your traffic through its own servers: sites see the server’s address instead of yours, and in the VPN the network you are in sees encrypted data only. No login and no connection is ever logged.</p>
<p class="actions">${
      loggedIn
        ? html`<a class="button" href="/member">Your account</a>`
        : html`<a class="button" href="/sign-up">Create an account</a>`
    } <a class="button quiet" href="/status">See the servers</a></p>
</div>
${RIVER}
<div class="columns home">
<section class="panel"><h2>What we store</h2>
<ul class="facts">
<li>A username, and your password as a hash</li>
<li>An e-mail address, if you give one</li>
<li>The day your account runs out</li>
</ul>
<p><a href="/privacy">The complete list, and for how long</a></p></section>
${servicesPanel(servers)}
${serversPanel(servers)}
</div>
<section class="block"><h2>How it goes</h2>
<ol class="steps">
<li><a href="/sign-up">Create an account</a> with a username and a password. An e-mail address is optional.</li>
<li>Redeem a voucher. Its days count at once, nothing renews by itself, and an account without paid time is deleted after ${KEEP_UNPAID_DAYS} days.</li>
<li>Download a profile or copy the proxy settings, and log in with your VPN username and password.</li>
</ol></section>`;
    return page(web, c, {
      title: web.siteName,
      body,
      description: `${web.siteName}: an encrypted way into the Internet, with no log of any login or connection`,
    });
  });
}
