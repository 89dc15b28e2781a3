import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseConfig } from "../office/config.ts";
import { openMessage, sealMessage } from "../support/sealed-message.ts";
import { checkSupport } from "./doctor-support.ts";
import { listText, makeKeys } from "./ticket-commands.ts";

const support = (text: string) => parseConfig(`[support]\n${text}`, "lethe.toml");

test("the key that is made is the owner's alone, is taken by lethe.toml, opens letters, and is never written over", async () => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-keys-"));
  try {
    const file = join(folder, "support.key");
    const { recipient } = await makeKeys(file);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const identity = /^AGE-SECRET-KEY-1[A-Z0-9]+$/m.exec(readFileSync(file, "utf8"))![0];
    assert.equal(await openMessage(await sealMessage("hello", [recipient]), [identity]), "hello");
    assert.equal(checkSupport(support(`to = ["${recipient}"]`)).state, "good");
    await assert.rejects(makeKeys(file), /is there already; nothing was changed/);
    assert.ok(readFileSync(file, "utf8").includes(identity));
    await assert.rejects(makeKeys(join(folder, "nowhere", "key")), /cannot be written/);
    const wrong = `${recipient.slice(0, -1)}${recipient.endsWith("q") ? "p" : "q"}`;
    assert.equal(checkSupport(support(`to = ["${wrong}"]`)).state, "bad");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("without a key the doctor and the list of tickets say what to do", () => {
  const { state, found } = checkSupport(support(""));
  assert.deepEqual([state, /nobody can write to you/.test(found)], ["note", true]);
  assert.match(checkSupport(support('contact_address = "help@example.net"')).found, /takes no letters/);
  assert.match(listText({ reachable: false, tickets: [] }), /lethe ticket keys FILE/);
});

test("what is no address and no recipient in [support] is refused with its line", () => {
  for (const line of ['to = "age1"', 'to = ["nonsense"]', 'abuse_address = "a b@c"', 'contact_address = "x"'])
    assert.throws(() => support(line), /lethe\.toml:2: support\./, line);
});
