import type { Hono } from "hono";
import { html } from "../html.ts";
import { sayIn } from "../languages/page-language.ts";
import { page } from "../layout.ts";
import type { SiteEnv } from "../options.ts";
import { ownText } from "../own-texts.ts";
import type { Web } from "../web.ts";
import { securityTxt } from "./for-machines.ts";

/** Who is behind the service, in the operator's words (about.md), and what it is made of and held to. */
export function addAbout(app: Hono<SiteEnv>, web: Web): void {
  app.get("/about", async (c) => {
    const say = sayIn(c);
    const servers = await web.status.list();
    const countries = new Set(servers.map(({ countryCode }) => countryCode)).size;
    const { before, after } = ownText(
      web,
      c,
      "about",
      html`<p class="lead">${say`${web.siteName} gives its members an encrypted way into the Internet, and forgets that they took it.`}</p>`,
    );
    const { tickets, contactAddress } = web.support;
    const writeToUs = tickets.reachable
      ? say`with or without an account, encrypted before it is stored`
      : contactAddress !== undefined
        ? say`by e-mail`
        : undefined;
    const body = html`<h1>${say.text("About {0}", web.siteName)}</h1>
${before}
<div class="columns">
<section class="panel"><h2>${say`What we hold ourselves to`}</h2>
<ul>
<li>${say`We ask for a username and a password, and for nothing else that says who you are.`}</li>
<li>${say`We log no login and no connection, anywhere.`}</li>
<li>${say`We sell no data and show no advertising: members pay for this.`}</li>
<li>${say`We limit no bandwidth, and show everybody how loaded each server is.`}</li>
<li>${say`We answer requests for data truthfully: with the little there is.`}</li>
</ul></section>
<section class="panel"><h2>${say`What it runs on`}</h2>
<p>${
      servers.length === 0
        ? say`There is no server yet.`
        : servers.length === 1
          ? say`One server, with its load open to everyone.`
          : countries === 1
            ? say`${servers.length} servers, each with its load open to everyone.`
            : say`${servers.length} servers in ${countries} countries, each with its load open to everyone.`
    } <a href="/status">${say`Servers`}</a></p>
<p>${say`The whole service is Lethe, free software under the GNU Affero General Public License: everybody may read, run and improve it.`}${web.sourceUrl !== undefined && html` <a href="${web.sourceUrl}">${say`Source`}</a>`}</p>
<p>${say`It speaks to programs, too:`} <a href="/api/openapi.json">API</a></p></section>
</div>
<section class="panel"><h2>${say`How to reach us`}</h2>
<ul>
${writeToUs !== undefined && html`<li><a href="/contact">${say`Write to us`}</a>: ${writeToUs}</li>`}
${web.has("/help") && html`<li><a href="/help">${say`Help centre`}</a></li>`}
${web.has("/abuse") && html`<li><a href="/abuse">${say`Report abuse`}</a></li>`}
${securityTxt(web) !== undefined && html`<li><a href="/.well-known/security.txt">${say`Report a weakness`}</a>: ${say`where to, for those who found one`}</li>`}
</ul></section>
${after}`;
    return page(web, c, {
      title: say.text("About {0}", web.siteName),
      section: "about",
      body,
      description: say.text("Who is behind {0}, and what it is held to", web.siteName),
    });
  });
}
