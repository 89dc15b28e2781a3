import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { openBrowser, skip } from "./browser.ts";
import { crawl, type Found } from "./crawl.ts";
import { addMember, type LiveSite, LONG_EMAIL, logIn, openLiveSite } from "./live-site.ts";
import { axe, HEAVIEST_BYTES, overflow, watch } from "./looks.ts";

/**
 * Every page that links lead to, as a visitor and as a member, in a real browser: light and wide, dark and as narrow as a phone, and
 * without JavaScript. Held against WCAG 2.2 AA by axe-core; no error on the console, no request to anybody else, no sideways scrolling.
 */

/** Two cores make no more of it. */
const AT_ONCE = 3;
/** Articles are all made the same way: axe-core looks at so many; their headings and tables are looked at anyway. */
const ARTICLES = 8;

let site: LiveSite;
let browser: Browser;
let visitors: Found[];
let members: Found[];
let dead: string[];
let cookie: string;

before(async () => {
  if (skip) return;
  [site, browser] = await Promise.all([openLiveSite(), openBrowser()]);
  await addMember(site, { email: LONG_EMAIL });
  const context = await browser.newContext({ baseURL: site.origin });
  const page = await context.newPage();
  await logIn(page);
  cookie = (await context.cookies()).map(({ name, value }) => `${name}=${value}`).join("; ");
  await context.close();
  const open = await crawl(site.origin, ["/"]);
  visitors = open.found;
  // What a visitor sees, too, looks the same to a member but for the navigation.
  const theirs = await crawl(site.origin, ["/member", "/member/devices"], cookie);
  members = theirs.found.filter(({ path }) => !visitors.some((each) => each.path === path));
  dead = [...open.dead, ...theirs.dead];
});
after(async () => {
  await browser?.close();
  await site?.close();
});

const cookiesOf = (text: string) =>
  text.split("; ").map((pair) => {
    const at = pair.indexOf("=");
    return { name: pair.slice(0, at), value: pair.slice(at + 1), url: site.origin };
  });

/** Whether it is one of the articles that are not looked at so closely. */
const isMoreOfTheSame = (path: string): boolean =>
  visitors
    .filter((each) => each.path.startsWith("/help/"))
    .slice(ARTICLES)
    .some((each) => each.path === path);

