import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfig } from "./config.ts";
import { notesOfPlace, placeNotSaid } from "./place-said.ts";

test("an operator is told of what visitors read until the server's place is said", () => {
  const of = (text: string) => parseConfig(text, "lethe.toml");
  assert.match(notesOfPlace(of(""))[0]!, /"Unknown city, Unknown country".*server\.city/);
  assert.equal(placeNotSaid(of('[server]\ncity = "Oslo"\n')), "Oslo, Unknown country");
  assert.deepEqual(notesOfPlace(of('[server]\ncity = "Oslo"\ncountry = "Norway"\n')), []);
});
