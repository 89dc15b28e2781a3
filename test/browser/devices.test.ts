import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser, BrowserContext, Download, Page } from "playwright-core";
import { create } from "qrcode";
import { skipFor } from "../../src/lib/testing.ts";
import { PASSWORD } from "../../src/web/testkit.ts";
import { skip as noBrowser, openBrowser } from "./browser.ts";
import { type LiveSite, logIn, openLiveSite } from "./live-site.ts";
import { assertClean } from "./looks.ts";

/** A member's WireGuard devices in a real browser; the private key stays in it, and `wg` says that the files are right. */

const skip =
  noBrowser ||
  skipFor(
    spawnSync("wg", ["--version"]).error !== undefined &&
      "wg is not installed (apt-get install wireguard-tools)",
  );
const folder = mkdtempSync(join(tmpdir(), "lethe-devices-"));

let site: LiveSite;
let browser: Browser;

before(async () => {
  if (skip) return;
  [site, browser] = await Promise.all([openLiveSite(), openBrowser()]);
});
after(async () => {
  await browser?.close();
  await site?.close();
  rmSync(folder, { recursive: true });
});

interface Visit {
  context: BrowserContext;
  page: Page;
  /** All that went to the site: method, address, headers, body. */
  sent: string[];
  complaints: string[];
}

async function visit(name: string, options: object = {}): Promise<Visit> {
  const made = await site.bench.accounts.signUp({ name, password: PASSWORD });
  assert.ok(made.ok);
  const context = await browser.newContext({
    baseURL: site.origin,
    viewport: { width: 360, height: 800 },
    ...options,
  });
  const [sent, complaints]: [string[], string[]] = [[], []];
  context.on("request", async (request) => {
    sent.push(`${request.method()} ${request.url()} ${request.postData() ?? ""}`);
    sent.push(JSON.stringify(await request.allHeaders().catch(() => ({}))));
  });
  context.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  context.on("weberror", (error) => complaints.push(error.error().message));
  const page = await context.newPage();
  await logIn(page, name);
  await page.goto("/member/devices");
  return { context, page, sent, complaints };
}

async function textOf(download: Promise<Download>): Promise<{ name: string; text: string }> {
  const got = await download;
  return { name: got.suggestedFilename(), text: readFileSync(await got.path(), "utf8") };
}

/** What wg-quick(8) hands on to wg(8), which would not take a key that is none. */
function strip({ name, text }: { name: string; text: string }): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o600 });
  const { stdout, stderr } = spawnSync("wg-quick", ["strip", path], { encoding: "utf8" });
  assert.equal(stderr, "");
  return stdout;
}
const privateKeyOf = (text: string): string => /^PrivateKey = (\S+)$/m.exec(text)?.[1] ?? "";
const publicOf = (privateKey: string): string =>
  spawnSync("wg", ["pubkey"], { input: privateKey, encoding: "utf8" }).stdout.trim();

/** A secret in every spelling in which a page might send it. */
function spellings(base64: string): string[] {
  const bytes = Buffer.from(base64, "base64");
  const bare = base64.replace(/=+$/, "");
  const hex = bytes.toString("hex");
  return [
    bare,
    encodeURIComponent(bare),
    bytes.toString("base64url"),
    hex,
    hex.toUpperCase(),
    bytes.toString("latin1"),
  ];
}

test("the keys are made in the browser, and the private one never leaves it", { skip }, async () => {
  const { context, page, sent, complaints } = await visit("with-script");
  await page.fill("#name", "laptop");
  await page.selectOption("#add-level", "ads");
  await page.getByRole("button", { name: "Make the keys in this browser" }).click();
  await page.getByRole("heading", { name: "Your file is ready" }).waitFor();
  const link = page.getByRole("link", { name: "Download amsterdam1.conf" });
  const download = page.waitForEvent("download");
  await link.click();
  const file = await textOf(download);
  assert.equal(file.name, "amsterdam1.conf");

  const privateKey = privateKeyOf(strip(file));
  const [row] = await site.bench.store.db
    .selectFrom("devices")
    .selectAll()
    .where("name", "=", "laptop")
    .execute();
  assert.equal(
    row?.public_key,
    publicOf(privateKey),
    "the key in the file belongs to the one that the site has",
  );
  assert.match(file.text, /^DNS = 10\.66\.255\.2, fd6c:6574:6865:ffff::2$/m);
  const code = await page.locator("svg.qr path").getAttribute("d");
  const { modules } = create(file.text, { errorCorrectionLevel: "L" });
  let expected = "";
  for (let at = 0; at < modules.size ** 2; at++) {
    const [line, column] = [Math.floor(at / modules.size), at % modules.size];
    if (modules.get(line, column)) expected += `M${column + 4} ${line + 4}h1v1h-1z`;
  }
  assert.equal(code, expected, "the QR code is of the file");
  await page.getByText("Show the file").click();
  await page.getByRole("heading", { name: "laptop" }).waitFor();
  assert.equal(await page.locator("#devices form[data-profile]").count(), 1, "it is in the list at once");
  await assertClean(page);

  await page.goto("/member/devices");
  await page.getByRole("heading", { name: "laptop" }).waitFor();
  const everything = sent.join("\n");
  const found = (text: string) => spellings(text).some((spelling) => everything.includes(spelling));
  assert.ok(found(row.public_key), "control: the same search finds the public key, which was sent");
  assert.ok(!found(privateKey));
  const { markup } = { markup: await page.content() };
  assert.ok(!markup.includes(privateKey), "and nobody can show it again");
  assert.deepEqual(complaints, [], "no word of the policy that no page may load or run anything else");
  await context.close();
});

