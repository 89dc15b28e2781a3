import assert from "node:assert/strict";
import { test } from "node:test";
import { SYSTEMS } from "../profiles/kinds.ts";
import { GUIDES, SYSTEM_NOTES } from "./guides.ts";
import { helpValues } from "./help-values.ts";

test("every way that covers everything says what becomes of the traffic while the tunnel is down", () => {
  for (const system of SYSTEMS)
    for (const { title, covers, note = "" } of GUIDES[system]) {
      if (covers !== "everything") continue;
      assert.match(
        note,
        /kill switch|nothing (?:past|leaves|gets past)|or nowhere|Block connections without VPN|stops traffic|Disable network access/i,
        `${system}: ${title}`,
      );
    }
});

test("stealth's files keep traffic in on Linux, and the pages of other systems say that theirs do not", () => {
  const notes = (system: (typeof SYSTEMS)[number]) =>
    GUIDES[system].filter(({ kind }) => kind?.startsWith("stealth-")).map(({ note }) => note!);
  assert.equal(notes("linux").length, 2);
  for (const note of notes("linux")) assert.match(note, /routing table of its own and a kill switch/);
  for (const system of ["windows", "macos"] as const) {
    assert.equal(notes(system).length, 2);
    for (const note of notes(system)) assert.match(note, /no kill switch/);
  }
});

test("an article's steps end with what there is to know of the system, in words", () => {
  const values = helpValues({ siteName: "Example" })("en");
  assert.ok(values["steps for linux"]!.endsWith(SYSTEM_NOTES.linux!.text));
  for (const [word, text] of Object.entries(values)) assert.ok(!text.includes("[object"), word);
});
