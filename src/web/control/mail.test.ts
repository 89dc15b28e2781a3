import assert from "node:assert/strict";
import { test } from "node:test";
import { Hono } from "hono";
import type { Delivery } from "../../mail/letter.ts";
import { addMailControl } from "./mail.ts";

const asked = async (outcome: Delivery | "address-invalid" | undefined) => {
  const app = new Hono();
  addMailControl(app, outcome && { test: async () => outcome, waiting: async () => 3 });
  const init = { method: "POST", body: JSON.stringify({ address: "op@example.org" }) };
  const answer = await app.request("/mail/test", init);
  return { status: answer.status, body: (await answer.json()) as { sent?: true; error?: string } };
};

test("each outcome of a test letter is told in the operator's words", async () => {
  assert.deepEqual(await asked("sent"), { status: 200, body: { sent: true } });
  const words: [Delivery | "address-invalid", RegExp][] = [
    ["refused", /is the address right/],
    ["later", /may later/],
    ["unreachable", /mail\.host.*mail\.port/],
    ["tls", /certificate fit mail\.host/],
    ["login", /mail\.user.*mail\.password_file/],
    ["sender", /mail\.from/],
    ["address-invalid", /no e-mail address/],
  ];
  for (const [outcome, word] of words) {
    const { status, body } = await asked(outcome);
    assert.equal(status, 400);
    assert.match(body.error!, word);
  }
  assert.match((await asked(undefined)).body.error!, /\[mail\] of lethe\.toml/);
});
