import type { Hono } from "hono";
import { ABUSE_MEASURES, ABUSE_NEEDED } from "../../support/abuse.ts";
import { html } from "../html.ts";
import { sayIn } from "../languages/page-language.ts";
import { page } from "../layout.ts";
import type { SiteEnv } from "../options.ts";
import type { Web } from "../web.ts";

/** For whoever was bothered from one of the servers' addresses: what is true, what can be done, and where to write. */
export function addAbuse(app: Hono<SiteEnv>, web: Web): void {
  app.get("/abuse", (c) => {
    const say = sayIn(c);
    const { abuseAddress, tickets } = web.support;
    const body = html`<h1>${say`Report abuse`}</h1>
<p class="lead">${say`Something unwanted came from the address of one of our servers? Here is what we can do about it.`}</p>
<div class="columns">
<section class="panel"><h2>${say`Where to write`}</h2>
${
  abuseAddress === undefined
    ? tickets.reachable
      ? html`<p>${say`<a href="/contact">Write to us</a>: choose “Abuse of one of the servers”. You need no account.`}</p>`
      : html`<p>${say`The operator of this site has not named an address yet. (Operator: support.abuse_address in lethe.toml.)`}</p>`
    : html`<p><a href="mailto:${abuseAddress}">${abuseAddress}</a></p>${tickets.reachable && html`<p>${say`Or <a href="/contact">write to us here</a>, without an account.`}</p>`}`
}
<p>${say`The addresses of all servers: <a href="/status">Servers</a>.`}</p></section>
<section class="panel"><h2>${say`What we need`}</h2><ul>${ABUSE_NEEDED.map((need) => html`<li>${say.text(need)}</li>`)}</ul></section>
<section class="panel"><h2>${say`What we can do`}</h2><ul>${ABUSE_MEASURES.map((measure) => html`<li>${say.text(measure)}</li>`)}</ul></section>
<section class="panel"><h2>${say`What nobody here can do`}</h2>
<p>${say`Many members share the address of one server, and no log is kept of who connects, from where, to what, or when. So there is nothing by which we could tell who it was, and nothing that could be handed over. <a href="/privacy">All that is stored</a>`}</p></section>
</div>`;
    return page(web, c, {
      title: "Report abuse",
      section: "help",
      body,
      description: say.text(
        "Complaints about servers of {0}: where to write, and what can be done",
        web.siteName,
      ),
    });
  });
}
