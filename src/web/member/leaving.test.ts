import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { FakeClock } from "../../lib/clock.ts";
import { inventory, sweep } from "../../store/inventory.ts";
import { type Bench, openBench, PASSWORD, signedUp, Visitor } from "../testkit.ts";

const DAY_MS = 86_400_000;
const NO_ACCESS = /This account has no paid time: nothing below lets you in/;
const clock = new FakeClock();
let bench: Bench;
before(async () => {
  bench = await openBench({}, clock);
});
after(() => bench.close());

const idOf = async (name: string) => (await bench.accounts.byName(name))!.id;
const loggedIn = async (name: string) => {
  const visitor = new Visitor(bench.app);
  assert.equal((await visitor.fill("/log-in", "/log-in", { name, password: PASSWORD })).status, 303);
  return visitor;
};

test("everything stored about a member stands on a page: each column of the inventory that is about an account", async () => {
  const visitor = await signedUp(bench, "otter", { email: "otter@example.org" });
  const everything = (await bench.accounts.exportEverything(await idOf("otter")))!;
  const markup = await (await visitor.get("/member/everything")).text();
  for (const { table, column } of everything.stored) assert.ok(markup.includes(`${table}.${column}`), column);
  const columns = inventory.filter(({ place, table }) => place === "table" && table === "accounts");
  for (const { table, column } of columns) assert.ok(markup.includes(`${table}.${column}`), column);
  assert.ok(markup.includes("otter@example.org"));
  const { password } = await bench.accounts.vpnCredentials(await idOf("otter"));
  assert.ok(!markup.includes(password), "the VPN password is in the file alone");
});

test("looking, exporting and deleting go on working when the paid time is over", async () => {
  await signedUp(bench, "late");
  await bench.accounts.extend(await idOf("late"), 1);
  clock.advance(20 * DAY_MS);
  const visitor = await loggedIn("late");
  assert.equal((await visitor.get("/member/everything")).status, 200);
  assert.equal((await visitor.fill("/member/settings", "/member/export")).status, 200);
  const gone = await visitor.fill("/member/settings", "/member/delete", { password: PASSWORD });
  assert.equal(gone.headers.get("location"), "/account-gone");
  assert.equal(await bench.accounts.byName("late"), undefined);
});

test("deleting leads through PayPal first where a subscription runs", async () => {
  const visitor = await signedUp(bench, "renewing");
  await bench.accounts.noteSubscription(await idOf("renewing"), "I-BW452GLLEP1G", true);
  const page = await (await visitor.get("/member/settings")).text();
  await bench.accounts.extend(await idOf("renewing"), 1);
  const link = /<a href="https:\/\/www\.paypal\.com\/myaccount\/autopay\/" rel="noopener noreferrer">/;
  const overview = await (await visitor.get("/member")).text();
  assert.match(overview, link);
  assert.match(overview, /adds to it with each payment/);
  assert.match(page, /href="https:\/\/www\.paypal\.com\/myaccount\/autopay\/"/);
  assert.match(page, /name="subscription-cancelled"/);
  const refused = await visitor.fill("/member/settings", "/member/delete", { password: PASSWORD });
  assert.equal(refused.status, 422);
  assert.match(await refused.text(), /Cancel it at PayPal first/);
  assert.notEqual(await bench.accounts.byName("renewing"), undefined);
  const wrong = await visitor.fill("/member/settings", "/member/delete", {
    password: "wrong",
    "subscription-cancelled": "yes",
  });
  assert.equal(wrong.status, 422);
  const gone = await visitor.fill("/member/settings", "/member/delete", {
    password: PASSWORD,
    "subscription-cancelled": "yes",
  });
  assert.equal(gone.headers.get("location"), "/account-gone");
});

test("deleting says what becomes of a payment that was taken back, where there is one", async () => {
  const visitor = await signedUp(bench, "disputing");
  const id = await idOf("disputing");
  const note = /taken back\. If it is decided later that it stands, its days come back to this account/;
  assert.doesNotMatch(await (await visitor.get("/member/settings")).text(), note);
  await bench.accounts.extend(id, 30);
  const { paidUntil } = (await bench.accounts.stampOf(id))!.account;
  const span = { fromS: paidUntil! - 86_400, untilS: paidUntil! };
  await bench.accounts.transact(async (trx, announce) => ({
    ok: true,
    value: await bench.accounts.takeOutIn(trx, announce, id, span),
  }));
  assert.match(await (await visitor.get("/member/settings")).text(), note);
});

test("the API asks the same before it deletes", async () => {
  await signedUp(bench, "byapi");
  await bench.accounts.noteSubscription(await idOf("byapi"), "I-BW452GLLEP1G", true);
  const post = (path: string, body: object, token?: string) =>
    bench.app.request(path, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
    });
  const { token } = (await (await post("/api/v1/tokens", { name: "byapi", password: PASSWORD })).json()) as {
    token: string;
  };
  const refused = await post("/api/v1/account/deletion", { password: PASSWORD }, token);
  assert.equal(refused.status, 422);
  assert.match(await refused.text(), /"subscription-runs"/);
  const sure = { password: PASSWORD, subscriptionCancelled: true };
  assert.equal((await post("/api/v1/account/deletion", sure, token)).status, 204);
});

test("an account goes by itself 30 days after its paid time, not a sweep earlier", async () => {
  await signedUp(bench, "forgotten");
  await bench.accounts.extend(await idOf("forgotten"), 1);
  const { deleteAfter } = (await bench.accounts.byName("forgotten"))!;
  clock.advance(deleteAfter * 1000 - clock.now() - 1000);
  await sweep(bench.store, clock);
  assert.notEqual(await bench.accounts.byName("forgotten"), undefined);
  clock.advance(1000);
  await sweep(bench.store, clock);
  assert.equal(await bench.accounts.byName("forgotten"), undefined);
});

test("until PayPal's late payment is there, the pages say what the servers do", async () => {
  await signedUp(bench, "waiting");
  const id = await idOf("waiting");
  const textOf = async (path: string) => (await (await loggedIn("waiting")).get(path)).text();
  await bench.accounts.extend(id, 1);
  clock.advance(DAY_MS + 3_600_000);
  assert.match(await textOf("/member"), /run out/);
  assert.match(await textOf("/member/connect"), NO_ACCESS);
  await bench.accounts.noteSubscription(id, "I-BW452GLLEP1G", true);
  const told = await textOf("/member");
  assert.match(told, /active.*its next payment has not come yet\. Access goes on until/s);
  assert.match(told, /href="https:\/\/www\.paypal\.com\/myaccount\/autopay\/"/);
  assert.doesNotMatch(await textOf("/member/connect"), NO_ACCESS);
  clock.advance(DAY_MS);
  assert.match(await textOf("/member"), /run out/);
  assert.match(await textOf("/member/connect"), NO_ACCESS);
});
