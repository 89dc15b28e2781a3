import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { openBrowser, skip } from "./browser.ts";
import { type LiveSite, openLiveSite } from "./live-site.ts";
import { axe, HEAVIEST_BYTES, overflow, watch, weigh } from "./looks.ts";

/** The pages of buying that only forms lead to, in a real browser. Every way to pay is clicked through by demo.test.ts. */

let site: LiveSite;
let browser: Browser;

before(async () => {
  if (!skip) [site, browser] = await Promise.all([openLiveSite(), openBrowser()]);
});
after(async () => {
  await browser?.close();
  await site?.close();
});

for (const [width, colorScheme] of [
  [1280, "light"],
  [360, "dark"],
] as const)
  test(`orders, receipts and their errors at ${width} px, ${colorScheme}`, { skip }, async () => {
    const { vouchers } = site.bench;
    const [half = "", all = ""] = [
      ...(await vouchers.create({ percent: 50, uses: 9, count: 1 })),
      ...(await vouchers.create({ percent: 100, uses: 1, count: 1 })),
    ];
    const context = await browser.newContext({
      baseURL: site.origin,
      viewport: { width, height: 800 },
      colorScheme,
    });
    const findings = watch(context, site.origin);
    const weights = weigh(context);
    const page = await context.newPage();
    const looksGood = async (heading: string) => {
      assert.equal(await page.textContent("h1"), heading);
      assert.deepEqual(await axe(page), [], heading);
      assert.ok((await overflow(page)) <= 0, `${heading}: wider than the window`);
      await shoot(page, `${width}-${heading}`);
    };

    await page.goto("/order?plan=180days");
    await looksGood("Buy");
    await page.fill("#coupon", "no such coupon");
    await page.click("text=What does it cost");
    await looksGood("Buy");
    assert.ok(await page.isVisible("#coupon-error"));
    await page.fill("#coupon", half);
    await page.click("text=What does it cost");
    await looksGood("Buy");
    assert.match((await page.textContent("main .notice")) ?? "", /€13.50 instead of €27.00/);

    await page.check("#method-cash");
    await page.fill("#coupon", "");
    await page.click("text=Order and pay");
    await looksGood("Cash by mail");

    await page.goto("/order");
    await page.check("#method-cash");
    await page.fill("#coupon", all);
    await page.click("text=Order and pay");
    await looksGood("Thank you");
    const receipt = (await page.textContent("#receipt")) ?? "";
    assert.match((await page.textContent(".code")) ?? "", /^[a-z2-7]{5}(-[a-z2-7]{5}){3}$/);

    await page.goto("/receipt");
    await page.fill("#receipt", receipt);
    await page.click("main form button");
    await looksGood("Check a receipt");
    assert.ok(await page.isVisible("text=genuine"));
    await page.fill("#receipt", receipt.replace(/.{6}\.$/, "AAAAAA."));
    await page.click("main form button");
    await looksGood("Check a receipt");
    assert.match((await page.textContent("[role=alert]")) ?? "", /was altered/);
    await page.goto("/order/cancelled");
    await looksGood("Nothing was paid");

    assert.deepEqual(
      findings.consoleErrors.filter((text) => !/status of 422/.test(text)),
      [],
    );
    assert.deepEqual(findings.foreignRequests, []);
    for (const [address, bytes] of weights) assert.ok(bytes <= HEAVIEST_BYTES, `${address}: ${bytes} bytes`);
    await context.close();
  });

/** With LETHE_SHOTS a folder, each page is left there as a picture. */
async function shoot(page: Page, name: string): Promise<void> {
  const folder = process.env.LETHE_SHOTS;
  if (folder !== undefined)
    await page.screenshot({ path: `${folder}/${name.replaceAll(" ", "-")}.png`, fullPage: true });
}
