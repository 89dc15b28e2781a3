import assert from "node:assert/strict";
import { test } from "node:test";
import { listsText, sourcesText } from "./blocklist-commands.ts";

test("what was read, what was passed over and what could not be read are said", () => {
  const text = sourcesText([
    { list: "ads", source: "/etc/ads", found: 1234, skipped: 1 },
    { list: "malware", source: "https://lists.example/m", found: 0, skipped: 0, problem: "answers 404" },
  ]);
  assert.equal(
    text,
    'ads: /etc/ads: 1,234 names; 1 line that block no name passed over\nmalware: https://lists.example/m answers 404. The list "malware" stays as it was.\n',
  );
});

test("without lists it is said how to have some", () => {
  assert.match(listsText([]), /\[blocklists\] of lethe\.toml/);
  assert.equal(
    listsText([
      { list: "ads", sources: [], names: 1, renewed: 1_893_456_000 },
      { list: "adult", sources: [] },
    ]),
    "ads: 1 name on the servers, renewed 2030-01-01 00:00 UTC\nadult: not read yet",
  );
});
