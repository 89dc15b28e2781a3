import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../../lib/clock.ts";
import { LINK_MINUTES, VISIT_HOURS, Visits } from "./visits.ts";

const MINUTE = 60_000;

test("a link lets one visit in, once, and for five minutes", () => {
  const clock = new FakeClock();
  const visits = new Visits(clock);
  const code = visits.invite();
  assert.match(code, /^[\w-]{43}$/);
  assert.equal(visits.enter(`${code}x`), undefined);
  assert.equal(visits.enter(""), undefined);
  const cookie = visits.enter(` ${code}\n`);
  assert.ok(cookie !== undefined && cookie !== code);
  assert.equal(visits.enter(code), undefined, "used up");
  assert.ok(visits.of(cookie));
  assert.equal(visits.of(code), undefined, "the link's code is no cookie");
  const late = visits.invite();
  clock.jump(-3_600_000);
  clock.advance(LINK_MINUTES * MINUTE);
  assert.equal(visits.enter(late), undefined, "over, whatever the machine's clock says");
});

test("a visit ends when it is left, after an hour without a page, and after eight hours", () => {
  const clock = new FakeClock();
  const visits = new Visits(clock);
  const enter = () => visits.enter(visits.invite())!;
  const left = enter();
  visits.leave(left);
  assert.equal(visits.of(left), undefined);
  const idle = enter();
  const busy = enter();
  for (let minutes = 0; minutes < VISIT_HOURS * 60 - 30; minutes += 30) {
    clock.advance(30 * MINUTE);
    assert.ok(visits.of(busy));
  }
  assert.equal(visits.of(idle), undefined);
  clock.advance(30 * MINUTE);
  assert.equal(visits.of(busy), undefined);
  assert.equal(visits.open, false);
});

test("all of it can be ended at once, and each visit has a token of its own", () => {
  const visits = new Visits(new FakeClock());
  const [one, other] = [visits.enter(visits.invite())!, visits.enter(visits.invite())!];
  assert.notEqual(visits.of(one)?.formToken, visits.of(other)?.formToken);
  const unused = visits.invite();
  assert.equal(visits.endAll(), 2);
  assert.deepEqual([visits.of(one), visits.enter(unused), visits.open], [undefined, undefined, false]);
});

test("memory is bounded: the oldest give way", () => {
  const visits = new Visits(new FakeClock());
  const codes = Array.from({ length: 17 }, () => visits.invite());
  assert.equal(visits.enter(codes[0]!), undefined);
  const cookies = [
    visits.enter(codes[1]!)!,
    ...Array.from({ length: 32 }, () => visits.enter(visits.invite())!),
  ];
  assert.equal(visits.of(cookies[0]), undefined);
  assert.ok(visits.of(cookies[1]));
});
