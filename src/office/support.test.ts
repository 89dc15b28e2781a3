import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { FakeClock } from "../lib/clock.ts";
import { ok } from "../lib/result.ts";
import { type Letter, letterProblem } from "../mail/letter.ts";
import { openTestStore } from "../store/testing.ts";
import { MESSAGE_CHARACTERS_MOST } from "../support/tickets.ts";
import { PLAIN_ENGLISH } from "../web/languages/language.ts";
import { parseConfig } from "./config.ts";
import { OfficeStartError } from "./start-errors.ts";
import { makeSupport, readOwnArticles } from "./support.ts";

async function office(settings: string, enqueue?: (letter: Letter) => Promise<never>) {
  const { store } = await openTestStore("sqlite");
  const clock = new FakeClock();
  const letters: Letter[] = [];
  const support = makeSupport({
    config: parseConfig(`[site]\nname = "Example"\n[support]\n${settings}`, "lethe.toml"),
    ownArticles: new Map(),
    store,
    clock,
    siteSecret: new Uint8Array(32),
    origin: "https://vpn.example.net",
    languages: [],
    language: PLAIN_ENGLISH,
    mail: {
      enqueue:
        enqueue ??
        (async (letter) => {
          letters.push(letter);
          return ok(undefined);
        }),
    },
  });
  return { support, letters, clock, store };
}

const recipient = await identityToRecipient(await generateX25519Identity());

const toSomeone = (withText: boolean) => ({ address: "someone@example.org", withText });

test("who wants the answer itself by e-mail gets it, as long as one can be, and never the question", async () => {
  const { support, letters, store } = await office(`to = ["${recipient}"]`);
  const { tickets } = support;
  const opened = await tickets.open({ once: "1", text: "A QUESTION", email: toSomeone(true) });
  assert.ok(opened.ok);
  const { number, secret } = opened.value;
  await tickets.answer(number, "THE ANSWER\nSubject: of two lines");
  await tickets.answer(number, `x${"\n".repeat(MESSAGE_CHARACTERS_MOST - 2)}x`);
  await tickets.answer(number, "🦦".repeat(MESSAGE_CHARACTERS_MOST));
  assert.equal(letters.length, 3);
  for (const letter of letters) {
    assert.equal(letterProblem(letter), undefined);
    assert.equal(letter.to, "someone@example.org");
    assert.ok(!letter.text.includes("QUESTION") && !letter.text.includes(secret));
    assert.ok(!letter.subject.includes("ANSWER"));
  }
  assert.ok(letters[0]!.text.includes("\n\n---\nTHE ANSWER\nSubject: of two lines\n---\n\n"));
  await tickets.close(number);
  assert.equal((await tickets.show(number))?.mailHasText, false, "forgotten with the address");
  await store.close();
});

test("mails say that there is something to read and nothing of it; the operator gets one an hour at most", async () => {
  const settings = `to = ["${recipient}"]\ncontact_address = "team@example.net"`;
  const { support, letters, clock, store } = await office(settings);
  const { tickets } = support;
  const first = await tickets.open({ once: "1", text: "A QUESTION", email: toSomeone(false) });
  await tickets.open({ once: "2", text: "ANOTHER" });
  assert.deepEqual(
    letters.map(({ to }) => to),
    ["team@example.net"],
  );
  clock.advance(3_600_001);
  assert.ok(first.ok);
  await tickets.reply(first.value, { once: "3", text: "AND MORE" });
  await tickets.answer(first.value.number, "THE ANSWER");
  assert.deepEqual(
    letters.map(({ to }) => to),
    ["team@example.net", "team@example.net", "someone@example.org"],
  );
  for (const letter of letters) {
    assert.equal(letterProblem(letter), undefined);
    assert.ok(!/QUESTION|ANOTHER|MORE|ANSWER/.test(letter.text + letter.subject));
  }
  assert.ok(letters[2]!.text.includes("https://vpn.example.net/ticket\n"));
  assert.ok(!letters[2]!.text.includes(first.value.secret));
  await store.close();
});

test("a mail queue that fails loses no letter and no answer", async () => {
  const { support, store } = await office(
    `to = ["${recipient}"]\ncontact_address = "team@example.net"`,
    async () => {
      throw new Error("disk full");
    },
  );
  const opened = await support.tickets.open({ once: "1", text: "hello", email: toSomeone(false) });
  assert.ok(opened.ok);
  assert.ok((await support.tickets.answer(opened.value.number, "yes")).ok);
  assert.equal((await support.tickets.read(opened.value))?.texts.length, 2);
  await store.close();
});

test("a recipient with a slip in it and an article that cannot be read end the start with a sentence", async () => {
  const slipped = `${recipient.slice(0, -1)}${recipient.endsWith("q") ? "p" : "q"}`;
  await assert.rejects(office(`to = ["${slipped}"]`), (error) => {
    assert.ok(error instanceof OfficeStartError);
    return error.message.includes("support.to") && error.message.includes(slipped);
  });
  const folder = mkdtempSync(join(tmpdir(), "lethe-texts-"));
  try {
    assert.equal(readOwnArticles(folder).size, 0);
    mkdirSync(join(folder, "help"));
    writeFileSync(join(folder, "help", "bad.md"), "no head");
    assert.throws(() => readOwnArticles(folder), /bad\.md: an article begins with a line \+\+\+/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
