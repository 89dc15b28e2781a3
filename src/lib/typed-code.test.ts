import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { base32 } from "./base32.ts";
import { grouped, plainCode } from "./typed-code.ts";

const PLAIN = "abcdefghijklmnopqb2o";

test("a code is shown in groups, the last one as long as is left", () => {
  assert.equal(grouped(PLAIN), "abcde-fghij-klmno-pqb2o");
  assert.equal(grouped("abcdefghijklmnop", 4), "abcd-efgh-ijkl-mnop");
  assert.equal(grouped("abcdefg"), "abcde-fg");
  assert.equal(grouped("abcde"), "abcde");
  assert.equal(grouped(""), "");
});

test("a code is taken however it was typed", () => {
  const code = grouped(PLAIN);
  for (const typed of [code, PLAIN, code.toUpperCase(), ` ${code}\n`, `\t${grouped(PLAIN, 4)}\r\n`])
    assert.equal(plainCode(typed, 20), PLAIN, typed);
  assert.equal(plainCode("ABCDE-FGHIJ-K1MN0-PQ820", 20), PLAIN, "1, 8 and 0 are l, b and o");
  assert.equal(plainCode("abcd–efgh—10b2–mnop", 16), "abcdefghlob2mnop");
});

test("no dash and no space of Unicode's stands in the way", () => {
  let count = 0;
  for (let point = 0; point <= 0xffff; point++) {
    const character = String.fromCharCode(point);
    // U+2212 is what word processors make of a hyphen among digits; it is a sign of mathematics and not in Pd.
    if (!/^[\p{Pd}\p{Zs}\u2212\s]$/u.test(character)) continue;
    count++;
    const typed = `${character}${grouped(PLAIN).replaceAll("-", character)}${character}`;
    assert.equal(plainCode(typed, 20), PLAIN, `U+${point.toString(16)}`);
  }
  assert.ok(count > 40, `${count} characters`);
});

test("what can be no code is none", () => {
  for (const typed of [
    "",
    PLAIN.slice(1),
    `${PLAIN}a`,
    `${PLAIN.slice(1)}9`,
    `${PLAIN.slice(1)}é`,
    `${PLAIN.slice(1)}_`,
    "../../etc",
    `${PLAIN}${" ".repeat(81)}`,
    "a".repeat(1_000_000),
  ])
    assert.equal(plainCode(typed, 20), undefined, typed.slice(0, 120));
  assert.equal(plainCode(`${PLAIN}${" ".repeat(80)}`, 20), PLAIN);
  assert.equal(plainCode(PLAIN, 16), undefined);
  assert.equal(plainCode("", 10), undefined);
});

test("every code comes back from its groups, and nothing but a code comes of any text", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 8 }), (characters, size) => {
      const code = base32(randomBytes(13), characters);
      assert.equal(plainCode(grouped(code, size).toUpperCase(), characters), code);
    }),
  );
  fc.assert(fc.property(fc.string(), (typed) => /^([a-z2-7]{20})?$/.test(plainCode(typed, 20) ?? "")));
});
