import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { serve } from "@hono/node-server";
import type { Browser, Page } from "playwright-core";
import { CheckSightings } from "../../src/office/check/sightings.ts";
import { type Bench, openBench } from "../../src/web/testkit.ts";
import { openBrowser, skip } from "./browser.ts";
import { assertClean } from "./looks.ts";

/** "Am I protected?" in a real browser. Who asks for the page's name is played here: whatever the browser has looked up. */

const NAME = "seen.example.net";
/** Whose address the visitor has, and whose the resolver. */
let from = "192.0.2.10";
let resolver = "192.0.2.10";
/** What the site answers at its name for the other version of IP; undefined: nobody gets there. */
let other: { address?: string; ours?: string; error?: string } | undefined;
const sightings = new CheckSightings(new Uint8Array(32));

let bench: Bench;
let browser: Browser;
let origin: string;
let server: ReturnType<typeof serve>;

before(async () => {
  if (skip) return;
  bench = await openBench({
    clientAddress: () => from,
    check: {
      ownServer: "amsterdam1",
      origins: { ipv6: "http://v6.example.net", ipv4: "http://v4.example.net" },
      stun: ["127.0.0.1:9"],
      dns: { name: NAME, issue: () => sightings.issue(), seen: (token) => sightings.seen(token) },
    },
  });
  server = serve({ fetch: bench.app.fetch, hostname: "127.0.0.1", port: 0 });
  await new Promise((resolve) => server.once("listening", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  if (server !== undefined) {
    if ("closeAllConnections" in server) server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  await bench?.close();
});

async function open(options: object = {}): Promise<{ page: Page; foreign: string[] }> {
  const context = await browser.newContext({
    baseURL: origin,
    viewport: { width: 360, height: 800 },
    ...options,
  });
  const foreign: string[] = [];
  context.on("request", (request) => {
    if (request.url().startsWith(origin)) return;
    foreign.push(request.url());
    const token = new RegExp(`^https://([a-z2-7]{26})\\.${NAME}/$`).exec(request.url())?.[1];
    if (token !== undefined) sightings.note({ token, address: resolver });
  });
  const page = await context.newPage();
  await playOther(page);
  await page.goto("/check");
  return { page, foreign };
}

/** No name of the page's leads anywhere here: what stands behind them is played. */
async function playOther(page: Page): Promise<void> {
  await page.route(/^http:\/\/v[46]\.example\.net\//, (route) =>
    other === undefined
      ? route.abort("addressunreachable")
      : route.fulfill({ json: other, headers: { "access-control-allow-origin": "*" } }),
  );
}

test("an IPv6 address past the tunnel makes a Yes by IPv4 a No, and one that is a server's or none at all makes it whole", {
  skip,
}, async () => {
  [from, resolver] = ["192.0.2.10", "192.0.2.10"];
  for (const [answer, verdict, row, looks] of [
    [
      { address: "2001:db8:ffff::7" },
      /^No: by IPv6 websites see the address below/,
      "none of our servers",
      "bad",
    ],
    [{ address: "2001:db8::10", ours: "Amsterdam" }, /^Yes: websites see our server/, "our server in", ""],
    [undefined, /^Yes: websites see our server in Amsterdam/, "nothing gets out", ""],
  ] as const) {
    other = answer;
    const { page, foreign } = await open();
    await page.locator("#other", { hasText: row }).waitFor();
    assert.match((await page.locator("#verdict").textContent())!.trim(), verdict);
    assert.equal(await page.locator("#verdict.bad").count(), looks === "bad" ? 1 : 0);
    assert.deepEqual(
      foreign.filter((url) => !url.includes(NAME)),
      ["http://v6.example.net/check/address"],
    );
    await assertClean(page);
    await page.context().close();
  }
  other = undefined;
});

test("what answers by IPv6 and does not tell by whom it was asked makes no Yes whole", { skip }, async () => {
  [from, resolver] = ["192.0.2.10", "192.0.2.10"];
  for (const answer of [{ error: "busy" }, { address: "" }, { address: "192.0.2.10", ours: "Amsterdam" }]) {
    other = answer;
    const { page } = await open();
    await page.locator("#other", { hasText: "does not say" }).waitFor();
    assert.match(
      (await page.locator("#verdict > p").textContent())!,
      /^Yes, by IPv4: .* By IPv6: see below\.$/,
    );
    await assertClean(page);
    await page.context().close();
  }
  other = undefined;
});

test("a member of the office's own machine, whose client goes to it past the tunnel by IPv4, is not told Yes by it, nor No", {
  skip,
}, async () => {
  [from, resolver] = ["fd6c:6574:6865:a000::5", "192.0.2.10"];
  other = { address: "198.51.100.7" };
  const { page } = await open();
  await page.locator("#other", { hasText: "none of our servers" }).waitFor();
  assert.match(
    (await page.locator("#verdict.warn").textContent())!.trim(),
    /^Yes, by IPv6\. By IPv4 your device/,
  );
  await assertClean(page);
  await page.context().close();
  other = undefined;
});

for (const colorScheme of ["light", "dark"])
  test(`behind a server the page says so, and who resolves names: ${colorScheme}`, { skip }, async () => {
    [from, resolver] = ["192.0.2.10", "192.0.2.10"];
    const { page, foreign } = await open({ colorScheme });
    await page.getByText("websites see our server in Amsterdam").waitFor();
    await page.locator("#dns li", { hasText: "our server in Amsterdam" }).waitFor();
    await page.locator("#webrtc", { hasNotText: "asking" }).waitFor();
    assert.match((await page.locator("#webrtc").textContent())!, /no address|nothing/);
    assert.equal(await page.locator("#leak:visible").count(), 0);
    await assertClean(page);
    assert.deepEqual(
      foreign.map((url) => new URL(url).hostname.replace(/^[a-z2-7]{26}\./, "")).sort(),
      [NAME, "v6.example.net"],
      "names of the operator's own, and nobody else's",
    );
    await page.context().close();
  });

test("a resolver of somebody else's is named as that, and a visitor without a server is told so", {
  skip,
}, async () => {
  [from, resolver] = ["198.51.100.7", "203.0.113.53"];
  const { page } = await open();
  await page.getByText("you come here directly").waitFor();
  await page.locator("#dns li", { hasText: "203.0.113.53: none of our servers" }).waitFor();
  await assertClean(page);
  await page.context().close();
});

test("an address that WebRTC shows beside the server's is a leak", { skip }, async () => {
  [from, resolver] = ["192.0.2.10", "192.0.2.10"];
  const context = await browser.newContext({ baseURL: origin });
  // A browser in a network without a way out finds no address of its own: this one finds two.
  await context.addInitScript(`window.RTCPeerConnection = class extends EventTarget {
    createDataChannel() {}
    close() {}
    async createOffer() { return {}; }
    async setLocalDescription() {
      for (const address of ["0f0f.local", "192.0.2.10", "198.51.100.7"]) this.#tell({ address });
      this.#tell(null);
    }
    #tell(candidate) { this.dispatchEvent(Object.assign(new Event("icecandidate"), { candidate })); }
  };`);
  const page = await context.newPage();
  await playOther(page);
  await page.goto("/check");
  await page.locator("#leak").waitFor();
  await page.locator("#webrtc li", { hasText: "198.51.100.7: another address" }).waitFor();
  assert.equal(await page.locator("#webrtc li").count(), 2);
  await context.close();
});

test("without JavaScript a button shows who asked", { skip }, async () => {
  [from, resolver] = ["10.96.0.5", "192.0.2.10"];
  const { page, foreign } = await open({ javaScriptEnabled: false });
  await page.getByText("websites see our server in Amsterdam").waitFor();
  assert.equal(foreign.length, 1);
  await page.getByRole("button", { name: "Show who asked" }).click();
  await page.locator("dd", { hasText: "192.0.2.10: our server in Amsterdam" }).waitFor();
  await page.locator("#webrtc", { hasText: "that needs JavaScript" }).waitFor();
  await page.locator("#other", { hasText: "not tested" }).waitFor();
  await page.getByText("Yes, by IPv4:").waitFor();
  const link = page.getByRole("link", { name: "open this page by IPv6" });
  assert.equal(await link.getAttribute("href"), "http://v6.example.net/check");
  await page.context().close();
});
