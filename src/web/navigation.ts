import { type Html, html } from "./html.ts";
import type { PageLanguage, Say } from "./languages/language.ts";
import type { SiteEnv } from "./options.ts";
import { FOOTER, NAVIGATION, type Section, type SitePage } from "./site-map.ts";
import type { Web } from "./web.ts";

/** Who sees a page, and how. */
export interface View {
  session: SiteEnv["Variables"]["session"];
  language: PageLanguage;
  /** Path and query under which the page is found, without the language's prefix. */
  path: string;
}

export type MemberTab = "overview" | "connect" | "settings";

const link = (href: string, text: string, current: boolean): Html =>
  html`<li><a href="${href}"${current && html` aria-current="page"`}>${text}</a></li>`;

/** What leads to the parts of the site. */
export function navigation(web: Web, { session, language: { say } }: View, section?: Section): Html {
  const own =
    session === undefined
      ? html`${link("/log-in", say.text("Log in"), section === "log-in")}${link("/sign-up", say.text("Sign up"), section === "sign-up")}`
      : html`${link("/member", say.text("Account"), section === "member")}
<li><form method="post" action="/log-out"><input type="hidden" name="token" value="${session.formToken}"><button>${say`Log out`}</button></form></li>`;
  return html`<nav aria-label="${say.text("Site")}"><ul class="parts">
${NAVIGATION.filter(({ path }) => web.has(path)).map((each) => link(each.path, say.text(each.text), section === each.section))}
</ul><ul class="own">
${own}
</ul></nav>`;
}

export const memberTabs = (
  say: Say,
  current: MemberTab,
): Html => html`<nav class="tabs" aria-label="${say.text("Your account")}"><div class="wrap"><ul>
${link("/member", say.text("Overview"), current === "overview")}${link("/member/connect", say.text("Get connected"), current === "connect")}${link("/member/settings", say.text("Settings"), current === "settings")}
</ul></div></nav>`;

const group = (web: Web, say: Say, title: string, pages: readonly SitePage[]): Html | false => {
  const there = pages.filter(({ path }) => web.has(path));
  return (
    there.length > 0 &&
    html`<nav aria-label="${say.text(title)}"><h2>${say.text(title)}</h2><ul>${there.map(({ path, text }) => html`<li><a href="${path}">${say.text(text)}</a></li>`)}</ul></nav>`
  );
};

/** The same page in the other languages. */
function languageLinks(web: Web, { language, path }: View): Html | false {
  const { say } = language;
  if (web.spoken.all.length === 0) return false;
  const links = web.spoken.all.map(({ tag, name }) =>
    tag === language.tag
      ? html`<li lang="${tag}" aria-current="true">${name}</li>`
      : html`<li><a hreflang="${tag}" lang="${tag}" href="/${tag}${path}">${name}</a></li>`,
  );
  return html`<nav class="languages" aria-label="${say.text("Language")}"><ul>${links}</ul></nav>`;
}

export function siteFooter(web: Web, view: View): Html {
  const { say } = view.language;
  return html`<footer><div class="wrap">
<div class="groups">${FOOTER.map(({ title, pages }) => group(web, say, title, pages))}</div>
${languageLinks(web, view)}
<div class="last"><p>${web.analytics === undefined ? say`No trackers, no analytics, nothing loaded from third parties.` : say`Nothing is loaded from third parties. Visits are counted of those alone who allow it.`}</p>
<p>${say`Runs on Lethe, free software under the AGPL.`}${web.sourceUrl !== undefined && html` <a href="${web.sourceUrl}">${say`Source`}</a>`}</p></div>
</div></footer>`;
}
