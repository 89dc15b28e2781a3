import assert from "node:assert/strict";
import { test } from "node:test";
import { levelsOf, systemZip } from "./profile-files.ts";

test("members choose among the levels that block something here", () => {
  assert.deepEqual(levelsOf({ blocklists: () => [] }), [{ level: "none", text: "nothing" }]);
  assert.deepEqual(
    levelsOf({ blocklists: () => ["ads", "adult"] }).map(({ level, text }) => `${level}: ${text}`),
    ["none: nothing", "ads: ads and trackers", "adult: ads and trackers; adult content and gambling"],
  );
  assert.equal(levelsOf({}).length, 4);
});

test("beside a zip's proxy files stands the address of the one that picks by load, where a system takes such files", () => {
  const pac = { name: "london1.pac", type: "application/x-ns-proxy-autoconfig", content: "" };
  const web = { profiles: () => [pac], siteName: "Example", publicUrl: "https://vpn.example.net" };
  const text = (system: "linux" | "ios") => systemZip(web, system, ["london1"])!.toString("latin1");
  assert.match(text("linux"), /^proxy\/\n.*https:\/\/vpn\.example\.net\/proxy\/recommended\.pac$/m);
  assert.doesNotMatch(text("ios"), /recommended\.pac/);
});
