import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Language, Sentence } from "../../src/web/languages/language.ts";
import { signedUp, tokenOf } from "../../src/web/testkit.ts";
import { crawl, type Found } from "./crawl.ts";
import { type LiveSite, openLiveSite } from "./live-site.ts";

/** The whole site in a made-up second language, in which every sentence stands between brackets. */

class Brackets extends Map<string, Sentence> {
  override readonly size = 1;
  override get = (sentence: string): string => `⟦${sentence}⟧`;
}
const MADE_UP: Language = { tag: "qaa", name: "Bracketed", sentences: new Brackets() };

/** Pages whose every word can be translated; what stands on others besides the layout may be English still (docs/operating.md). */
const WHOLE = [
  "/",
  "/how-it-works",
  "/about",
  "/pricing",
  "/order",
  "/sign-up",
  "/log-in",
  "/forgot-password",
  "/reset-password?link=old",
  "/confirm-email?link=old",
  "/analytics",
  "/contact",
  "/ticket",
  "/privacy",
  "/terms",
  "/personal-use",
  "/refunds",
  "/cancellation",
  "/fair-use",
  "/no-such-page",
];
const WHOLE_TO_MEMBERS = [
  "/member",
  "/member?done=voucher",
  "/member/settings",
  "/member/settings?done=password",
  "/member/everything",
];
/** Names that are the same in every language. */
const NAMES =
  /Example Collective|Bracketed|English|API|accounts\.\w+|Amsterdam|Reykjavík|Santiago de Chile|Zürich|OpenVPN|GB|\d+ %|€[\d.]+/g;

let site: LiveSite;
let pages: Found[];

before(async () => {
  const analytics = { origin: "https://vpn.example.net", visit: async () => undefined };
  site = await openLiveSite(0, { languages: [MADE_UP], analytics });
  pages = (await crawl(site.origin, ["/qaa/"])).found;
});
after(() => site?.close());

/** The words of a page that no sentence said. */
function unsaid(markup: string): string[] {
  const text = markup
    .replace(/<head>[\s\S]*<\/head>/, "")
    // Values are not said: what is stored, and when it was.
    .replace(/<(code|time)\b[^>]*>[^<]*<\/\1>/g, " ")
    .replace(/<[^>]*>/g, " ");
  let depth = 0;
  let left = "";
  for (const letter of text) {
    if (letter === "⟦") depth++;
    else if (letter === "⟧") depth--;
    else if (depth === 0) left += letter;
  }
  return (
    left
      .replace(/&#?\w+;/g, " ")
      .replace(NAMES, " ")
      .match(/\p{L}{2,}/gu) ?? []
  );
}

test("a member's overview and settings are said whole, paid and not paid", async () => {
  const member = await signedUp(site.bench, "reader");
  const cookie = [...member.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  const { id } = (await site.bench.accounts.byName("reader"))!;
  for (const days of [0, 30]) {
    if (days > 0) await site.bench.accounts.extend(id, days);
    for (const path of WHOLE_TO_MEMBERS) {
      const answer = await fetch(`${site.origin}/qaa${path}`, { headers: { cookie }, redirect: "manual" });
      assert.equal(answer.status, 200, path);
      assert.deepEqual(unsaid(await answer.text()), [], `${path}, ${days} days`);
    }
  }
  const overview = await (await fetch(`${site.origin}/qaa/member`, { headers: { cookie } })).text();
  const credentials = await fetch(`${site.origin}/qaa/member/credentials`, {
    method: "POST",
    headers: { cookie, origin: site.origin },
    body: new URLSearchParams({ token: tokenOf(overview, "/qaa/member/credentials") }),
  });
  assert.equal(credentials.status, 200);
  assert.deepEqual(unsaid(await credentials.text()), []);
});

test("every link leads on in the language that the first address had", () => {
  assert.ok(pages.length > 20);
  // The other language's own links lead to the same page in it, and from there on.
  const others = pages.filter(({ path }) => !/^\/(qaa|en)\//.test(path));
  assert.deepEqual(
    others.map(({ path }) => path),
    [],
  );
  for (const { path, markup } of pages)
    assert.match(markup, new RegExp(`<html lang="${path.startsWith("/en/") ? "en" : "qaa"}">`), path);
});

test("the layout and the pages that everybody reads first are said in the language whole", async () => {
  for (const path of WHOLE) {
    const markup = await (await fetch(`${site.origin}/qaa${path}`)).text();
    assert.deepEqual(unsaid(markup), [], path);
  }
  for (const { path, markup } of pages.filter((each) => each.path.startsWith("/qaa/"))) {
    const layout = markup.replace(/<main[\s\S]*<\/main>/, "");
    assert.deepEqual(unsaid(layout), [], path);
  }
});
