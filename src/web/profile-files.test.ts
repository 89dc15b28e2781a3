import assert from "node:assert/strict";
import { test } from "node:test";
import { levelsOf } from "./profile-files.ts";

test("members choose among the levels that block something here", () => {
  assert.deepEqual(levelsOf({ blocklists: () => [] }), [{ level: "none", text: "nothing" }]);
  assert.deepEqual(
    levelsOf({ blocklists: () => ["ads", "adult"] }).map(({ level, text }) => `${level}: ${text}`),
    ["none: nothing", "ads: ads and trackers", "adult: ads and trackers; adult content and gambling"],
  );
  assert.equal(levelsOf({}).length, 4);
});
