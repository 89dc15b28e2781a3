import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { FakeClock } from "../lib/clock.ts";
import { openTestStore } from "../store/testing.ts";
import { Accounts } from "./accounts.ts";
import { MailLinks } from "./mail-links.ts";

const PASSWORD = "correct horse battery";

async function opened() {
  const { store } = await openTestStore("sqlite");
  const clock = new FakeClock();
  const accounts = new Accounts({ store, clock, siteSecret: randomBytes(32) });
  const made = await accounts.signUp({ name: "rosa", password: PASSWORD, email: "rosa@example.org" });
  assert.ok(made.ok);
  const links = new MailLinks({ accounts, clock, secret: randomBytes(32) });
  return { store, clock, accounts, links, id: made.value.id };
}

test("a password is set anew for a stamp once, and for no other account's", async () => {
  const { store, accounts, id } = await opened();
  const { stamp } = (await accounts.stampOf(id))!;
  const other = await accounts.signUp({ name: "anna", password: PASSWORD });
  assert.ok(other.ok);
  const reset = (who: string, password: string) =>
    accounts.login.resetPassword(who, stamp, password, { renewVpn: false });
  assert.deepEqual(await reset(other.value.id, "some other words"), { ok: false, error: "link-over" });
  assert.deepEqual(await reset(id, "short"), { ok: false, error: "password-short" });
  assert.ok((await reset(id, "some other words")).ok);
  assert.deepEqual(await reset(id, "and once more so"), { ok: false, error: "link-over" });
  assert.equal(await accounts.logIn("rosa", PASSWORD), undefined);
  assert.ok(await accounts.logIn("rosa", "some other words"));
  assert.ok(await accounts.logIn("anna", PASSWORD));
  await store.close();
});

test("with new VPN credentials the old ones are gone", async () => {
  const { store, accounts, id } = await opened();
  const before = await accounts.vpnCredentials(id);
  const { stamp } = (await accounts.stampOf(id))!;
  assert.ok((await accounts.login.resetPassword(id, stamp, "some other words", { renewVpn: true })).ok);
  assert.notDeepEqual(await accounts.vpnCredentials(id), before);
  await store.close();
});

test("a link opens for its kind, its office and its account as it was; an account without an address has none", async () => {
  const { store, clock, accounts, links, id } = await opened();
  const link = (await links.issue("reset-password", id))!;
  assert.equal((await links.open("reset-password", link))?.account.name, "rosa");
  assert.equal(await links.open("confirm-email", link), undefined);
  const elsewhere = new MailLinks({ accounts, clock, secret: randomBytes(32) });
  assert.equal(await elsewhere.open("reset-password", link), undefined);
  for (let at = 0; at < link.length; at += 7) {
    const altered = `${link.slice(0, at)}${link[at] === "A" ? "B" : "A"}${link.slice(at + 1)}`;
    assert.equal(await links.open("reset-password", altered), undefined, String(at));
  }
  assert.ok(!Buffer.from(link, "base64url").includes(id), "no account reference stands in a letter");
  assert.equal(await accounts.login.confirmEmail(id, "another@example.org"), false);
  assert.equal(await accounts.login.confirmEmail(id, "rosa@example.org"), true);
  assert.equal(await links.open("reset-password", link), undefined);
  await accounts.login.changeEmail(id, PASSWORD, undefined);
  assert.equal(await links.issue("reset-password", id), undefined);
  await accounts.remove(id);
  assert.equal(await links.issue("reset-password", id), undefined);
  await store.close();
});
