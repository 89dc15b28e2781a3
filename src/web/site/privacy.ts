import type { Hono } from "hono";
import { rulesOf } from "../../policy/all-rules.ts";
import type { InventoryEntry } from "../../store/inventory.ts";
import { html } from "../html.ts";
import { inventoryTable } from "../inventory-table.ts";
import type { Say } from "../languages/language.ts";
import { sayIn } from "../languages/page-language.ts";
import { page } from "../layout.ts";
import type { SiteEnv } from "../options.ts";
import { ownText } from "../own-texts.ts";
import { policyNow } from "../policy-values.ts";
import type { Web } from "../web.ts";
import { analyticsPrivacy } from "./analytics-page.ts";
import { ruleList } from "./policy.ts";

/** The policy is the data inventory, which a test holds against the real database: what is not listed cannot be stored. */
export function addPrivacy(app: Hono<SiteEnv>, web: Web): void {
  const about = (aboutAccount: boolean, place: (entry: InventoryEntry) => boolean) =>
    web.inventory.filter((entry) => entry.aboutAccount === aboutAccount && place(entry));
  const tables = (say: Say) => html`${inventoryTable(
    say,
    "About your account, in our database",
    about(true, (entry) => entry.place === "table"),
  )}
${inventoryTable(
  say,
  "About your account, elsewhere",
  about(true, (entry) => entry.place !== "table"),
)}
${inventoryTable(
  say,
  "About no account",
  about(false, () => true),
)}`;
  app.get("/privacy", async (c) => {
    const say = sayIn(c);
    const { before, after } = ownText(
      web,
      c,
      "privacy",
      say`<p class="lead">This page is made from the same list that the database is checked against and cleaned by.</p>`,
    );
    const body = html`<article class="rules-page"><h1>${say`Privacy`}</h1>
${before}
<section class="panel">${ruleList(say, rulesOf("privacy", await policyNow(web)))}</section>
<div class="columns">
<div class="panel"><h2>${say`Never recorded`}</h2><ul>
<li>${say`when, from where, or how often you log in or connect`}</li>
<li>${say`your address, the sites you visit, the names you look up`}</li>
<li>${say`how much of the traffic is yours: only each server's total is counted, in steps of 1 % of its bandwidth and five minutes`}</li>
</ul></div>
<div class="panel"><h2>${say`Yours to take or delete`}</h2><p>${say`In <a href="/member/settings">your account</a> you can see everything that is stored about you, as a page and as one file, and delete the account. What is deleted is overwritten at once.`}</p><p>${web.analytics === undefined ? say`No analytics run here, and no page loads anything from anybody else.` : say`No page loads anything from anybody else.`}</p></div>
</div>
${web.analytics !== undefined && analyticsPrivacy(say)}
${tables(say)}
<div class="panel"><h2>${say`What no provider can promise`}</h2><p>${say`A VPN hides your address from the sites you visit, and what you do from the network you are in. It does not hide you from a site that you log in to, and whoever watches both ends of the Internet at once may still compare what goes in with what comes out.`}</p></div>
${after}</article>`;
    return page(web, c, {
      title: "Privacy",
      section: "privacy",
      body,
      description: say.text("What {0} stores, what for, and how long", web.siteName),
    });
  });
}
