import type { Hono } from "hono";
import { LIFETIMES } from "../../policy/lifetimes.ts";
import { type Html, html } from "../html.ts";
import type { Say } from "../languages/language.ts";
import { sayIn } from "../languages/page-language.ts";
import { page } from "../layout.ts";
import type { SiteEnv } from "../options.ts";
import type { Web } from "../web.ts";

/** The way of a packet, each station with what it knows. */
const way = (say: Say): Html => html`<ol class="way">
<li><h2>${say`Your device`}</h2><p>${say`Encrypts what it sends, with a client that is built in or that you choose.`}</p></li>
<li><h2>${say`The network you are in`}</h2><p>${say`Sees that you use a VPN, and how much. Not what, and not where to.`}</p></li>
<li><h2>${say`Our server`}</h2><p>${say`Unwraps your traffic and sends it on. It knows a pseudonym, while you are connected, in memory.`}</p></li>
<li><h2>${say`The site you visit`}</h2><p>${say`Sees the server’s address, which you share with everybody else who uses it.`}</p></li>
</ol>`;

const row = (who: Html, knows: Html, not: Html, say: Say): Html => html`<tr><th scope="row">${who}</th>
<td data-label="${say.text("Knows")}">${knows}</td><td data-label="${say.text("Does not know")}">${not}</td></tr>`;

/** What each part knows: the design in one table. */
const knowledge = (say: Say): Html => html`<div class="panel"><table><caption>${say`Who knows what`}</caption>
<thead><tr><th scope="col">${say`Who`}</th><th scope="col">${say`Knows`}</th><th scope="col">${say`Does not know`}</th></tr></thead>
<tbody>
${row(
  say`Our office: this site and the accounts`,
  say`your username, your password as a hash, the e-mail address if you gave one, the end of your paid time`,
  say`when you connect, from where, to which server, how much you use`,
  say,
)}
${row(
  say`Our servers`,
  say`which pseudonyms are good until when, and, in memory only, who is connected now`,
  say`accounts, e-mail addresses, payments`,
  say,
)}
${row(
  say`Whoever you pay through`,
  say`that you paid, as with everything you pay through them`,
  say`your username, and what you do here`,
  say,
)}
${row(
  say`Everybody`,
  say`how loaded each server is, in coarse steps`,
  say`anything about a single member`,
  say,
)}
</tbody></table></div>`;

export function addHowItWorks(app: Hono<SiteEnv>, web: Web): void {
  app.get("/how-it-works", (c) => {
    const say = sayIn(c);
    const body = html`<h1>${say`How it works`}</h1>
<p class="lead">${say`Between you and the sites you visit stands a server of ours. It is built so that it has nothing to tell.`}</p>
${way(say)}
<div class="columns pairs">
<section class="panel"><h2>${say`Two names, kept apart`}</h2>
<p>${say`You log in to this site with your account. Your devices log in to the servers with another name and another password, made for you at random. The servers never learn your account, and this site never learns when those names are used.`}</p></section>
<section class="panel"><h2>${say`Nothing is written down`}</h2>
<p>${say`No program here has a place to write a login, a connection or an address to. Servers tell the office one thing: their total traffic, in steps of 1 % of their bandwidth and five minutes.`}</p>
<p><a href="/privacy">${say`What is stored, and for how long`}</a></p></section>
<section class="panel"><h2>${say`It goes on without us`}</h2>
<p>${say`Servers work for three days when the office cannot be reached, for new connections, too. Names are looked up by resolvers of our own, inside the tunnel.`}</p></section>
<section class="panel"><h2>${say`It ends by itself`}</h2>
<p>${say`Paid time runs out without your doing anything, and ${LIFETIMES.unpaidAccount.days} days later the account is deleted. You can delete it yourself at any time.`}</p></section>
</div>
${knowledge(say)}
<section class="panel"><h2>${say`What it cannot do`}</h2>
<ul>
<li>${say`A site at which you log in, or that knows your browser again, knows you wherever you come from.`}</li>
<li>${say`Between our server and the site, your traffic is as the site wants it: without https, others on that way can read it.`}</li>
<li>${say`The plain SOCKS5 and HTTP proxies change your address and encrypt nothing.`}</li>
<li>${say`Who watches both ends, the network you are in and the site, can compare times and amounts.`}</li>
</ul></section>
<section class="block"><h2>${say`See for yourself`}</h2>
<ul>
<li><a href="/status">${say`How loaded the servers are`}</a></li>
<li><a href="/check">${say`What others see of you now`}</a></li>
${web.sourceUrl !== undefined && html`<li><a href="${web.sourceUrl}">${say`The program that runs all this`}</a></li>`}
</ul></section>`;
    return page(web, c, {
      title: "How it works",
      section: "how",
      body,
      description: say.text("What happens to your traffic at {0}, and who knows what about it", web.siteName),
    });
  });
}
