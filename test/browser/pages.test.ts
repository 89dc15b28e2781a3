import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { PASSWORD } from "../../src/web/testkit.ts";
import { openBrowser, skip } from "./browser.ts";
import { addMember, type LiveSite, LONG_EMAIL, logIn, MEMBER, openLiveSite } from "./live-site.ts";
import { assertClean, axe, HEAVIEST_BYTES, overflow, watch, weigh } from "./looks.ts";

/** What people do on the pages, in a real browser; how each page looks is site.test.ts. */

const SCHEMES = ["light", "dark"] as const;
const WIDTHS = [1280, 360];

let site: LiveSite;
let browser: Browser;

before(async () => {
  if (skip) return;
  [site, browser] = await Promise.all([openLiveSite(), openBrowser()]);
  await addMember(site, { email: LONG_EMAIL });
});
after(async () => {
  await browser?.close();
  await site?.close();
});

const FLEET = 300;
const OF_A_FLEET = [
  "/",
  "/status",
  "/status?page=4",
  "/status?sort=load&country=DE",
  "/status?city=nowhere",
  "/status/reykjavik7",
  "/member/connect",
  "/member/connect/windows",
];

test("the pages of a fleet of hundreds are clean, light and no wider than a phone", { skip }, async () => {
  const fleet = await openLiveSite(FLEET);
  await addMember(fleet);
  try {
    for (const colorScheme of SCHEMES)
      for (const width of WIDTHS) {
        const context = await browser.newContext({
          baseURL: fleet.origin,
          colorScheme,
          viewport: { width, height: 800 },
        });
        const findings = watch(context, fleet.origin);
        const weights = weigh(context);
        const page = await context.newPage();
        for (const path of OF_A_FLEET) {
          if (path.startsWith("/member")) await logIn(page);
          await page.goto(path);
          // Long pages take axe seconds: each scheme once, and each width.
          if ((colorScheme === "light") === (width === WIDTHS[0]))
            assert.deepEqual(await axe(page), [], `${path}, ${colorScheme}, ${width} px`);
          assert.equal(await overflow(page), 0, `${path} is wider than ${width} px`);
        }
        await context.close();
        assert.deepEqual(findings.consoleErrors, []);
        assert.deepEqual(findings.foreignRequests, []);
        for (const [address, bytes] of weights)
          assert.ok(bytes > 0 && bytes < HEAVIEST_BYTES, `${address}: ${bytes} bytes`);
      }
  } finally {
    await fleet.close();
  }
});

test("a server is found among hundreds without JavaScript", { skip }, async () => {
  const fleet = await openLiveSite(FLEET);
  const context = await browser.newContext({
    baseURL: fleet.origin,
    javaScriptEnabled: false,
    viewport: { width: 360, height: 800 },
  });
  try {
    const page = await context.newPage();
    await page.goto("/status");
    await page.selectOption("#f-country", { label: "Iceland" });
    await page.fill("#f-city", "reykjavik");
    await page.selectOption("#f-state", { label: "up" });
    await page.selectOption("#f-sort", { label: "lowest load" });
    await page.getByRole("button", { name: "Show" }).click();
    await page.getByText(/^\d+ servers of 300\.$/).waitFor();
    const loads = await page.locator('td[data-label="Load"]').allTextContents();
    const known = loads
      .filter((text) => /\d/.test(text))
      .map((text) => (text.startsWith("under") ? 0 : parseInt(text, 10)));
    assert.ok(known.length > 10);
    assert.deepEqual(
      known,
      known.toSorted((a, b) => a - b),
    );
    assert.equal(await page.locator("#f-city").inputValue(), "reykjavik");
    await page.locator("table a").first().click();
    await page.getByRole("heading", { level: 1, name: /Reykjavík/ }).waitFor();
    await page.getByRole("link", { name: "All servers" }).click();
    await page.getByRole("link", { name: "More servers" }).click();
    await page.getByText("Page 2 of 4").waitFor();
  } finally {
    await context.close();
    await fleet.close();
  }
});

test("what forms answer are clean pages, too", { skip }, async () => {
  for (const colorScheme of SCHEMES) {
    const context = await browser.newContext({
      baseURL: site.origin,
      colorScheme,
      viewport: { width: 360, height: 800 },
    });
    const page = await context.newPage();
    await page.goto("/sign-up");
    await page.fill("#name", MEMBER);
    await page.fill("#password", "another password");
    await page.click("main button");
    await page.locator("#name-error", { hasText: "This username is taken" }).waitFor();
    await assertClean(page);
    await logIn(page);
    await page.getByRole("button", { name: "Show them" }).click();
    await page.waitForURL("**/member/credentials");
    await assertClean(page);
    await page.goto("/no-such-page");
    assert.deepEqual(await axe(page), []);
    await context.close();
  }
});

