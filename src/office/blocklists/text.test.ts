import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isBlocklistName } from "../../lib/blocklist.ts";
import { namesOf } from "./text.ts";

test("the shapes that published lists have are read", () => {
  const cases: [line: string, names: string[]][] = [
    ["ads.example", ["ads.example"]],
    ["\uFEFFAds.Example.", ["ads.example"]],
    ["  *.ads.example  ", ["ads.example"]],
    [".ads.example", ["ads.example"]],
    ["0.0.0.0 ads.example", ["ads.example"]],
    ["127.0.0.1\tads.example track.example # both", ["ads.example", "track.example"]],
    [":: ads.example", ["ads.example"]],
    ["||ads.example^", ["ads.example"]],
    ["ads.example CNAME .", ["ads.example"]],
    ["*.ads.example cname .", ["ads.example"]],
    ["bücher.example", ["xn--bcher-kva.example"]],
    ["x_1._dmarc.example.com", ["x_1._dmarc.example.com"]],
    ["# a comment", []],
    ["! another", []],
    ["; a zone's", []],
    ["[Adblock Plus 2.0]", []],
    ["", []],
  ];
  for (const [line, names] of cases) assert.deepEqual(namesOf(line), names, line);
});

test("whatever else stands there is passed over: no top-level domain, no address, no exception, no page", () => {
  for (const line of [
    "com",
    "0.0.0.0 localhost",
    "127.0.0.1",
    "192.0.2.1 ads.example",
    "1.2.3.4",
    "@@||ads.example^",
    "||ads.example^$third-party",
    "||ads.example/banner^",
    "example.com##.banner",
    "/banner[0-9]+/",
    'ads.example" always_nxdomain',
    "-ads.example",
    `${"a".repeat(64)}.example`,
    `${"a.".repeat(130)}example`,
    "ads..example",
  ])
    assert.equal(namesOf(line), undefined, line);
});

test("no line gives anything but names", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (line) => (namesOf(line) ?? []).every(isBlocklistName)),
  );
  const nearly = fc.stringMatching(/^[a-z0-9_.*|^ "#:-]{0,40}$/);
  fc.assert(fc.property(nearly, (line) => (namesOf(line) ?? []).every(isBlocklistName)));
});
