import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { InstalledLists } from "./lists.ts";

function world(t: { after(end: () => void): void }) {
  const folder = mkdtempSync(join(tmpdir(), "lethe-lists-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const [fetched, engines] = [join(folder, "fetched"), join(folder, "engines")];
  for (const path of [fetched, engines]) mkdirSync(path);
  const lists = new InstalledLists({ base: join(engines, "unbound-levels"), fetched });
  const fetch = (text: string, as = text) => {
    const sha256 = createHash("sha256").update(as).digest("hex");
    writeFileSync(join(fetched, sha256), text);
    return { sha256, bytes: Buffer.byteLength(as) };
  };
  return { folder, fetched, engines, lists, fetch };
}

test("a fetched list becomes zones with its tag, and the keeper's copy goes", async (t) => {
  const { fetched, lists, fetch } = world(t);
  const ads = fetch("ads.example\nx_1.tracker.example\n");
  assert.deepEqual(await lists.install({ ads }), []);
  assert.equal(
    readFileSync(lists.path("ads", ads.sha256), "utf8"),
    [
      'local-zone: "ads.example." always_nxdomain',
      'local-zone-tag: "ads.example." "ads"',
      'local-zone: "x_1.tracker.example." always_nxdomain',
      'local-zone-tag: "x_1.tracker.example." "ads"',
      "",
    ].join("\n"),
  );
  assert.deepEqual(readdirSync(fetched), []);
  assert.deepEqual(await lists.install({ ads }), [], "once is enough");
});

test("what has not come is told, and asked for again where it is not what the office signed", async (t) => {
  const { fetched, engines, lists, fetch } = world(t);
  const absent = { sha256: "0".repeat(64), bytes: 5 };
  assert.deepEqual(await lists.install({ ads: absent }), [{ ...absent, refused: false }]);
  const texts: [text: string, signed?: string][] = [
    ["bad.example\n", "ads.example\n"],
    ["ads.example\nmore.example\n", "ads.example\n"],
    // What is no name would be an option of unbound's.
    ['a.example\ninclude: "/etc/shadow"\n'],
    ['a.example" always_nxdomain\n'],
    ["com\n"],
  ];
  for (const text of texts) {
    const wrong = fetch(...text);
    assert.deepEqual(await lists.install({ malware: wrong }), [{ ...wrong, refused: true }]);
    assert.deepEqual(readdirSync(engines), []);
    assert.deepEqual(readdirSync(fetched), []);
  }
});

test("a list for which there is no room is asked for again, and keeps nothing else from running", async (t) => {
  const { fetched, engines, lists, fetch } = world(t);
  const ads = fetch("ads.example\n");
  rmSync(engines, { recursive: true });
  assert.deepEqual(await lists.install({ ads }), [{ ...ads, refused: true }]);
  assert.deepEqual(readdirSync(fetched), []);
  mkdirSync(engines);
  fetch("ads.example\n");
  assert.deepEqual(await lists.install({ ads }), []);
});

test("a link of the keeper's is not followed", async (t) => {
  const { folder, fetched, lists } = world(t);
  const text = "ads.example\n";
  writeFileSync(join(folder, "secret"), text);
  const ads = { sha256: createHash("sha256").update(text).digest("hex"), bytes: text.length };
  symlinkSync(join(folder, "secret"), join(fetched, ads.sha256));
  assert.deepEqual(await lists.install({ ads }), [{ ...ads, refused: true }]);
  assert.ok(existsSync(join(folder, "secret")));
});

test("old lists go when they are told to, and nobody else's file", async (t) => {
  const { engines, lists, fetch } = world(t);
  const [old, ads] = [fetch("old.example\n"), fetch("new.example\n")];
  await lists.install({ ads: old });
  await lists.install({ ads });
  writeFileSync(join(engines, "openvpn-0.conf"), "");
  lists.forgetOthers({ ads });
  assert.ok(!existsSync(lists.path("ads", old.sha256)));
  assert.ok(existsSync(lists.path("ads", ads.sha256)));
  lists.forgetOthers({});
  assert.deepEqual(readdirSync(engines), ["openvpn-0.conf"]);
});
