import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Hono } from "hono";
import { type Bench, openBench, PASSWORD } from "../testkit.ts";
import { addDisclosureControl, type Disclosed } from "./disclosure.ts";

let bench: Bench;
before(async () => {
  bench = await openBench();
});
after(() => bench.close());

const disclose = async (name: string): Promise<Disclosed> => {
  const app = new Hono();
  addDisclosureControl(app, bench);
  const answer = await app.request("/accounts/disclose", { method: "POST", body: JSON.stringify({ name }) });
  assert.equal(answer.status, 200);
  return (await answer.json()) as Disclosed;
};

test("the answer has every value of the account's that can be read, devices included, and no secret", async () => {
  const made = await bench.accounts.signUp({ name: "otter", password: PASSWORD, email: "otter@example.org" });
  assert.ok(made.ok);
  await bench.accounts.extend(made.value.id, 30);
  const key = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="; // Alice's public key of RFC 7748 section 6.1
  const device = await bench.devices.add(made.value.id, { publicKey: key, name: "phone" });
  assert.ok(device.ok);
  const { known, lines } = await disclose("Otter");
  const text = lines.join("\n");
  assert.ok(known);
  for (const part of [
    "called otter",
    "otter@example.org (as the member typed it",
    "2030-01-31 00:00 UTC",
    key,
    "phone",
  ])
    assert.ok(text.includes(part), part);
  const { password } = await bench.accounts.vpnCredentials(made.value.id);
  assert.ok(!text.includes(password));
  assert.ok(text.length < 2000, "short");
});

test("nobody's name, a deleted account's, and what can be no name get the same true answer", async () => {
  const made = await bench.accounts.signUp({ name: "gone", password: PASSWORD });
  assert.ok(made.ok);
  await bench.accounts.remove(made.value.id);
  for (const name of ["gone", "nobody", "no%body"]) {
    const { known, lines } = await disclose(name);
    assert.equal(known, false);
    assert.deepEqual(lines[0], `There is no account called ${name}.`);
  }
});
