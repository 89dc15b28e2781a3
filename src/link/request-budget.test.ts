import assert from "node:assert/strict";
import { test } from "node:test";
import { RequestBudget } from "./request-budget.ts";

test("a server that asks without end is held to a rate, the others are not", () => {
  let now = 0;
  const budget = new RequestBudget(() => now);
  const asked = (server: string, times: number) =>
    Array.from({ length: times }, () => budget.take(server)).filter(Boolean).length;
  assert.equal(asked("a1", 1000), 500);
  assert.equal(asked("b1", 100), 100);
  now += 1000;
  assert.equal(asked("a1", 1000), 50);
  now += 3_600_000;
  assert.equal(asked("a1", 1000), 500);
});

test("a costly request takes what so many ordinary ones would", () => {
  let now = 0;
  const budget = new RequestBudget(() => now);
  const signed = () => Array.from({ length: 100 }, () => budget.take("a1", 100)).filter(Boolean).length;
  assert.equal(signed(), 5);
  now += 10_000;
  assert.equal(signed(), 5);
  now += 1000;
  assert.equal(signed(), 0);
  assert.equal(budget.take("a1"), true);
});
