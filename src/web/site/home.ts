import type { Hono } from "hono";
import { bestServer } from "../../fleet/recommend.ts";
import type { ServerStatus } from "../../fleet/server-status.ts";
import { LIFETIMES } from "../../policy/lifetimes.ts";
import { formatMoney } from "../../policy/money.ts";
import type { PolicyValues } from "../../policy/rule.ts";
import { type Html, html, trusted } from "../html.ts";
import type { Say } from "../languages/language.ts";
import { languageOf, sayIn } from "../languages/page-language.ts";
import { page } from "../layout.ts";
import type { SiteEnv } from "../options.ts";
import { policyNow } from "../policy-values.ts";
import type { Web } from "../web.ts";
import { announcementsBox } from "./announcements.ts";
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

/** What at least one server offers, in so many words. */
function servicesPanel(say: Say, servers: readonly ServerStatus[]): Html {
  const offered = new Set(
    servers.flatMap(({ services }) => services.map(({ service }) => service as string)),
  );
  const has = (...names: string[]) => names.some((name) => offered.has(name));
  return html`<section class="panel"><h2>${say`With what you already have`}</h2>
<ul class="facts">
${has("wireguard") && html`<li>${say`<strong>WireGuard</strong>: everything your device sends is encrypted. Fast, and kind to batteries.`}</li>`}
${has("openvpn") && html`<li>${say`<strong>OpenVPN</strong>, over UDP and TCP: the same for Windows, macOS, iOS, Android, Linux and routers.`}</li>`}
${has("ikev2") && html`<li>${say`<strong>IKEv2</strong>: built into Windows, macOS and iOS; nothing to install.`}</li>`}
${has("stealth-tls", "stealth-obfs4") && html`<li>${say`<strong>Stealth</strong>: OpenVPN in TLS or obfs4, for networks that block it.`}</li>`}
${has("https", "socks5-tls", "ssh") && html`<li>${say`<strong>Encrypted proxies</strong> and <strong>SSH tunnels</strong>: for a browser or a single program.`}</li>`}
${has("socks5", "http") && html`<li>${say`<strong>SOCKS5 and HTTP proxy</strong>: for single programs. They change your address and do not encrypt.`}</li>`}
<li>${say`One VPN username and password for all of it, on any number of devices of your own.`}</li>
</ul></section>`;
}

function serversPanel(say: Say, servers: readonly ServerStatus[]): Html {
  const best = bestServer(servers);
  const cities = [...new Set(servers.map(({ city }) => city))];
  const shown = cities.slice(0, 8).join(", ");
  const list = cities.length > 8 ? say.text("{0} and more", shown) : shown;
  return html`<section class="panel"><h2>${say`Servers you can watch`}</h2>
<p>${
    cities.length === 0
      ? say`No server yet.`
      : servers.length === 1
        ? say`One server: ${list}.`
        : say`${servers.length} servers: ${list}.`
  }
${servers.length > 1 && best !== undefined && say` Best choice now: <strong>${best.city}</strong>, load ${percentText(say, best.loadPercent)}.`}</p>
<p>${say`No bandwidth limit. Each server’s load is public, so that everyone finds one with room.`}</p>
<p><a href="/status">${say`See all servers`}</a></p></section>`;
}

/** The plan with the cheapest day stands for all of them. */
function pricePanel(say: Say, { plans, methods }: PolicyValues, tag: string, toOrder: boolean): Html | false {
  const cheapest = plans
    .filter(({ price }) => price.currency === plans[0]!.price.currency)
    .toSorted((a, b) => a.price.minor / a.days - b.price.minor / b.days)[0];
  const renews = methods.includes("paypal-subscription");
  return (
    cheapest !== undefined &&
    html`<section class="panel"><h2>${say`What it costs`}</h2>
<p>${say`${formatMoney(cheapest.price, tag)} for ${cheapest.days} days, with all servers and all services.`} ${renews ? say`Nothing renews by itself unless you ask PayPal to.` : say`Nothing renews by itself.`}</p>
<p><a href="/pricing">${toOrder ? say`All plans and ways to pay` : say`All plans`}</a></p></section>`
  );
}

export function addHome(app: Hono<SiteEnv>, web: Web): void {
  app.get("/", async (c) => {
    const say = sayIn(c);
    const [servers, policy, news] = await Promise.all([
      web.status.list(),
      policyNow(web),
      announcementsBox(web, say),
    ]);
    const toOrder = policy.buying && policy.methods.length > 0 && web.has("/order");
    const loggedIn = c.get("session") !== undefined;
    const body = html`${news}<div class="hero">
<h1>${say`Online, and then forgotten.`}</h1>
<p class="lead">${say`${web.siteName} carries your traffic through its own servers: sites see the server’s address instead of yours, and in the VPN the network you are in sees encrypted data only. No login and no connection is ever logged.`}</p>
<p class="actions">${
      loggedIn
        ? html`<a class="button" href="/member">${say`Your account`}</a>`
        : html`<a class="button" href="/sign-up">${say`Create an account`}</a>`
    } <a class="button quiet" href="/how-it-works">${say`How it works`}</a></p>
</div>
${RIVER}
<div class="columns pairs">
<section class="panel"><h2>${say`What we store`}</h2>
<ul class="facts">
<li>${say`A username, and your password as a hash`}</li>
<li>${say`An e-mail address, if you give one`}</li>
<li>${say`The day your account runs out`}</li>
</ul>
<p><a href="/privacy">${say`The complete list, and for how long`}</a></p></section>
${servicesPanel(say, servers)}
${serversPanel(say, servers)}
${pricePanel(say, policy, languageOf(c).tag, toOrder)}
</div>
<section class="block"><h2>${say`How it goes`}</h2>
<ol class="steps">
<li>${say`<a href="/sign-up">Create an account</a> with a username and a password. An e-mail address is optional.`}</li>
<li>${toOrder ? say`Pay for some time, or redeem a voucher.` : say`Redeem a voucher.`} ${say`Its days count at once, and an account without paid time is deleted after ${LIFETIMES.unpaidAccount.days} days.`}</li>
<li>${say`Download a profile or copy the proxy settings, and log in with your VPN username and password.`}</li>
</ol></section>`;
    return page(web, c, {
      title: web.siteName,
      body,
      description: say.text(
        "{0}: an encrypted way into the Internet, with no log of any login or connection",
        web.siteName,
      ),
    });
  });
}