/** Opens each page, as who may see it, several at one time. */
async function onEveryPage(
  options: Parameters<Browser["newContext"]>[0],
  look: (page: Awaited<ReturnType<BrowserContext["newPage"]>>, path: string) => Promise<void>,
): Promise<{ consoleErrors: string[]; foreignRequests: string[] }> {
  const consoleErrors: string[] = [];
  const foreignRequests: string[] = [];
  for (const [found, own] of [
    [visitors, ""],
    [members, cookie],
  ] as const) {
    const context = await browser.newContext({ baseURL: site.origin, ...options });
    if (own !== "") await context.addCookies(cookiesOf(own));
    const findings = watch(context, site.origin);
    const queue = [...found];
    const work = async () => {
      const page = await context.newPage();
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        await page.goto(next.path);
        await look(page, next.path);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    await context.close();
    consoleErrors.push(...findings.consoleErrors);
    foreignRequests.push(...findings.foreignRequests);
  }
  return { consoleErrors, foreignRequests };
}

test("the links of the site lead to pages, and to all parts of it", { skip }, () => {
  assert.deepEqual(dead, []);
  const paths = visitors.map(({ path }) => path);
  for (const path of ["/", "/how-it-works", "/status", "/pricing", "/order", "/help", "/about"])
    assert.ok(paths.includes(path), path);
  for (const path of [
    "/privacy",
    "/terms",
    "/personal-use",
    "/fair-use",
    "/refunds",
    "/cancellation",
    "/check",
  ])
    assert.ok(paths.includes(path), path);
  const own = members.map(({ path }) => path);
  for (const path of ["/member", "/member/connect", "/member/devices", "/member/settings"])
    assert.ok(own.includes(path), path);
});

test("every page is light, says what it is, and has one heading of its own", { skip }, () => {
  for (const { path, bytes, markup } of [...visitors, ...members]) {
    assert.ok(bytes < HEAVIEST_BYTES, `${path}: ${bytes} bytes`);
    assert.equal(markup.match(/<h1[ >]/g)?.length, 1, path);
    assert.match(markup, /<title>[^<]+<\/title>/, path);
    const levels = [...markup.matchAll(/<h([1-6])[ >]/g)].map(([, level]) => Number(level));
    for (const [index, level] of levels.entries())
      assert.ok(
        level <= (levels[index - 1] ?? 0) + 1 || index === 0,
        `${path}: h${level} after h${levels[index - 1]}`,
      );
    assert.ok(!/<th[^>]*>\s*<\/th>/.test(markup), `${path}: a table's heading without text`);
    assert.ok(!/ style=| on[a-z]+="/.test(markup), `${path} has what the page's own policy refuses`);
  }
  // A list in another order is the same page.
  const pages = visitors.filter(({ path }) => !path.includes("?"));
  const titles = pages.map(({ markup }) => /<title>([^<]+)</.exec(markup)![1]!);
  assert.deepEqual(
    titles.filter((title, index) => titles.indexOf(title) !== index),
    [],
  );
});

for (const [colorScheme, width] of [
  ["light", 1280],
  ["dark", 360],
] as const) {
  test(`every page is clean: ${colorScheme}, ${width} px`, { skip }, async () => {
    const wrong: string[] = [];
    const findings = await onEveryPage(
      { colorScheme, viewport: { width, height: 800 } },
      async (page, path) => {
        for (const each of isMoreOfTheSame(path) ? [] : await axe(page)) wrong.push(`${path}: ${each}`);
        const wider = await overflow(page);
        if (wider > 0) wrong.push(`${path} is ${wider} px wider than the window`);
      },
    );
    assert.deepEqual(wrong, []);
    assert.deepEqual(findings.consoleErrors, []);
    assert.deepEqual(findings.foreignRequests, []);
  });
}

/** What the browser makes of a property of all that fit a selector: each value once. */
const styleOf = (page: Page, selector: string, property: string): Promise<string[]> =>
  page.evaluate(
    `[...new Set([...document.querySelectorAll(${JSON.stringify(selector)})].map((each) => getComputedStyle(each).getPropertyValue(${JSON.stringify(property)})))]`,
  );

test("the terms are printed whole, without what only leads elsewhere", { skip }, async () => {
  const context = await browser.newContext({ baseURL: site.origin });
  const page = await context.newPage();
  await page.goto("/terms");
  const elsewhere = page.locator(".top nav, footer, form, .tabs");
  const rules = page.locator("li[id^=rule-]");
  assert.ok((await elsewhere.filter({ visible: true }).count()) >= 2, "on the screen they are there");
  await page.emulateMedia({ media: "print" });
  assert.equal(await elsewhere.filter({ visible: true }).count(), 0);
  assert.ok((await rules.count()) > 5);
  assert.equal(await rules.filter({ visible: true }).count(), await rules.count());
  assert.ok(await page.locator("h1").isVisible());
  // No rule is torn over two sheets, and no panel prints as a grey box.
  assert.deepEqual(await styleOf(page, "li[id^=rule-]", "break-inside"), ["avoid"]);
  assert.deepEqual(await styleOf(page, ".rules-page .panel", "border-top-width"), ["0px"]);
  assert.deepEqual(await styleOf(page, ".rules-page .panel", "background-color"), ["rgba(0, 0, 0, 0)"]);
  await context.close();
});

test("without JavaScript, on a phone, every page shows what it has and no button that does nothing", {
  skip,
}, async () => {
  const wrong: string[] = [];
  const findings = await onEveryPage(
    { javaScriptEnabled: false, viewport: { width: 360, height: 800 } },
    async (page, path) => {
      if ((await page.locator("button[data-copy]:visible").count()) > 0)
        wrong.push(`${path}: a button that does nothing`);
      if (!(await page.locator("h1").isVisible())) wrong.push(`${path}: no heading`);
      const wider = await overflow(page);
      if (wider > 0) wrong.push(`${path} is ${wider} px wider than the window`);
    },
  );
  assert.deepEqual(wrong, []);
  assert.deepEqual(findings.consoleErrors, []);
  assert.deepEqual(findings.foreignRequests, []);
});