test("everything works without JavaScript, at the width of a phone", { skip }, async () => {
  const context = await browser.newContext({
    baseURL: site.origin,
    javaScriptEnabled: false,
    viewport: { width: 360, height: 800 },
  });
  const findings = watch(context, site.origin);
  const page = await context.newPage();
  await logIn(page);
  await page.getByRole("button", { name: "Show them" }).click();
  await page.waitForURL("**/member/credentials");
  assert.equal(await page.locator("#vpn-username").count(), 1);
  assert.equal(await page.locator("button[data-copy]:visible").count(), 0, "a button that does nothing");

  await page.goto("/member");
  await page.getByRole("button", { name: "Log out" }).click();
  await page.waitForURL(`${site.origin}/`);

  const [voucher] = await site.bench.vouchers.create({ days: 30, count: 1 });
  await page.getByRole("link", { name: "Create an account" }).first().click();
  await page.fill("#name", "no-script");
  await page.fill("#password", PASSWORD);
  await page.click("main button");
  await page.getByText("Your account is ready").waitFor();
  await page.fill("#voucher", voucher!);
  await page.getByRole("button", { name: "Redeem" }).click();
  await page.getByText("The voucher is counted").waitFor();

  await page.goto("/member/connect");
  const download = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download amsterdam1.ovpn" }).click();
  assert.equal((await download).suggestedFilename(), "amsterdam1.ovpn");

  await page.locator(".systems").getByRole("link", { name: "Linux", exact: true }).click();
  await page.selectOption("#c-level", { label: "ads and trackers" });
  await page.selectOption("#c-via", { label: "Zürich, Switzerland (zurich2)" });
  await page.selectOption("#c-server", { label: "Amsterdam, Netherlands (amsterdam1)" });
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await page.getByText("Two hops: zurich2 sees your address").waitFor();
  const guarded = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download the files (zip)" }).first().click();
  assert.equal((await guarded).suggestedFilename(), "amsterdam1-openvpn-guarded.zip");

  await page.goto("/member/settings");
  await page.fill("#delete-password", PASSWORD);
  await page.getByRole("button", { name: "Delete this account" }).click();
  await page.getByText("This account is gone").waitFor();
  await context.close();
  // The last page is a 404, which the browser itself writes to the console.
  assert.deepEqual(
    findings.consoleErrors.filter((text) => !text.includes("404")),
    [],
  );
  assert.deepEqual(findings.foreignRequests, []);
});

test("the status page shows new figures by itself, and says when it cannot get any", { skip }, async () => {
  const context = await browser.newContext({ baseURL: site.origin });
  const page = await context.newPage();
  await page.clock.install();
  await page.goto("/status");
  await page.getByText("updates by itself").waitFor();
  const load = page.locator("#server-amsterdam1 dd").first();
  assert.match((await load.textContent())!, /^30 %/);

  site.clock.advance(300_000);
  const slot = Math.floor(site.clock.now() / 300_000) - 1;
  const services = [{ service: "openvpn", healthy: true }] as const;
  const taken = await site.bench.status.accept({
    kind: "totals",
    protocol: 2,
    server: "amsterdam1",
    slot,
    inPercent: 0,
    outPercent: 0,
    services: [...services],
  });
  assert.ok(taken.ok);
  await page.clock.runFor(61_000);
  await page.locator("#server-amsterdam1 dd", { hasText: "under 1 %" }).first().waitFor();

  await context.setOffline(true);
  await page.clock.runFor(61_000);
  await page.getByText("does not answer at the moment").waitFor();
  await context.close();
});

test("a copied value is what stands there, and a button can be pressed by keyboard", { skip }, async () => {
  const context = await browser.newContext({
    baseURL: site.origin,
    permissions: ["clipboard-read", "clipboard-write"],
  });
  const page = await context.newPage();
  await logIn(page);
  await page.getByRole("button", { name: "Show them" }).click();
  const username = await page.locator("#vpn-username").textContent();
  await page.getByRole("button", { name: "Copy VPN username" }).focus();
  await page.keyboard.press("Enter");
  await page.getByText("Copied").waitFor();
  assert.equal(await page.evaluate<string>("navigator.clipboard.readText()"), username);
  await context.close();
});
