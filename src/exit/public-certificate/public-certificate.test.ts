import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { selfSigned } from "../../certificates/testing.ts";
import type { Challenge } from "../../link/public-certificate.ts";
import { recordingLog, settingsFor } from "../../link/testing.ts";
import type { ExitPublicCertificate } from "../messages.ts";
import { PublicCertificate } from "./public-certificate.ts";

const NAME = "london1.example.net";
const CHALLENGE: Challenge = {
  token: "a".repeat(43),
  keyAuthorization: `${"a".repeat(43)}.${"b".repeat(43)}`,
};
let folder: string;
let answered: Challenge[][];
let told: ExitPublicCertificate[];
let heard: string[];
const { log, events } = recordingLog();
const open = (answers: boolean) =>
  new PublicCertificate({
    folder,
    answers,
    log,
    answer: (challenges) => answered.push(challenges),
    tellKeeper: (message) => told.push(message),
    onPair: () => heard.push("pair"),
    passAgain: () => heard.push("pass"),
  });
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lethe-public-"));
  [answered, told, heard] = [[], [], []];
  events.length = 0;
});
afterEach(() => rmSync(folder, { recursive: true }));

const plain = settingsFor("london1");
const named = { ...plain, publicName: NAME };

test("with a name the office is asked; without one it hears that there is none, and nothing is answered any more", () => {
  const exit = open(true);
  exit.answerChallenges([CHALLENGE]);
  assert.deepEqual(answered, []);
  exit.update(named);
  assert.match(told.at(-1)?.standing?.request ?? "", /BEGIN CERTIFICATE REQUEST/);
  exit.answerChallenges([CHALLENGE]);
  assert.deepEqual(answered, [[CHALLENGE]]);
  exit.update(plain);
  assert.deepEqual(told.at(-1), { type: "public-certificate" });
  assert.deepEqual(answered, [[CHALLENGE], []]);
});

test("where port 80 is the site's, the exit answers nothing there", () => {
  const exit = open(false);
  exit.update(named);
  exit.answerChallenges([CHALLENGE]);
  assert.deepEqual(answered, []);
});

test("a certificate that is not for our key is refused: nothing is shown, and IKEv2 is not told", () => {
  const exit = open(true);
  exit.update(named);
  heard = [];
  exit.install(selfSigned([NAME], 60).certificate);
  assert.equal(exit.pair, undefined);
  assert.deepEqual(heard, []);
  assert.deepEqual(events.at(-1)?.code, "certificate-refused");
});

test("the operator's files are shown by the proxies and by IKEv2, and said once", () => {
  const exit = open(true);
  const pair = selfSigned([NAME], 60);
  mkdirSync(join(folder, "public"));
  writeFileSync(join(folder, "public", "privkey.pem"), pair.key, { mode: 0o600 });
  writeFileSync(join(folder, "public", "fullchain.pem"), pair.certificate);
  exit.start();
  exit.update(named);
  exit.refresh();
  exit.close();
  assert.equal(exit.pair?.certificate, pair.certificate);
  assert.equal(exit.ofIkev2(named)?.certificate, pair.certificate);
  assert.equal(told.at(-1)?.standing?.request, undefined);
  assert.equal(events.filter(({ code }) => code === "certificate-installed").length, 1);
});
