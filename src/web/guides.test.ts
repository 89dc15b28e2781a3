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

test("what the systems' own settings cannot do is not offered for them", () => {
  const of = (system: (typeof SYSTEMS)[number], service: string) =>
    GUIDES[system].filter((guide) => guide.service === service);
  for (const system of ["android", "ios"] as const) {
    assert.deepEqual(of(system, "https"), [], `${system} speaks no TLS to a proxy`);
    assert.equal(of(system, "http").length, 1);
  }
  for (const system of ["windows", "macos", "linux"] as const)
    assert.match(of(system, "https")[0]!.note!, /Chrome, Edge and Firefox can/);
  // On Windows stunnel looks for its files in its own folder alone, and is in no PATH.
  const steps = of("windows", "stealth-tls")[0]!
    .steps.map(([, text]) => text)
    .join(" ");
  assert.match(
    steps,
    /Copy \{file\} and the \.crt .*\\stunnel\\config`.*\\stunnel\\bin\\stunnel\.exe' \{file\}`/,
  );
  assert.match(of("windows", "ikev2")[0]!.note!, /one server with it at a time/);
  // Windows 10 has OpenSSH 8.1, whose files cannot say that there is no shell.
  for (const system of ["windows", "macos", "linux"] as const)
    assert.match(
      of(system, "ssh")[0]!
        .steps.map(([, text]) => text)
        .join(" "),
      /`ssh -N -F /,
    );
});

test("an article's steps end with what there is to know of the system, in words", () => {
  const values = helpValues({ siteName: "Example" })("en");
  assert.ok(values["steps for linux"]!.endsWith(SYSTEM_NOTES.linux!.text));
  for (const [word, text] of Object.entries(values)) assert.ok(!text.includes("[object"), word);
});