test("a file for another server gets the private key out of the old file, in the browser", {
  skip,
}, async () => {
  const { context, page, sent } = await visit("second-server", { colorScheme: "dark" });
  await page.selectOption("#add-via", "zurich2");
  await page.getByRole("button", { name: "Make the keys in this browser" }).click();
  const first = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download amsterdam1.conf" }).click();
  const old = await textOf(first);
  assert.match(old.text, /^Endpoint = zurich2\.example\.net:52001$/m);
  const path = join(folder, "old.conf");
  writeFileSync(path, old.text);

  await page.goto("/member/devices");
  await page.getByText("A file for a server").click();
  const panel = page.locator("form[data-profile]");
  await panel.locator("select[name=server]").selectOption("zurich2");
  await panel.locator("select[name=system]").selectOption("linux");
  await panel.locator("input[type=file]").setInputFiles(path);
  await panel.getByRole("button", { name: "Get the file" }).click();
  const second = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download zurich2.conf" }).click();
  const other = await textOf(second);
  assert.equal(privateKeyOf(strip(other)), privateKeyOf(old.text));
  assert.match(other.text, /^FwMark = /m);
  assert.equal(await page.locator("svg.qr:visible").count(), 0);
  const everything = sent.join("\n");
  assert.ok(!spellings(privateKeyOf(old.text)).some((spelling) => everything.includes(spelling)));
  await assertClean(page);

  writeFileSync(path, old.text.replace(/^PrivateKey = .{4}/m, "PrivateKey = aaaa"));
  await panel.locator("input[type=file]").setInputFiles(path);
  await panel.getByRole("button", { name: "Get the file" }).click();
  await page.getByText("its private key does not fit").waitFor();
  await page.getByRole("button", { name: /^Remove/ }).click();
  await page.getByText("The device is removed").waitFor();
  await context.close();
});

test("what is wrong is said without a reload, and the keys are not made by the site", { skip }, async () => {
  const { context, page } = await visit("refused");
  await page.fill("#name", "x".repeat(40));
  await page.evaluate(`document.getElementById("name").value = "a\\u202eb"`);
  await page.getByRole("button", { name: "Make the keys in this browser" }).click();
  await page.getByRole("alert").getByText("one line of up to 40").waitFor();
  await assertClean(page);
  assert.equal(await page.getByText("made by the site instead").count(), 0);

  await page.goto("/member/devices");
  await page.getByText("I have a key pair already").click();
  await page.fill("#public-key", "nonsense");
  await page.getByRole("button", { name: "Add this key" }).click();
  await page.getByText("This is no WireGuard public key").first().waitFor();
  await assertClean(page);
  await context.close();
});

test("without JavaScript the site sends the file once", { skip }, async () => {
  const { context, page, complaints } = await visit("no-script", { javaScriptEnabled: false });
  assert.equal(await page.getByRole("button", { name: "Make the keys in this browser" }).count(), 0);
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Make the keys and send me the file" }).click();
  const file = await textOf(download);
  const publicKey = publicOf(privateKeyOf(strip(file)));
  await page.goto("/member/devices");
  await page.getByText(publicKey).waitFor();
  assert.equal(await page.locator("input[type=file]:visible").count(), 0);
  await page.getByText("A file for a server").click();
  const again = page.waitForEvent("download");
  await page.getByRole("button", { name: "Get the file" }).click();
  assert.equal(privateKeyOf((await textOf(again)).text), "");
  await page.getByRole("button", { name: /^Remove/ }).click();
  await page.getByText("The device is removed").waitFor();
  assert.equal(await page.getByText(publicKey).count(), 0);
  assert.deepEqual(complaints, []);
  await context.close();
});
