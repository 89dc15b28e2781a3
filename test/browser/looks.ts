import assert from "node:assert/strict";
import axeCore from "axe-core";
import type { BrowserContext, Page } from "playwright-core";

/** What a page is held against in a real browser. */

/** A page with all that it loads, unpacked. */
export const HEAVIEST_BYTES = 100_000;

export interface Findings {
  consoleErrors: string[];
  foreignRequests: string[];
}

/** Notes what all pages of a context say, and what they ask others for. */
export function watch(context: BrowserContext, origin: string): Findings {
  const findings: Findings = { consoleErrors: [], foreignRequests: [] };
  context.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning")
      findings.consoleErrors.push(message.text());
  });
  context.on("weberror", (error) => findings.consoleErrors.push(error.error().message));
  context.on("request", (request) => {
    if (!request.url().startsWith(origin)) findings.foreignRequests.push(request.url());
  });
  return findings;
}

/** Bytes of each page and of all it loads, by page address. */
export function weigh(context: BrowserContext): Map<string, number> {
  const weights = new Map<string, number>();
  context.on("requestfinished", async (request) => {
    const page = request.frame().url();
    // As it is unpacked; a browser counts neither what it has in its cache nor, reliably, what came compressed.
    const body = await (await request.response().catch(() => null))?.body().catch(() => undefined);
    // A page that was left at once has none any more.
    if (body !== undefined) weights.set(page, (weights.get(page) ?? 0) + body.length);
  });
  return weights;
}

interface AxeResult {
  violations: { id: string; nodes: { target: string[]; failureSummary: string }[] }[];
  passes: { id: string }[];
}

/** WCAG 2.2 AA by axe-core: rules broken, each with the elements that break it. */
export async function axe(page: Page): Promise<string[]> {
  // Through the debugger and not as a script of the page: the page's own policy would refuse that.
  await page.evaluate(axeCore.source);
  const { violations, passes } = await page.evaluate<AxeResult>(
    `axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] })`,
  );
  assert.ok(
    passes.some(({ id }) => id === "color-contrast"),
    "axe did not look",
  );
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")}: ${failureSummary}`),
  );
}

/** How many pixels the page is wider than the window. */
export const overflow = (page: Page): Promise<number> =>
  page.evaluate<number>("document.documentElement.scrollWidth - document.documentElement.clientWidth");

export async function assertClean(page: Page): Promise<void> {
  assert.deepEqual(await axe(page), []);
  assert.equal(await overflow(page), 0, "the page is wider than the window");
}
