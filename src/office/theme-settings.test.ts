import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseConfig } from "./config.ts";
import { siteLook } from "./site-look.ts";

const lookOf = (text: string) => siteLook(parseConfig(text, "lethe.toml"));

function inFolder(work: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "lethe-look-"));
  try {
    work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("colours that people cannot read are refused with the line, the key and the contrast", () => {
  const text = '[theme]\naccent = "#9ad8cf"\n';
  assert.throws(
    () => parseConfig(text, "lethe.toml"),
    /^ConfigError: lethe\.toml:2: theme\.accent: too little contrast in light mode, 1\.\d\d:1 against .*; people need 4\.5:1/,
  );
  assert.throws(
    () => parseConfig('[theme]\nsurface_dark = "#888888"\n', "lethe.toml"),
    /lethe\.toml:2: theme\.surface_dark: too little contrast in dark mode/,
  );
  assert.throws(
    () => parseConfig('[theme]\nink = "black"\n', "lethe.toml"),
    /theme\.ink must be empty, or a colour/,
  );
  const { theme } = lookOf('[theme]\naccent = "#7a1f5c"\naccent_dark = "#e8a6d2"\n');
  assert.equal(theme!.colours!.dark.accent, "#e8a6d2");
});

test("a logo is a small PNG or SVG, or the start says what it is not", () =>
  inFolder((folder) => {
    const at = (name: string, content: string | Buffer) => {
      const path = join(folder, name);
      writeFileSync(path, content);
      return `[theme]\nlogo = ${JSON.stringify(path)}\n`;
    };
    const svg = '<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg"></svg>';
    assert.equal(lookOf(at("a", svg)).theme!.logo!.type, "image/svg+xml");
    assert.equal(
      lookOf(at("b", Buffer.from("\x89PNG\r\n\x1a\nrest", "latin1"))).theme!.logo!.type,
      "image/png",
    );
    const wrong: [string, RegExp][] = [
      [at("c", "<html><svg></svg></html>"), /neither PNG nor SVG/],
      [at("d", svg + " ".repeat(20_000)), /more than 20000 bytes/],
      ['[theme]\nlogo = "/nowhere/logo.svg"\n', /theme\.logo: \/nowhere\/logo\.svg cannot be read/],
    ];
    for (const [text, problem] of wrong) assert.throws(() => lookOf(text), problem);
  }));

test("translations are read from the folder of texts, and a broken one is named", () =>
  inFolder((folder) => {
    const text = `[site]\ntexts = ${JSON.stringify(folder)}\n`;
    assert.deepEqual(lookOf(text).languages, []);
    mkdirSync(join(folder, "languages"));
    const path = join(folder, "languages", "pt-br.json");
    writeFileSync(path, '{"name": "Português do Brasil", "sentences": {"Log in": "Entrar"}}');
    assert.deepEqual(
      lookOf(text).languages!.map(({ tag, name }) => [tag, name]),
      [["pt-br", "Português do Brasil"]],
    );
    assert.equal(lookOf(`${text}language = "pt-br"\n`).language, "pt-br");
    assert.throws(() => lookOf(`${text}language = "de"\n`), /site\.language: .*languages\/de\.json/);
    writeFileSync(path, '{"name": "x", "sentences": {"Log in": "<img src=x>"}}');
    assert.throws(
      () => lookOf(text),
      /languages\/pt-br\.json: the translation of "Log in" must have the same tags/,
    );
  }));
