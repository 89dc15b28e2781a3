import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import ts from "typescript";

/** The same in every language. */
const NAMES = new Set(["OpenVPN", "UTC", "API", "English", "conf"]);
const READ = / (?:aria-label|title|alt|placeholder|label|data-label)="([^"]*)"/g;

const words = (text: string): string[] =>
  (
    text.replace(/&#?\w+;|[\w-]+\.json|serverips|ssh-fingerprints-rsa/g, " ").match(/\p{L}{2,}/gu) ?? []
  ).filter((word) => !NAMES.has(word));

/** Words that stand in a page's markup and not in a sentence that is said. */
function hardCoded(path: string, source: string): string[] {
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const report = (node: ts.Node, what: string[]) => {
    if (what.length > 0)
      found.push(
        `${path}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}: ${what.join(" ")}`,
      );
  };
  const visit = (node: ts.Node, inMarkup: boolean): void => {
    if (ts.isTaggedTemplateExpression(node) && node.tag.getText() === "html") {
      const { template } = node;
      const text = ts.isNoSubstitutionTemplateLiteral(template)
        ? template.text
        : template.head.text + template.templateSpans.map(({ literal }) => `\0${literal.text}`).join("");
      // A template may be a piece of a tag: ` selected`, ` maxlength="…"`.
      const piece = /^(?: [a-z-]+(?:="[^"]*")?)+$/.test(text);
      const shown = text.replace(/<(code|style|script)\b[^>]*>[^<]*<\/\1>/g, " ").replace(/<[^>]*>/g, " ");
      // The feed is the same in every language.
      const feed = /<(?:feed|entry)\b/.test(text);
      if (!piece && !feed) report(node, words(shown));
      report(
        node,
        [...text.matchAll(READ)].flatMap(([, value]) => words(value!)),
      );
      ts.forEachChild(template, (child) => visit(child, true));
      return;
    }
    if (ts.isTaggedTemplateExpression(node)) {
      ts.forEachChild(node.template, (child) => visit(child, inMarkup));
      return;
    }
    // What a call is given is another matter: a sentence to be said, a key, a column.
    if (ts.isCallExpression(node)) {
      for (const argument of node.arguments) visit(argument, false);
      return;
    }
    if (inMarkup && ts.isStringLiteralLike(node) && /\p{L}{2,}[,:;.]? \p{L}{2,}/u.test(node.text))
      report(node, words(node.text));
    if (
      inMarkup &&
      ts.isTemplateExpression(node) &&
      /\p{L}{2,} | \p{L}{2,}/u.test(node.getText().replace(/\$\{[^}]*\}/g, ""))
    )
      report(
        node,
        words([node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join(" ")),
      );
    ts.forEachChild(node, (child) => visit(child, inMarkup));
  };
  visit(file, false);
  return found;
}

test("no page has words in its markup: each is said, so that it can be translated", () => {
  const paths = globSync("src/web/{*,site/**/*,member/**/*}.ts", {
    exclude: ["**/*.test.ts", "**/testkit*.ts"],
  });
  assert.ok(paths.length > 60, `${paths.length} files`);
  assert.deepEqual(
    paths.flatMap((path) => hardCoded(path, readFileSync(path, "utf8"))),
    [],
  );
});

test("page scripts have their texts from the page", () => {
  for (const name of ["check", "contact", "devices", "enhance", "status"]) {
    const source = readFileSync(`src/web/assets/${name}.js`, "utf8").replace(/^\s*(?:\/\/|\/?\*).*$/gm, "");
    const texts = source.match(/"[^"\n]*\p{L}{2,} \p{L}{2,}[^"\n]*"/gu) ?? [];
    // Errors that the script itself catches, class names, and a selector.
    const shown = texts.filter(
      (text) => !/^"(?:no page|no figures|pre code|notice (?:bad|warn))"$/.test(text),
    );
    assert.deepEqual(shown, [], name);
  }
});

test("a hard-coded word is found wherever it stands in the markup", () => {
  const found = (source: string) => hardCoded("page.ts", source.replaceAll("@{", "${")).length;
  assert.equal(found("html`<p>Some words</p>`"), 1);
  assert.equal(found('html`<a href="/x" aria-label="Some words">@{name}</a>`'), 1);
  assert.equal(found('html`<p>@{late ? "it is late" : say`in time`}</p>`'), 1);
  assert.equal(found("html`<p>@{`@{count} servers`}</p>`"), 1);
  assert.equal(found('html`<p class="a b">@{say`Some words`} @{say.text("some words")}</p>`'), 0);
});
