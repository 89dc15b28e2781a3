import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { signedUp } from "../testkit.ts";
import { type AdminBench, newAccount, type Operator, openAdminBench, operatorOf } from "./testkit.ts";

describe("an operator, of accounts,", () => {
  let bench: AdminBench;
  let operator: Operator;
  before(async () => {
    bench = await openAdminBench();
    operator = await operatorOf(bench);
  });
  after(() => bench.close());

  it("makes an account, with a password that is shown once or with one that is chosen", async () => {
    const make = (fields: Record<string, string>) =>
      operator.fill("accounts", "account-new", { days: "10", ...fields });
    const made = await make({ name: "Walk-in", email: "walk@example.org" });
    assert.equal(made.status, 200);
    const password = /<code>((?:[a-z2-7]{5}-){3}[a-z2-7]{5})<\/code>/.exec(made.text)?.[1];
    assert.ok(password);
    const { id, paidUntil } = (await bench.accounts.byName("walk-in"))!;
    assert.equal(paidUntil, Math.floor(bench.clock.now() / 1000) + 10 * 86_400);
    assert.equal((await bench.accounts.logIn("walk-in", password))?.account.id, id);
    const shown = await operator.fill("accounts", "accounts", { name: "walk-in" });
    assert.match(shown.text, /walk@example\.org/);
    assert.ok(!shown.text.includes(password));
    const chosen = await make({ name: "chooser", password: " spaces stay here ", days: "0" });
    assert.doesNotMatch(chosen.text, /spaces stay here|Its password/);
    assert.equal((await bench.accounts.byName("chooser"))?.paidUntil, undefined);
    assert.ok(await bench.accounts.logIn("chooser", " spaces stay here "));
    for (const [wrong, why] of [
      [{ name: "walk-in" }, /already/],
      [{ name: "a" }, /3 to 40/],
      [{ name: "short", password: "short" }, /at least 10/],
      [{ name: "later", email: "no-address" }, /no e-mail address/],
      [{ name: "later", days: "3661" }, /from 0 to/],
      [{ name: "later", days: "-1" }, /from 0 to/],
    ] as const) {
      const refused = await make(wrong);
      assert.equal(refused.status, 422, why.source);
      assert.match(refused.text, why);
    }
    const again = await make({ name: '"><script>', password: "secret of somebody", email: "a@example.org" });
    assert.match(again.text, /value="&quot;&gt;&lt;script&gt;"/, "what was typed is still there");
    assert.match(again.text, /value="a@example\.org"/);
    assert.doesNotMatch(again.text, /secret of somebody|<script>/);
    for (const name of ["short", "later"]) assert.equal(await bench.accounts.byName(name), undefined);
  });

  it("finds an account by its name or by published credentials, and acts on it", async () => {
    await signedUp(bench, "alice", { email: "alice@example.org" });
    const { id } = (await bench.accounts.byName("alice"))!;
    const found = await operator.fill("accounts", "accounts", { name: "Alice" });
    assert.match(found.text, /alice@example\.org/);
    const { username } = await bench.accounts.vpnCredentials(id);
    const published = await operator.fill("accounts", "accounts", { vpnUsername: username });
    assert.match(published.text, /<h2>alice<\/h2>/);
    const act = (action: string, more: Record<string, string> = {}) =>
      operator.fill("accounts", "account", { name: "alice", action, ...more });
    assert.equal((await act("extend", { days: "0" })).status, 422);
    assert.equal((await act("extend", { days: "1e3" })).status, 422);
    await act("extend", { days: "10" });
    assert.equal(
      (await bench.accounts.byName("alice"))?.paidUntil,
      Math.floor(bench.clock.now() / 1000) + 10 * 86_400,
    );
    assert.match((await act("terminate")).text, /terminated: no access/);
    assert.match((await act("extend", { days: "10" })).text, /reinstate it first/);
    assert.match((await act("reinstate")).text, /has access/);
    await act("renew");
    assert.notEqual((await bench.accounts.vpnCredentials(id)).username, username);
    assert.match(
      (await operator.fill("accounts", "accounts", { vpnUsername: username })).text,
      /No account has that VPN username/,
    );
    assert.equal((await act("delete")).status, 422);
    assert.match((await act("delete", { sure: "yes" })).text, /Deleted\./);
    assert.equal(await bench.accounts.byName("alice"), undefined);
    assert.match((await act("terminate")).text, /no account of that name/);
  });

  it("renews every account's VPN credentials after a seizure, and only where it is meant", async () => {
    const people = await Promise.all(["bob", "carol"].map((name) => newAccount(bench, name)));
    const credentials = () => Promise.all(people.map(({ id }) => bench.accounts.vpnCredentials(id)));
    const before = await credentials();
    assert.equal((await operator.fill("accounts", "accounts-renew", {})).status, 422);
    assert.deepEqual([await credentials(), bench.timesAllRenewed()], [before, 0]);
    const done = await operator.fill("accounts", "accounts-renew", { sure: "yes" });
    assert.match(done.text, /New VPN credentials for \d+ accounts\. Every device needs the new ones\./);
    const after = await credentials();
    for (const [index, { username, password }] of after.entries()) {
      assert.notEqual(username, before[index]?.username);
      assert.notEqual(password, before[index]?.password);
    }
    assert.equal(bench.timesAllRenewed(), 1, "what opens the NT hashes is renewed with them");
  });
});
