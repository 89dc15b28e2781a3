import assert from "node:assert/strict";
import { test } from "node:test";
import { disclosure } from "./disclosure.ts";

test("what there is about an account is said in full, and what there is not, too", () => {
  const text = disclosure("Otter", {
    name: "otter",
    email: "otter@example.org",
    emailVerified: true,
    paidUntil: Date.UTC(2030, 0, 31) / 1000,
    deleteAfter: Date.UTC(2030, 2, 2) / 1000,
    takenBack: "28800 minutes",
    terminated: false,
    renews: true,
    devices: [{ name: undefined, publicKey: "KEY=", servers: ["london1"] }],
  }).join("\n");
  const flowing = text.replaceAll("\n", " ");
  for (const part of [
    "otter@example.org (confirmed by its owner)",
    "2030-01-31 00:00 UTC",
    "2030-03-02 00:00 UTC",
    "28800 minutes of paid time",
    "one runs at PayPal; a keyed hash of its number is stored",
    "the account's random number",
    "PayPal's number of the subscription",
    "the minute of the payment",
    "KEY=  without a name; may be online on london1",
    "Argon2id hash",
    "for 400 days",
  ])
    assert.ok(flowing.includes(part), part);
  assert.ok(text.length < 2000, "short");
  for (const line of text.split("\n")) assert.ok(line.length <= 118, line);
});

test("an account that nobody has is an answer", () => {
  assert.match(
    disclosure("nobody", undefined).join(" "),
    /There is no account called nobody\..*nothing is left/,
  );
});
