import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { openBench } from "../testkit.ts";
import { type Colour, contrast, formatColour, parseColour } from "./colour.ts";
import { type Choice, HOUSE, palette, themeStylesheet } from "./palette.ts";

const NONE: Choice = { accent: "", paper: "", surface: "", ink: "" };
const colour = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255)).map((parts) => formatColour(parts as Colour));

test("contrast is as WCAG has it", () => {
  const of = (a: string, b: string) => contrast(parseColour(a)!, parseColour(b)!);
  assert.equal(of("#000000", "#ffffff"), 21);
  assert.equal(of("#ffffff", "#ffffff"), 1);
  // The grey that just passes on white, and the one that just does not, by WebAIM's contrast checker.
  assert.equal(of("#767676", "#ffffff").toFixed(2), "4.54");
  assert.equal(of("#777777", "#ffffff").toFixed(2), "4.48");
  assert.equal(parseColour("#12345"), undefined);
  assert.equal(parseColour("red"), undefined);
});

test("the house's colours are those of the stylesheet, and can be read", () => {
  const css = readFileSync(new URL("../assets/site.css", import.meta.url), "utf8");
  const [light, dark] = css.split("@media (prefers-color-scheme: dark)");
  for (const [mode, rules] of [
    ["light", light!],
    ["dark", dark!],
  ] as const) {
    for (const [name, value] of Object.entries(HOUSE[mode]))
      assert.match(rules, new RegExp(`--${name}: ${value};`), `${mode} ${name}`);
    assert.deepEqual(palette(mode, NONE).wrong, []);
  }
  assert.equal(themeStylesheet({ light: NONE, dark: NONE }), "");
});

test("whatever is chosen, either each pair can be read or it is said which cannot", () => {
  fc.assert(
    fc.property(colour, colour, colour, colour, (accent, paper, surface, ink) => {
      const { colours, wrong } = palette("light", { accent, paper, surface, ink });
      if (wrong.length > 0) return;
      for (const ground of ["paper", "surface", "sunken", "soft"])
        for (const text of ["ink", "muted", "accent"])
          assert.ok(contrast(colours[text]!, colours[ground]!) >= 4.5, `${text} on ${ground}`);
      assert.ok(contrast(colours["on-accent"]!, colours.accent!) >= 4.5);
      assert.ok(contrast(colours["field-line"]!, colours.surface!) >= 3);
    }),
    { numRuns: 500, examples: [["#7a1f5c", "#fdf7f2", "#ffffff", "#221018"]] },
  );
});

test("a theme stands on every page, and only where it differs", async () => {
  const logo = new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg"/>');
  const bench = await openBench({
    theme: {
      colours: { light: { ...NONE, accent: "#7a1f5c" }, dark: NONE },
      logo: { content: logo, type: "image/svg+xml" },
    },
  });
  const page = await (await bench.app.request("/")).text();
  const sheet = /href="(\/assets\/[0-9a-f]{12}\/theme\.css)"/.exec(page)![1]!;
  assert.ok(page.indexOf("site.css") < page.indexOf("theme.css"));
  const rules = await (await bench.app.request(sheet)).text();
  assert.match(rules, /--accent:#7a1f5c/);
  assert.deepEqual(rules.match(/@media [^{]*/g), ["@media not all and (prefers-color-scheme: dark)"]);
  const picture = /<img src="([^"]+)" alt=""/.exec(page)![1]!;
  const answer = await bench.app.request(picture);
  assert.equal(answer.headers.get("content-type"), "image/svg+xml");
  // A picture of the operator's is still a document of the site's origin when it is opened by itself: nothing in it runs.
  assert.match(answer.headers.get("content-security-policy")!, /default-src 'none'; script-src 'self'/);
  assert.equal(await (await bench.app.request("/favicon.ico")).text(), new TextDecoder().decode(logo));
  await bench.close();
});
