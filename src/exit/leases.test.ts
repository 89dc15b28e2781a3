import assert from "node:assert/strict";
import { test } from "node:test";
import type { LoginAttempt, Session } from "./authorise.ts";
import { Leases } from "./leases.ts";

const attempt = (change: Partial<LoginAttempt> = {}): LoginAttempt => ({
  service: "socks5",
  username: "abcdefghijkl",
  password: "right",
  address: "192.0.2.7",
  ...change,
});

/** A lease of four slots under the id 1, the first in use. */
function world() {
  const told: string[] = [];
  const leases = new Leases({
    giveBack: (id, slots) => told.push(`${slots} of ${id}`),
    close: (id) => told.push(`${id} over`),
  });
  const cuts: string[] = [];
  const watch = (name: string, session: Session | undefined): Session => {
    assert.ok(session, `${name} is admitted`);
    session.onCut(() => cuts.push(name));
    return session;
  };
  const first = watch("first", leases.add(1, 4, attempt()));
  const open = (name: string) => watch(name, leases.take(attempt()));
  return { leases, told, cuts, first, open };
}

test("a lease admits the same name and password from the same address, as often as it has slots, and tells nobody", () => {
  const it = world();
  it.open("a").close();
  for (const name of ["b", "c"]) it.open(name);
  assert.ok(it.leases.take(attempt({ service: "http" })));
  assert.equal(it.leases.take(attempt()), undefined);
  it.first.close();
  it.first.close();
  it.open("d");
  assert.equal(it.leases.take(attempt()), undefined);
  assert.deepEqual(it.told, []);
});

test("whatever differs from what the keeper has admitted is not admitted by a lease", () => {
  const it = world();
  for (const change of [
    { password: "wrong" },
    { password: "" },
    { password: "right " },
    { username: "mmmmmmmmmmmm" },
    { username: "ABCDEFGHIJKL" },
    { address: "192.0.2.8" },
    { address: "" },
    { username: "abcdefghijklr", password: "ight" },
    { username: "abcdefghijk", password: "lright" },
    { service: "openvpn" },
  ] satisfies Partial<LoginAttempt>[]) {
    assert.equal(it.leases.take(attempt(change)), undefined, JSON.stringify(change));
  }
  it.open("the same");
});

test("what was not needed between two looks goes back, and what was needed stays", () => {
  const it = world();
  const a = it.open("a");
  it.leases.look();
  assert.deepEqual(it.told, ["2 of 1"]);
  a.close();
  it.leases.look();
  assert.deepEqual(it.told, ["2 of 1"], "free for a moment only");
  it.leases.look();
  assert.deepEqual(it.told, ["2 of 1", "1 of 1"]);
  assert.equal(it.leases.take(attempt()), undefined);
  it.first.close();
  for (let look = 0; look < 5; look++) {
    it.leases.look();
    it.open("one after the other").close();
  }
  assert.equal(it.leases.slots, 1);
  it.leases.look();
  it.leases.look();
  assert.equal(it.leases.slots, 0);
  assert.deepEqual(it.told, ["2 of 1", "1 of 1", "1 over"]);
  assert.equal(it.leases.take(attempt()), undefined);
});

test("a lease recalled: its sessions stay, free slots go back at once, the others as they become free", () => {
  const it = world();
  const a = it.open("a");
  it.leases.recall(1);
  assert.deepEqual(it.told, ["2 of 1"]);
  assert.equal(it.leases.take(attempt()), undefined);
  a.close();
  it.first.close();
  assert.deepEqual(it.told, ["2 of 1", "1 of 1", "1 over"]);
  assert.deepEqual(it.cuts, []);
  it.leases.recall(1);
  it.leases.recall(7);
});

test("a lease cut: its sessions end once, nobody is admitted by it, and nothing is given back", () => {
  const it = world();
  it.open("a");
  it.open("b").close();
  it.leases.cut(1);
  it.leases.cut(1);
  assert.deepEqual(it.cuts, ["first", "a"]);
  assert.equal(it.leases.take(attempt()), undefined);
  it.first.close();
  it.leases.look();
  assert.deepEqual(it.told, []);
  assert.equal(it.leases.slots, 0);
});

test("a lease cut stops the other leases of the same login too", () => {
  const it = world();
  it.leases.add(2, 4, attempt());
  it.leases.cut(1);
  assert.equal(it.leases.take(attempt()), undefined);
  assert.deepEqual(it.told, ["3 of 2"]);
});

test("the keeper lost: every lease and session ends", () => {
  const it = world();
  it.leases.add(2, 4, attempt({ username: "mmmmmmmmmmmm" })).onCut(() => it.cuts.push("other"));
  it.leases.cutAll();
  assert.deepEqual(it.cuts, ["first", "other"]);
  assert.equal(it.leases.slots, 0);
  assert.equal(it.leases.take(attempt()), undefined);
});

test("after ten seconds the keeper is asked again, however busy the lease is", () => {
  const it = world();
  for (let look = 0; look < 19; look++) {
    const both = [it.open("a"), it.open("b"), it.open("c")];
    it.leases.look();
    for (const session of both) session.close();
  }
  it.leases.look();
  assert.equal(it.leases.take(attempt()), undefined);
  assert.equal(it.leases.slots, 1);
});
