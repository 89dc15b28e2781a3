import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Page } from "playwright-core";
import { lab } from "../addresses.ts";
import { newVisitor, openVpnProfile, signUp, vpnCredentials } from "../member.ts";
import { OpenVpnClient } from "../openvpn-client.ts";
import { seenAddress } from "../probes.ts";
import type { Scene } from "../scene.ts";

/** What is for programs or to be saved: no page. */
const FILES = /\.(?:pac|ovpn|conf|zip)$|^\/(?:api|www|downloads)\//;

/** Follows every link of the site from `start` on; returns the paths of the pages seen. */
async function crawl(page: Page, site: string, start: string): Promise<string[]> {
  const seen = new Set<string>();
  const open = [start];
  const wrong: string[] = [];
  const foreign = new Set<string>();
  page.on("pageerror", (error) => wrong.push(`${page.url()}: ${error.message}`));
  page.on(
    "console",
    (message) => message.type() === "error" && wrong.push(`${page.url()}: ${message.text()}`),
  );
  page.on("request", (request) => {
    const { origin } = new URL(request.url());
    if (origin !== site && !request.url().startsWith("data:")) foreign.add(origin);
  });
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    const answer = await page.goto(`${site}${path}`);
    assert.equal(answer?.status(), 200, path);
    if (!(answer?.headers()["content-type"] ?? "").startsWith("text/html")) continue;
    assert.equal(await page.locator("h1").count(), 1, `${path} has one heading`);
    const hrefs = await page
      .locator("a[href]:not([download])")
      .evaluateAll((links) => links.map((link) => link.getAttribute("href") ?? ""));
    for (const href of hrefs) {
      const url = new URL(href, page.url());
      if (url.origin === site && !FILES.test(url.pathname)) open.push(url.pathname);
    }
  }
  assert.deepEqual(wrong, []);
  assert.deepEqual([...foreign], []);
  return [...seen].sort();
}

/** A person with nothing but a browser, a voucher and openvpn. */
export function personCases(scene: () => Scene): void {
  for (const javaScriptEnabled of [true, false]) {
    const how = javaScriptEnabled ? "with JavaScript" : "without JavaScript";
    describe(`a person ${how}`, () => {
      const name = javaScriptEnabled ? "ida.lab" : "jan.lab";

      test("reads every page that a visitor can reach", async () => {
        const context = await newVisitor(scene().browser, javaScriptEnabled);
        try {
          const paths = await crawl(await context.newPage(), scene().provider.siteAddress, "/");
          for (const path of ["/", "/status", "/privacy", "/sign-up", "/log-in"])
            assert.ok(paths.includes(path), path);
        } finally {
          await context.close();
        }
      });

      test("signs up with a voucher, downloads the profile, goes online, and sees the status page", async () => {
        const { world, provider, browser } = scene();
        const member = await signUp(
          browser,
          provider.siteAddress,
          name,
          await scene().voucher(),
          javaScriptEnabled,
        );
        try {
          const paths = await crawl(member.page, provider.siteAddress, "/member");
          for (const path of ["/member", "/member/connect", "/member/settings"])
            assert.ok(paths.includes(path), path);
          const vpn = { ...(await vpnCredentials(member)), profile: await openVpnProfile(member) };
          const client = OpenVpnClient.start(world.client2, world.folder, vpn);
          try {
            await client.online();
            assert.equal(await seenAddress(world.client2), lab.exit.v4);
            await member.page.goto(`http://${lab.internet.web4}/page`);
            assert.equal(await member.page.textContent("#ip"), lab.exit.v4, "in the browser too");
            await member.page.goto(`${provider.siteAddress}/status`);
            assert.match((await member.page.locator("main").textContent()) ?? "", /Labville/);
          } finally {
            await client.stop();
          }
        } finally {
          await member.page.context().close();
        }
      });

      test("a second account of the same name is refused in words", async () => {
        const { provider, browser } = scene();
        const context = await newVisitor(browser, javaScriptEnabled);
        try {
          const page = await context.newPage();
          await page.goto(`${provider.siteAddress}/sign-up`);
          await page.getByLabel("Username").fill(name);
          await page.getByLabel("Password").fill("some other long password");
          await page.getByRole("button", { name: "Create account" }).click();
          await page.locator("#name-error", { hasText: "This username is taken" }).waitFor();
          assert.equal(await page.getByLabel("Username").inputValue(), name, "what was typed is still there");
        } finally {
          await context.close();
        }
      });
    });
  }
}
