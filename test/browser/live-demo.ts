import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { openBrowser } from "./browser.ts";
import { axe, overflow } from "./looks.ts";

/** `npm start -- --demo`, and what a newcomer and an operator do with it. */

export const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
export const START_MS = 90_000;
const CODE = /[a-z2-7]{5}(-[a-z2-7]{5}){3}/;

interface Started {
  child: ChildProcess;
  site: string;
  mail: string;
  folder: string;
  giftCard: string;
  coupon: string;
  freeCoupon: string;
  member: { name: string; password: string };
  socks5: string;
  http: string;
  ssh: string;
}

export interface Demo extends Started {
  /** A browser of its own, as a newcomer's: a phone. `scripts` false: no page's script runs (and axe cannot, either). */
  visit(use: (page: Page) => Promise<void>, scripts?: boolean): Promise<void>;
  /** A command of the operator's, in a process of its own, while the demo runs; fails where it does not end with `code`. */
  lethe(words: string | string[], input?: string, code?: number): string;
  /** Ends it as Ctrl-C does, where it runs still. */
  close(): Promise<void>;
}

async function startDemo(): Promise<Started> {
  const child = spawn(process.execPath, ["--no-warnings", main, "up", "--demo"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error(`the demo did not come up: ${text}`)), START_MS);
  const hear = (chunk: Buffer) => {
    text += chunk;
    if (text.includes("To try a proxy")) resolve();
  };
  child.stdout.on("data", hear);
  child.stderr.on("data", hear);
  child.once("exit", () => reject(new Error(`the demo ended: ${text}`)));
  await promise.finally(() => clearTimeout(timer));
  const said = (what: string) => new RegExp(`${what} +(\\S+)`).exec(text)?.[1] ?? assert.fail(what);
  return {
    child,
    site: said("The site"),
    mail: said("Mail that was sent"),
    folder: dirname(said("Key for letters")),
    giftCard: said("A gift card, 30 days"),
    coupon: said("A coupon, 20 % off"),
    freeCoupon: said("A coupon that pays all"),
    member: { name: said("A member").replace(",", ""), password: said("A member +\\S+ password") },
    socks5: said("SOCKS5"),
    http: said("HTTP proxy"),
    ssh: said("SSH"),
  };
}

export async function openDemo(): Promise<Demo> {
  const [started, browser] = await Promise.all([startDemo(), openBrowser()]);
  const { child, site: baseURL, folder } = started;
  return {
    ...started,
    async visit(use, scripts = true) {
      const viewport = { width: 360, height: 800 };
      const context = await browser.newContext({ baseURL, viewport, javaScriptEnabled: scripts });
      try {
        await use(await context.newPage());
      } finally {
        await context.close();
      }
    },
    lethe: (words, input = "", code = 0) => operate(folder, words, input, code),
    async close() {
      await browser.close();
      if (child.exitCode !== null) return;
      child.kill("SIGINT");
      await once(child, "exit");
    },
  };
}

function operate(folder: string, words: string | string[], input: string, code: number): string {
  const command = [
    "--no-warnings",
    main,
    "--data",
    folder,
    ...(typeof words === "string" ? words.split(" ") : words),
  ];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { input, encoding: "utf8" });
  assert.equal(status, code, `${command.slice(4).join(" ")}: ${stdout}${stderr}`);
  return stdout + stderr;
}

/** The demo's process and all below it. */
export const processesOf = (pid: string): string[] => {
  let list = "";
  try {
    list = execFileSync("ps", ["-o", "pid=", "--ppid", pid], { encoding: "utf8" });
  } catch {
    // It has none.
  }
  const children = list.split("\n").flatMap((line) => (line.trim() === "" ? [] : [line.trim()]));
  return [pid, ...children.flatMap(processesOf)];
};

/** A process that has ended and that nobody has asked about yet is none (proc_pid_stat(5)). */
export const runs = (pid: string): boolean => {
  try {
    return !readFileSync(`/proc/${pid}/stat`, "latin1").includes(") Z ");
  } catch {
    return false;
  }
};

/** While a command runs, nothing else does here: a connection that was kept may have been closed by the site long since. */
export const fetchAnew = (url: string): Promise<Response> => fetch(url, { headers: { connection: "close" } });

/** The order page's form, filled in and sent; ends where the buyer pays. */
export async function order(page: Page, method: string, coupon = ""): Promise<void> {
  await page.goto("/order?plan=30days");
  await page.check(`#method-${method}`);
  if (coupon !== "") await page.fill("#coupon", coupon);
  await page.click("button:has-text('Order and pay')");
}

/** Pages that only forms lead to, and that a crawl does not find. */
export async function looksRight(page: Page): Promise<void> {
  assert.deepEqual(await axe(page), []);
  assert.ok((await overflow(page)) <= 0, page.url());
}

export const heading = (page: Page) => page.textContent("main h1");

export async function thankedWithVoucher(page: Page): Promise<string> {
  await page.waitForSelector("h1:has-text('Thank you')");
  const code = CODE.exec((await page.textContent("main p.big")) ?? "")?.[0];
  assert.ok(code);
  assert.ok(await page.isVisible("#receipt"), "a receipt, too");
  return code;
}

export const loggedInAs = async (page: Page, name: string, voucher: string): Promise<void> => {
  await page.goto("/sign-up");
  await page.fill("#name", name);
  await page.fill("#password", "correct horse battery");
  await page.fill("#voucher", voucher);
  await page.click("main form button");
  await page.waitForURL("**/member**");
};

export const paidUntil = async (page: Page): Promise<number> => {
  await page.goto("/member");
  const text = /Paid until (.*?) UTC/.exec((await page.textContent("main .big")) ?? "")?.[1];
  return Date.parse(`${text ?? ""} UTC`.replace(/ at |, /g, " "));
};

/** What curl says to an answer by way of a proxy: the status, or 0 where there was none. */
export const throughProxy = (proxy: string, login: string, address: string): number => {
  const settings = [`url = "${address}"`, `proxy = "${proxy}"`, `proxy-user = "${login}"`].join("\n");
  const options = ["-s", "-K", "-", "-m", "20", "-o", "/dev/null", "-w", "%{http_code}"];
  const { stdout } = spawnSync("curl", options, { input: settings, encoding: "utf8" });
  return Number(stdout);
};
