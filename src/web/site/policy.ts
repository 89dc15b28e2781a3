import type { Context, Hono } from "hono";
import { rulesOf } from "../../policy/all-rules.ts";
import type { PolicyPage, StatedRule } from "../../policy/rule.ts";
import { type Html, html } from "../html.ts";
import { type Say, sentence } from "../languages/language.ts";
import { sayIn } from "../languages/page-language.ts";
import { page } from "../layout.ts";
import type { SiteEnv } from "../options.ts";
import { ownText } from "../own-texts.ts";
import { subscriptionsAt } from "../paypal-link.ts";
import { policyNow } from "../policy-values.ts";
import type { Web } from "../web.ts";

interface RulePage {
  page: Exclude<PolicyPage, "privacy">;
  title: string;
  description: string;
  introduction: (say: Say) => Html;
  /** Where one goes on to. */
  onward?: (say: Say, web: Web) => Html | false;
}

/** Each rule with an anchor of its own: an answer that names one can lead to it. */
export const ruleList = (say: Say, rules: readonly StatedRule[]): Html =>
  html`<ol class="rules">${rules.map(({ id, sentence }) => html`<li id="rule-${id}">${say.text(sentence)}</li>`)}</ol>`;

const PAGES: readonly RulePage[] = [
  {
    page: "terms",
    title: "Terms",
    description: sentence("What holds between the service and its members"),
    introduction: (say) =>
      say`<p class="lead">What holds between you and us. The program that runs the service is made from the same rules: it cannot do otherwise than this page says.</p>`,
    onward: (say) =>
      say`<p>They go on in <a href="/personal-use">Personal use</a>, <a href="/fair-use">Fair use</a>, <a href="/refunds">Refunds</a>, <a href="/cancellation">Cancellation</a> and the <a href="/privacy">Privacy policy</a>.</p>`,
  },
  {
    page: "personal-use",
    title: "Personal use",
    description: sentence("Who may use an account, and on how many devices"),
    introduction: (say) => say`<p class="lead">One account, one person, all of that person’s devices.</p>`,
  },
  {
    page: "refunds",
    title: "Refunds",
    description: sentence("When a purchase is given back, and when it is not"),
    introduction: (say) =>
      say`<p class="lead">Whether a purchase is given back is decided by these rules alone, and each answer names the one that decided.</p>`,
    onward: (say, web) =>
      web.has("/refund") && say`<p><a class="button" href="/refund">Claim a refund</a></p>`,
  },
  {
    page: "cancellation",
    title: "Cancellation",
    description: sentence("How an account ends, and how a subscription is cancelled"),
    introduction: (say) =>
      say`<p class="lead">Nothing has to be cancelled but a PayPal subscription, and that at PayPal.</p>`,
    // Also while none is sold: one that was bought before may still run.
    onward: (say, web) =>
      web.policy.methods.includes("paypal-subscription") &&
      say`<section class="panel"><h2>How to cancel at PayPal</h2><ol><li>Open <a href="${subscriptionsAt(web)}" rel="noopener noreferrer">your automatic payments at PayPal</a> (in PayPal’s app: Wallet, Automatic payments).</li><li>Choose this service, and cancel.</li></ol><p>PayPal tells us that nothing more will come; your account runs to its paid end. You need not write to us.</p></section>`,
  },
  {
    page: "fair-use",
    title: "Fair use",
    description: sentence("What there is no limit of, and how a server is shared"),
    introduction: (say) => say`<p class="lead">Use as much as you need, where there is room for it.</p>`,
    onward: (say) => say`<p><a href="/status">See all servers and their load</a></p>`,
  },
];

async function show(
  web: Web,
  c: Context<SiteEnv>,
  { page: name, title, description, introduction, onward }: RulePage,
): Promise<Response> {
  const say = sayIn(c);
  const { before, after } = ownText(web, c, name, introduction(say));
  const body = html`<article class="rules-page"><h1>${say.text(title)}</h1>
${before}
<section class="panel">${ruleList(say, rulesOf(name, await policyNow(web)))}</section>
${after}
${onward?.(say, web)}</article>`;
  return page(web, c, { title, body, description: say.text(description) });
}

/** Terms and its sisters: pages made of the rules that the program acts by. */
export function addPolicy(app: Hono<SiteEnv>, web: Web): void {
  for (const each of PAGES) app.get(`/${each.page}`, (c) => show(web, c, each));
}
