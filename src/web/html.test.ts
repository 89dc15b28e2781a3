import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { escapeHtml, html } from "./html.ts";

const decode = (text: string): string =>
  text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&#96;", "`")
    .replaceAll("&amp;", "&");

test("no text can open a tag, end an attribute or start an entity, and all of it comes back", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc
      .array(fc.constantFrom("<", ">", '"', "'", "&", "`", "amp;", "script", "/", "="), { maxLength: 30 })
      .map((a) => a.join("")),
  );
  fc.assert(
    fc.property(text, (value) => {
      const page = html`<p title="${value}">${value}</p>`.markup;
      const found = /^<p title="([^"<>'`]*)">([^"<>'`]*)<\/p>$/s.exec(page);
      assert.ok(found);
      assert.equal(decode(found[1]!), value);
      assert.equal(decode(found[2]!), value);
      assert.ok(!/&(?!(amp|lt|gt|quot|#39|#96);)/.test(escapeHtml(value)));
    }),
    { numRuns: Number(process.env.FUZZ_RUNS ?? 300) },
  );
});

test("markup made by html stands as it is, lists are joined, and what is absent leaves nothing", () => {
  const items = ["<a>", "b"].map((item) => html`<li>${item}</li>`);
  assert.equal(
    html`<ul>${items}</ul>${undefined}${false}${null}${0}`.markup,
    "<ul><li>&lt;a&gt;</li><li>b</li></ul>0",
  );
});
