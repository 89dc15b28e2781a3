import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { MailLinks } from "../../src/accounts/mail-links.ts";
import type { Visit } from "../../src/analytics/collector.ts";
import type { Letter } from "../../src/mail/letter.ts";
import { PASSWORD } from "../../src/web/testkit.ts";
import { openBrowser, skip } from "./browser.ts";
import { type LiveSite, LONG_EMAIL, openLiveSite } from "./live-site.ts";
import { axe, HEAVIEST_BYTES, overflow, watch, weigh } from "./looks.ts";

/** The pages that links in letters lead to, and the banner of analytics: no other page leads to them. */

const ORIGIN = "https://vpn.example.net";

let site: LiveSite;
let browser: Browser;
const letters: Letter[] = [];
const visits: Visit[] = [];

before(async () => {
  if (skip) return;
  let links: MailLinks | undefined;
  [site, browser] = await Promise.all([
    openLiveSite(0, {
      mail: {
        origin: ORIGIN,
        get links() {
          links ??= new MailLinks({
            accounts: site.bench.accounts,
            clock: site.clock,
            secret: new Uint8Array(32).fill(3),
          });
          return links;
        },
        async enqueue(letter) {
          letters.push(letter);
          return { ok: true, value: undefined };
        },
      },
      analytics: {
        origin: ORIGIN,
        async visit(visit) {
          visits.push(visit);
        },
      },
    }),
    openBrowser(),
  ]);
});
after(async () => {
  await browser?.close();
  await site?.close();
});

/** The page that the last letter leads to, at this site. */
const linked = (): string => letters.at(-1)!.text.match(/https:\/\/vpn\.example\.net(\/\S+)/)![1]!;

async function looked(page: Page): Promise<void> {
  assert.deepEqual(await axe(page), [], page.url());
  for (const width of [1280, 360]) {
    await page.setViewportSize({ width, height: 800 });
    assert.equal(await overflow(page), 0, `${page.url()} at ${width} px`);
  }
}

test("signing up, confirming the address and resetting the password", { skip }, async () => {
  const context = await browser.newContext({ baseURL: site.origin, colorScheme: "dark" });
  const findings = watch(context, site.origin);
  const weights = weigh(context);
  const page = await context.newPage();
  const press = async (text: string) => {
    await page.getByRole("button", { name: text }).click();
    await page.waitForLoadState();
  };
  await page.goto("/sign-up");
  await looked(page);
  await page.fill("#name", "otter");
  await page.fill("#password", PASSWORD);
  await page.fill("#email", LONG_EMAIL);
  await press("Create account");
  await page.waitForURL("**/member*");
  await page.goto("/member/settings");
  await looked(page);
  await page.goto(linked());
  await looked(page);
  await press("Yes, confirm it");
  await looked(page);
  assert.equal((await site.bench.accounts.byName("otter"))?.emailVerified, true);
  await page.goto("/member/settings");
  await page.getByText("confirmed", { exact: true }).waitFor();
  await context.clearCookies();

  await page.goto("/log-in");
  await page.getByRole("link", { name: "Forgot your password?" }).click();
  await looked(page);
  await page.fill("#email", LONG_EMAIL);
  await press("Send the link");
  await looked(page);
  for (let tries = 0; letters.length < 2 && tries < 1500; tries++) await page.waitForTimeout(20);
  await page.goto(linked());
  await looked(page);
  await press("Go on");
  await looked(page);
  await page.fill("#new", "too short");
  await press("Set the password");
  await page.locator("#new[aria-invalid]").waitFor();
  await looked(page);
  await page.fill("#new", "wholly other words");
  await press("Set the password");
  await page.waitForURL("**/log-in?why=reset");
  await page.goto(linked());
  assert.equal(await page.textContent("h1"), "This link is over");
  await looked(page);
  assert.ok(await site.bench.accounts.logIn("otter", "wholly other words"));
  await context.close();
  // 422 and 410 are what these pages mean; Chromium tells of both.
  assert.deepEqual(
    findings.consoleErrors.filter((text) => !/status of (422|410)/.test(text)),
    [],
  );
  assert.deepEqual(findings.foreignRequests, []);
  for (const [address, bytes] of weights) assert.ok(bytes <= HEAVIEST_BYTES, `${address}: ${bytes}`);
});

test("the banner of analytics asks without JavaScript, and takes a no", { skip }, async () => {
  const looks = await browser.newContext({ baseURL: site.origin });
  const seen = await looks.newPage();
  for (const path of ["/", "/pricing", "/analytics", "/privacy"]) {
    await seen.goto(path);
    await looked(seen);
  }
  await looks.close();

  const context = await browser.newContext({ baseURL: site.origin, javaScriptEnabled: false });
  const findings = watch(context, site.origin);
  const page = await context.newPage();
  const banner = page.getByRole("region", { name: "Analytics" });
  visits.length = 0;
  await page.goto("/");
  await banner.getByRole("button", { name: "Count my visits" }).click();
  await page.waitForLoadState();
  assert.equal(await banner.count(), 0);
  await page.goto("/pricing");
  assert.deepEqual(
    visits.map(({ location }) => location),
    [`${ORIGIN}/`, `${ORIGIN}/pricing`],
  );
  await page.goto("/analytics");
  await page.getByRole("button", { name: "Do not count me" }).click();
  await page.waitForLoadState();
  await page.goto("/pricing");
  assert.equal(await banner.count(), 0);
  assert.equal(visits.length, 2);
  await context.close();
  assert.deepEqual(findings, { consoleErrors: [], foreignRequests: [] });
});
