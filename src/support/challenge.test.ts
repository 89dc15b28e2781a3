import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../lib/clock.ts";
import { CHALLENGE_LIFETIME_S, Challenges, WAIT_S, WORK_BITS, worked } from "./challenge.ts";

const NUMBERS =
  "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty".split(
    " ",
  );
const totalOf = ([a, b]: readonly [string, string]): number => NUMBERS.indexOf(a) + NUMBERS.indexOf(b) + 2;

/** As contact.js does. */
function work(challenge: string): string {
  for (let counter = 0; ; counter++)
    if (worked(challenge, String(counter), WORK_BITS)) return String(counter);
}

function site() {
  const clock = new FakeClock();
  return { clock, challenges: new Challenges(new Uint8Array(32), clock) };
}

test("the work of a script is taken at once, and for its own challenge alone", () => {
  const { challenges } = site();
  const { challenge } = challenges.issue();
  const counter = work(challenge);
  const answer = challenges.check({ challenge, work: counter, sum: "" });
  assert.equal(typeof answer === "object" && answer.kind, "work");
  const other = challenges.issue().challenge;
  for (const text of [String(Number(counter) + 1), "-1", "1e3", "0x1", "9".repeat(400), " "])
    assert.equal(challenges.check({ challenge, work: text, sum: "" }), "wrong", text);
  assert.equal(challenges.check({ challenge: other, work: counter, sum: "" }), "wrong");
  assert.ok(WORK_BITS >= 16);
});

test("without a script the sum is taken in digits or as a word, and not before somebody can have read the form", () => {
  const { challenges, clock } = site();
  const { challenge, sum } = challenges.issue();
  const right = String(totalOf(sum));
  assert.equal(challenges.check({ challenge, work: "", sum: right }), "early");
  // The form that is shown again has the same sum.
  assert.deepEqual(challenges.issue(challenge), { challenge, sum });
  clock.advance(WAIT_S * 1000);
  const answer = challenges.check({ challenge, work: "", sum: ` ${right} ` });
  assert.equal(typeof answer === "object" && answer.kind, "sum");
  for (const text of ["", "0", `${right}0`, "many"])
    assert.equal(challenges.check({ challenge, work: "", sum: text }), "wrong", text);
  for (;;) {
    const small = challenges.issue();
    if (totalOf(small.sum) > 20) continue;
    clock.advance(WAIT_S * 1000);
    const word = NUMBERS[totalOf(small.sum) - 1]!.toUpperCase();
    assert.equal(typeof challenges.check({ ...small, work: "", sum: word }), "object");
    break;
  }
});

test("one that is altered, another site's, from the future or too old is refused", () => {
  const { challenges, clock } = site();
  const { challenge, sum } = challenges.issue();
  const answer = { work: "", sum: String(totalOf(sum)) };
  const bytes = Buffer.from(challenge, "base64url");
  for (let at = 0; at < bytes.length; at++) {
    const altered = Buffer.from(bytes);
    altered[at]! ^= 1;
    assert.equal(challenges.check({ challenge: altered.toString("base64url"), ...answer }), "forged");
  }
  for (const text of ["", challenge.slice(1), `${challenge}A`, `${challenge}=`, "x".repeat(60_000)])
    assert.equal(challenges.check({ challenge: text, ...answer }), "forged");
  const foreign = new Challenges(new Uint8Array(32).fill(1), clock).issue();
  assert.equal(challenges.check({ challenge: foreign.challenge, ...answer }), "forged");
  clock.jump(-3_600_000);
  assert.equal(challenges.check({ challenge, ...answer }), "stale");
  clock.jump(3_600_000 + (CHALLENGE_LIFETIME_S + 1) * 1000);
  assert.equal(challenges.check({ challenge, ...answer }), "stale");
  assert.equal(challenges.idOf(challenge), undefined);
  assert.notEqual(challenges.issue(challenge).challenge, challenge);
});
