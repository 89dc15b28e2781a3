import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { openMessage } from "../../src/support/sealed-message.ts";
import { SUPPORT_IDENTITY } from "../../src/web/testkit.ts";
import { openBrowser, skip } from "./browser.ts";
import { type LiveSite, openLiveSite } from "./live-site.ts";
import { assertClean, overflow, watch } from "./looks.ts";

/** A letter and its answer in a real browser, with scripts and without; the pages that only forms lead to are looked at, too. */

let site: LiveSite;
let browser: Browser;

before(async () => {
  if (!skip) [site, browser] = await Promise.all([openLiveSite(), openBrowser()]);
});
after(async () => {
  await browser?.close();
  await site?.close();
});

const NUMBERS =
  "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty".split(
    " ",
  );

for (const javaScriptEnabled of [true, false])
  test(`a visitor writes, and reads and answers the answer (${javaScriptEnabled ? "with" : "without"} scripts)`, {
    skip,
  }, async () => {
    const { tickets } = site.bench.options.support;
    const context = await browser.newContext({
      baseURL: site.origin,
      viewport: { width: 360, height: 800 },
      javaScriptEnabled,
    });
    const findings = watch(context, site.origin);
    const page = await context.newPage();
    // axe itself is a script.
    const look = async () =>
      javaScriptEnabled ? assertClean(page) : assert.equal(await overflow(page), 0, page.url());
    await page.goto("/contact");
    await page.fill("#text", "My letter");
    if (javaScriptEnabled) assert.equal(await page.locator("#sum").count(), 0, "no sum is asked for");
    else {
      const [, a = "", b = ""] =
        /How much is (\w+) plus (\w+)\?/.exec((await page.textContent("label[for=sum]")) ?? "") ?? [];
      await page.fill("#sum", String(NUMBERS.indexOf(a) + NUMBERS.indexOf(b) + 2));
      site.clock.advance(10_000);
    }
    await page.click("main form button");
    await page.waitForSelector("#ticket-secret");
    await look();
    const number = (await page.textContent("#ticket-number")) ?? "";
    const secret = (await page.textContent("#ticket-secret")) ?? "";
    assert.equal(new URL(page.url()).search, "");
    const stored = await tickets.show(number);
    assert.match((await openMessage(stored!.sealed[0]!.body, [SUPPORT_IDENTITY])) ?? "", /My letter$/);
    await tickets.answer(number, "The answer");

    await page.goto("/ticket");
    await page.fill("#number", number);
    await page.fill("#secret", secret);
    await page.click("main form button");
    await page.waitForSelector(".letter.answer");
    await look();
    assert.match((await page.textContent(".letter.answer")) ?? "", /The answer/);
    await page.fill("#text", "Thank you");
    await page.click('form[action="/ticket/reply"] button');
    await page.waitForSelector(".notice");
    await page.click('form[action="/ticket/close"] button');
    await page.waitForSelector("text=The ticket is closed");
    assert.equal((await tickets.show(number))?.state, "closed");
    assert.deepEqual(findings, { consoleErrors: [], foreignRequests: [] });
    await context.close();
  });

test("what was typed and is refused stands there again, with the fault beside its field", {
  skip,
}, async () => {
  const context = await browser.newContext({ baseURL: site.origin, viewport: { width: 360, height: 800 } });
  const page = await context.newPage();
  await page.goto("/ticket");
  await page.fill("#number", "aaaaa-aaaaa");
  await page.fill("#secret", "bbbbb-bbbbb-bbbbb-bbbbb");
  await page.click("main form button");
  await page.waitForSelector("[role=alert]");
  assert.equal(await page.inputValue("#number"), "aaaaa-aaaaa");
  await assertClean(page);
  await context.close();
});
