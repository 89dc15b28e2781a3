import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type ServerType, serve } from "@hono/node-server";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { grouped } from "../../src/lib/typed-code.ts";
import { type AdminBench, BASE, openAdminBench, PAGES } from "../../src/web/admin/testkit.ts";
import { SUPPORT_IDENTITY, signedUp } from "../../src/web/testkit.ts";
import { openBrowser, skip } from "./browser.ts";
import { axe, HEAVIEST_BYTES, overflow, watch, weigh } from "./looks.ts";

let bench: AdminBench;
let browser: Browser;
let server: ServerType;
let origin: string;
let folder: string;
let identityFile: string;
let ticket: string;

before(async () => {
  if (skip) return;
  folder = mkdtempSync(join(tmpdir(), "lethe-admin-"));
  identityFile = join(folder, "identity.txt");
  writeFileSync(identityFile, `# made by age-keygen\n${SUPPORT_IDENTITY}\n`);
  [bench, browser] = await Promise.all([openAdminBench(), openBrowser()]);
  const opened = await bench.options.support.tickets.open({
    once: "one form",
    text: "My <b>client</b> says “TLS error”.",
  });
  assert.ok(opened.ok);
  ticket = opened.value.number;
  await bench.announcements.post({ title: "A note", text: "To **everybody**." });
  server = serve({ fetch: bench.admin.fetch, hostname: "127.0.0.1", port: 0 });
  await new Promise((resolve) => server.once("listening", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(async () => {
  if (skip) return;
  await browser?.close();
  if ("closeAllConnections" in server) server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await bench.close();
  rmSync(folder, { recursive: true });
});

/** Comes in by a link, as a browser opens it. */
async function enter(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${origin}/open#${bench.visits.invite()}`);
  assert.equal(new URL(page.url()).hash, "", "the code is out of the address and the history");
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
  return page;
}

test("the link opens the pages; each is clean, light and dark, wide and as narrow as a phone", {
  skip,
}, async () => {
  for (const [colorScheme, width] of [
    ["light", 1280],
    ["dark", 360],
  ] as const) {
    const context = await browser.newContext({ colorScheme, viewport: { width, height: 800 } });
    const findings = watch(context, origin);
    const weights = weigh(context);
    const page = await enter(context);
    for (const [index, path] of [...PAGES, `ticket?number=${ticket}`].entries()) {
      await page.goto(`${origin}${BASE}/${path}`);
      // All are made of the same pieces: axe looks at each page once, in turn light and dark.
      if ((index % 2 === 0) === (colorScheme === "light"))
        assert.deepEqual(await axe(page), [], `${path}, ${colorScheme}, ${width} px`);
      assert.equal(await overflow(page), 0, `${path} is wider than ${width} px`);
    }
    await context.close();
    assert.deepEqual(findings, { consoleErrors: [], foreignRequests: [] });
    for (const [address, bytes] of weights) assert.ok(bytes < HEAVIEST_BYTES, `${address}: ${bytes} bytes`);
  }
});

test("a ticket is opened in the browser, answered and closed; the identity is sent nowhere", {
  skip,
}, async () => {
  const context = await browser.newContext();
  const sent: string[] = [];
  context.on("request", (request) => sent.push(`${request.url()} ${request.postData() ?? ""}`));
  const page = await enter(context);
  await page.getByRole("link", { name: "Tickets", exact: true }).click();
  await page.setInputFiles("#identity-picker", {
    name: "letter.txt",
    mimeType: "text/plain",
    buffer: Buffer.from("no"),
  });
  await page.getByText("This is no identity file").waitFor();
  await page.setInputFiles("#identity-picker", identityFile);
  await page.getByText("The identity is there until this page is closed.").waitFor();
  await page.getByRole("link", { name: grouped(ticket) }).click();
  await page.getByText("My <b>client</b> says “TLS error”.").waitFor();
  await page.fill("#text", "Take UDP instead.");
  await page.getByLabel("That is all: close the ticket").check();
  await page.getByRole("button", { name: "Answer", exact: true }).click();
  await page.getByText("Answered.").waitFor();
  // The answer, too, is sealed when it comes back.
  await page.getByText("Take UDP instead.").waitFor();
  await page.getByText("It is closed, and will be deleted on").waitFor();
  await page.goBack();
  await page.getByRole("heading", { level: 1, name: "Tickets" }).waitFor();
  await context.close();
  assert.equal((await bench.options.support.tickets.show(ticket))?.state, "closed");
  assert.ok(
    sent.some((text) => text.includes("Take+UDP+instead.")),
    "what is sent is looked at",
  );
  assert.ok(!sent.some((text) => /SECRET-KEY/i.test(text)));
});

test("without JavaScript the code is pasted, and accounts and switches work all the same", {
  skip,
}, async () => {
  await signedUp(bench, "river-otter");
  const context = await browser.newContext({
    javaScriptEnabled: false,
    viewport: { width: 360, height: 800 },
  });
  const page = await context.newPage();
  await page.goto(`${origin}/open`);
  await page.fill("#code", bench.visits.invite());
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByRole("link", { name: "Accounts", exact: true }).click();
  await page.fill("#name", "river-otter");
  await page.getByRole("button", { name: "Find" }).first().click();
  await page.getByRole("button", { name: "Extend", exact: true }).click();
  await page.getByText("has access").waitFor();
  await page.getByRole("button", { name: "Terminate" }).click();
  await page.getByText("terminated: no access").waitFor();
  assert.equal((await bench.accounts.byName("river-otter"))?.terminated, true);
  await page.getByRole("link", { name: "Switches", exact: true }).click();
  await page.getByRole("button", { name: "Switch off: Cash by mail" }).click();
  await page.getByText("Cash by mail: off.").waitFor();
  assert.equal(await bench.switches.isOn("cash"), false);
  await page.getByRole("button", { name: "Leave" }).click();
  await page.goto(`${origin}${BASE}/overview`);
  await page.getByText("lethe admin open").waitFor();
  await context.close();
});
