import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { skipFor } from "../../src/lib/testing.ts";
import { signedUp } from "../../src/web/testkit.ts";
import { crawl, type Found } from "./crawl.ts";
import { type LiveSite, openLiveSite } from "./live-site.ts";

/** The site in a browser that shows text alone (lynx). */

const run = promisify(execFile);
const there = existsSync("/usr/bin/lynx") && existsSync("/usr/bin/script");
const skip = skipFor(!there && "lynx is not installed (apt-get install lynx)");
const AT_ONCE = 4;

let site: LiveSite;
let pages: Found[];
let members: Found[];
let folder: string;

before(async () => {
  if (skip) return;
  site = await openLiveSite();
  pages = (await crawl(site.origin, ["/"])).found;
  const member = await signedUp(site.bench, "reader");
  const { id } = (await site.bench.accounts.byName("reader"))!;
  await site.bench.accounts.extend(id, 30);
  const cookie = [...member.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  const theirs = await crawl(site.origin, ["/member", "/member/devices"], cookie);
  members = theirs.found.filter(({ path }) => !pages.some((each) => each.path === path));
  folder = mkdtempSync(join(tmpdir(), "lethe-text-"));
  writeFileSync(join(folder, "cookies"), cookieFile(member.cookies), { mode: 0o600 });
  const settings = ["ACCEPT_ALL_COOKIES:TRUE", "PERSISTENT_COOKIES:TRUE", `COOKIE_FILE:${folder}/cookies`];
  writeFileSync(join(folder, "lynx.cfg"), `${settings.join("\n")}\n`);
});
after(async () => {
  await site?.close();
  if (folder !== undefined) rmSync(folder, { recursive: true });
});

const words = (markup: string): string =>
  markup
    .replace(/<[^>]*>/g, "")
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .replaceAll("&quot;", '"')
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&")
    .replace(/\s+/g, " ")
    .trim();

/** As browsers' cookie files are: host, whether its subdomains too, path, TLS alone, end (Unix), name, value; by tabs. */
function cookieFile(cookies: ReadonlyMap<string, string>): string {
  const host = new URL(site.origin).hostname;
  const endsS = Math.floor(Date.now() / 1000) + 3600;
  return [...cookies]
    .map(([name, value]) => `${[host, "FALSE", "/", "FALSE", endsS, name, value].join("\t")}\n`)
    .join("");
}

/** What lynx shows, as one line; of a member's page with the member's cookies. */
async function shown(path: string, own: boolean): Promise<string> {
  const cookies = own ? [`-cfg=${join(folder, "lynx.cfg")}`] : [];
  const { stdout } = await run(
    "lynx",
    ["-dump", "-nolist", "-width=200", "-display_charset=utf-8", ...cookies, `${site.origin}${path}`],
    {
      env: { ...process.env, LC_ALL: "C.UTF-8", HOME: folder },
      timeout: 120_000,
    },
  );
  return stdout.replace(/\s+/g, " ");
}

test("every page can be read: its headings are there, and no markup, script or what is for scripts shows", {
  skip,
}, async () => {
  assert.ok(members.some(({ path }) => path === "/member/settings"));
  const queue = [
    ...pages.map((page) => ({ ...page, own: false })),
    ...members.map((page) => ({ ...page, own: true })),
  ];
  const work = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const text = await shown(next.path, next.own);
      for (const [, heading] of next.markup.matchAll(/<h[12]\b[^>]*>(.*?)<\/h[12]>/gs))
        assert.ok(
          text.includes(words(heading!)),
          `${next.path}: "${words(heading!)}" in ${text.slice(0, 500)}`,
        );
      assert.ok(!/<\/?(div|svg|path|script|p)\b/.test(text), next.path);
      for (const [, inside] of next.markup.matchAll(/<template\b[^>]*>(?:<!--)?(.*?)(?:-->)?<\/template>/gs))
        for (const [, line] of inside!.matchAll(/<(?:p|h3)\b[^>]*>(.*?)<\/(?:p|h3)>/gs))
          assert.ok(!text.includes(words(line!)), `${next.path}: "${words(line!)}" is for the script alone`);
      const joined = /.{0,20}(?:(?:h|days) ago\d|of access[a-z]|once[A-Z]|e-mail[A-Z]).{0,20}/.exec(
        text,
      )?.[0];
      assert.equal(joined, undefined, `${next.path}: words that stand apart on a screen`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
});

const typed = (text: string): string => [...text].map((letter) => `key ${letter}\n`).join("");

test("an account is made with the keyboard alone", { skip }, async () => {
  const script = join(folder, "keys");
  const keys = [
    // To the field that the word stands at, and from field to field.
    `key /\n${typed("Username")}key ^J\n${typed("text-browser")}`,
    `key <tab>\n${typed("correct-horse-battery")}`,
    "key <tab>\nkey <tab>\nkey <tab>\nkey ^J\n",
    "key q\nkey y\n",
  ];
  writeFileSync(script, keys.join(""));
  const line = `lynx -accept_all_cookies -cmd_script=${script} ${site.origin}/sign-up`;
  // lynx wants a terminal: script(1) gives it one.
  const { stdout } = await run("script", ["-qec", line, "/dev/null"], {
    env: { ...process.env, TERM: "xterm", LC_ALL: "C.UTF-8", HOME: folder },
    timeout: 120_000,
  });
  assert.ok((await site.bench.accounts.byName("text-browser")) !== undefined, stdout.slice(-2000));
  assert.match(stdout, /Your account is ready/);
});
