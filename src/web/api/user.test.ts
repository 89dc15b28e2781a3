import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { FakeClock } from "../../lib/clock.ts";
import { type Bench, openBench, PASSWORD } from "../testkit.ts";

const clock = new FakeClock();
let bench: Bench;
before(async () => {
  bench = await openBench({ portForwarding: true }, clock);
});
after(() => bench.close());

const ask = async (fields: Record<string, string>, path = "/api/user") => {
  const answer = await bench.app.request(path, {
    method: "POST",
    body: new URLSearchParams(fields).toString(),
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("cache-control"), "no-store");
  return (await answer.json()) as Record<string, unknown>;
};
const member = async (name: string, days?: number) => {
  const made = await bench.accounts.signUp({ name, password: PASSWORD });
  assert.ok(made.ok);
  if (days !== undefined) await bench.accounts.extend(made.value.id, days);
  return made.value.id;
};

test("a paid account: its end in UTC, and the settings as strings", async () => {
  await member("otter", 30);
  const expected = {
    validUntil: "2030-01-31 00:00:00",
    randomExit: "0",
    neuroRouting: "0",
    defaultPortForwarding: "1",
    autorenew_pf: "0",
    customPorts: [],
  };
  for (const path of ["/api/user", "/api/user.php"])
    assert.deepEqual(await ask({ username: "otter", password: PASSWORD }, path), expected);
  const { serverGroups } = await ask({ username: "Otter", password: PASSWORD, getServerGroups: "" });
  assert.deepEqual(serverGroups, [
    { id: "1", name: "amsterdam" },
    { id: "2", name: "reykjavik" },
  ]);
  // A setting that is the operator's is told as it is.
  assert.deepEqual(
    await ask({ username: "otter", password: PASSWORD, defaultPortForwarding: "0" }),
    expected,
  );
});

test("clients that keep one pair for all may ask with the VPN username and password", async () => {
  const id = await member("marten", 1);
  const { username, password } = await bench.accounts.vpnCredentials(id);
  assert.equal((await ask({ username, password })).validUntil, "2030-01-02 00:00:00");
  assert.deepEqual(await ask({ username, password: "x".repeat(20) }), { error: "errorUsernamePassword" });
  assert.deepEqual(await ask({ username, password: PASSWORD }), { error: "errorUsernamePassword" });
});

test("each refusal has its code", async () => {
  await member("unpaid");
  await member("over", 1);
  await member("ended", 40);
  await bench.accounts.terminate("ended");
  clock.advance(86_400_000);
  const error = async (username: string, password = PASSWORD) => (await ask({ username, password })).error;
  assert.equal(await error("unpaid"), "errorExpired");
  assert.equal(await error("over"), "errorExpired");
  assert.equal(await error("ended"), "errorDisabled");
  assert.equal(await error("ended", "wrong password"), "errorUsernamePassword", "nobody else learns that");
  assert.equal(await error("nobody"), "errorUsernamePassword");
  assert.equal(await error("no%body"), "errorInvalidchars");
  assert.equal(await error(""), "errorInvalidchars");
  assert.equal(await error("over", ""), "errorUsernamePassword");
});

test("guessing is slowed, with the code of it, and a GET is refused", async () => {
  await member("guessed", 5);
  for (let count = 0; count < 5; count++)
    assert.equal((await ask({ username: "guessed", password: "wrong" })).error, "errorUsernamePassword");
  assert.equal((await ask({ username: "guessed", password: PASSWORD })).error, "errorApiCallLimit");
  assert.equal((await bench.app.request("/api/user?username=otter&password=x")).status, 405);
});
