import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readAllowed, readHandshakes, readHeard } from "./wg-lines.ts";

const one = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
const other = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=";

test("handshakes, bytes and addresses as wg prints them", () => {
  assert.deepEqual(
    readHandshakes(`${one}\t1700000000\n${other}\t0\n`),
    new Map([
      [one, 1_700_000_000],
      [other, 0],
    ]),
  );
  assert.deepEqual(readHeard(`${one}\t148\t92\n${other}\t0\t0\n`), new Set([one]));
  assert.deepEqual(
    readAllowed(`${one}\t10.96.0.1/32 fd6c:6574:6865:a000::1/128\n${other}\t(none)\n`),
    new Map([
      [one, "10.96.0.1/32 fd6c:6574:6865:a000::1/128"],
      [other, "(none)"],
    ]),
  );
});

test("lines that wg does not print are left out", () => {
  const odd = `\n${one}\tnever\nshort=\t5\n${other}\t-1\n${other}\n${one} 7\n`;
  assert.equal(readHandshakes(odd).size, 0);
  assert.equal(readHeard(odd).size, 0);
});

test("no text makes the readers throw", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      for (const read of [readHandshakes, readHeard, readAllowed]) assert.ok(read(text).size >= 0);
    }),
  );
});
