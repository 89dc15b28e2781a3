import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { letterProblem } from "./letter.ts";

const letter = { to: "rosa@example.org", subject: "A subject", text: "Text\n" };

test("a letter of ours may be sent", () => {
  assert.equal(letterProblem(letter), undefined);
  assert.equal(
    letterProblem({ ...letter, to: "rosa+vpn@exämple.org", subject: "Zürich – Ångström" }),
    undefined,
  );
});

test("an address or a subject with a line break or another control character is refused", () => {
  for (const end of ["\n", "\r", "\r\n", "\0", "\u2028", "\u0085", "\u007f"]) {
    const more = `${end}Bcc: everybody@example.org`;
    assert.equal(letterProblem({ ...letter, to: `rosa@example.org${more}` }), "address-invalid");
    assert.equal(letterProblem({ ...letter, to: `rosa${end}@example.org` }), "address-invalid");
    assert.equal(letterProblem({ ...letter, subject: `A subject${more}` }), "subject-invalid");
  }
});

test("an address is one address", () => {
  for (const to of [
    "",
    "rosa",
    "rosa@",
    "@example.org",
    "a@example.org,b@example.org",
    "a@example.org b@example.org",
    "Rosa <rosa@example.org>",
    "rosa@example.org>",
    '"rosa"@example.org',
    "rosa@[192.0.2.1]",
    `${"a".repeat(250)}@example.org`,
  ])
    assert.equal(letterProblem({ ...letter, to }), "address-invalid", to);
});

test("a text is not empty, not endless, and has line feeds as line ends", () => {
  for (const text of ["", "a".repeat(20_001), "a\r\n", "a\0"])
    assert.equal(letterProblem({ ...letter, text }), "text-invalid");
  assert.equal(letterProblem({ ...letter, text: "a\tb\n.\nc" }), undefined);
});

test("whatever passes holds no line break outside its text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (to, subject) => {
      if (letterProblem({ to, subject, text: "x" }) === undefined)
        assert.ok(!/[\r\n\0]/.test(to + subject) && (to.match(/@/g) ?? []).length === 1);
    }),
  );
});
