import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { markdown, markdownLine, markdownText } from "./markdown.ts";

test("HTML in Markdown is text", () => {
  const { markup } = markdown('<script>alert(1)</script>\n\na <b onclick="x()">b</b> <!-- c -->');
  assert.ok(!/<(script|b|!)/.test(markup), markup);
  assert.match(markup, /&lt;script&gt;/);
});

test("links lead to the web, to mail or into the site; nothing else becomes one", () => {
  assert.equal(
    markdownLine("[a](https://example.net/)").markup,
    '<a href="https://example.net/" rel="nofollow noopener noreferrer">a</a>',
  );
  assert.equal(markdownLine("[a](/help/payment)").markup, '<a href="/help/payment">a</a>');
  assert.match(markdownLine("[a](mailto:a@example.net)").markup, /href="mailto:a@example\.net"/);
  for (const address of [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "&#106;avascript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "file:///etc/passwd",
    "//evil.example/",
  ])
    assert.ok(!markdown(`[a](${address})`).markup.includes("<a "), address);
  assert.ok(!markdown("<javascript:alert(1)>").markup.includes("<a "));
});

test("pictures are the site's own; of others the description stays", () => {
  assert.match(markdown("![a map](/assets/map.svg)").markup, /<img src="\/assets\/map\.svg" alt="a map">/);
  for (const address of ["https://evil.example/x.png", "//evil.example/x.png", "data:image/png;base64,AA=="])
    assert.ok(!markdown(`![a <map>](${address})`).markup.includes("<img"), address);
  assert.match(markdown("![a map](https://evil.example/x.png)").markup, /<p>a map<\/p>/);
});

test("headings begin where the page has room for them", () => {
  assert.match(markdown("# a\n\n## b").markup, /<h1>a<\/h1>\s*<h2>b<\/h2>/);
  assert.match(markdown("# a\n\n## b", { firstHeading: 2 }).markup, /<h2>a<\/h2>\s*<h3>b<\/h3>/);
  assert.match(markdown("###### a", { firstHeading: 3 }).markup, /<h6>a<\/h6>/);
});

test("whatever is written, no tag comes out that Markdown does not have, and no attribute that runs something", () => {
  const TAGS =
    /^(p|h[1-6]|a|em|strong|s|ul|ol|li|code|pre|blockquote|hr|br|img|div|table|thead|tbody|tr|th|td)$/;
  const piece = fc.constantFrom(
    ..."<>&\"'`[]()!#*_-~|\n \\:/@.".split(""),
    "javascript:",
    "onerror=",
    "<script>",
    "![x](",
    "](https://e.x/",
    "a",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const { markup } = markdown(pieces.join(""));
      for (const [, name, attributes] of markup.matchAll(/<\/?([a-z0-9]+)([^>]*)>/gi)) {
        assert.match(name!, TAGS);
        const plain = attributes!.replace(/"[^"]*"/g, '""');
        assert.ok(!/\son/i.test(plain), markup);
        assert.ok(!/(?:href|src)="\s*(?:javascript|data|vbscript)/i.test(attributes!), markup);
      }
    }),
    { numRuns: 2000 },
  );
});

test("as plain text nothing of the marks is left", () => {
  assert.equal(
    markdownText("# Title\n\nSome *text* with a [link](https://example.net/).\n\n- one\n- two"),
    "Title\nSome text with a link.\none\ntwo",
  );
  assert.equal(markdownText("`code` and\n\n```\nblock\n```"), "code and\nblock");
});
