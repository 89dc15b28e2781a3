import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Accounts } from "../accounts/accounts.ts";
import type { AccountChange } from "../accounts/changes.ts";
import { FakeClock } from "../lib/clock.ts";
import { plainCode } from "../lib/typed-code.ts";
import { goesAfter } from "../policy/lifetimes.ts";
import { sweep } from "../store/inventory.ts";
import { onEachStore, openTestStore, type StoreKind } from "../store/testing.ts";
import { VOUCHER_CHARACTERS, Vouchers } from "./vouchers.ts";

const DAY_S = 86_400;
const siteSecret = new Uint8Array(32).fill(7);
const PASSWORD = "correct horse battery";

async function newOffice(kind: StoreKind) {
  const clock = new FakeClock(Date.UTC(2030, 5, 1, 12, 34, 0));
  const { store, where, openAgain, files } = await openTestStore(kind);
  const accounts = new Accounts({ store, clock, siteSecret });
  const changes: AccountChange[] = [];
  accounts.roster.onChange((change) => changes.push(change));
  const vouchers = new Vouchers({ store, clock, siteSecret, accounts });
  const idOf = async (name: string) => {
    const made = await accounts.signUp({ name, password: PASSWORD });
    assert.ok(made.ok);
    return made.value.id;
  };
  return { files, where, openAgain, clock, store, accounts, changes, vouchers, idOf };
}

onEachStore("a voucher gives its days once, and its code stands nowhere in the store", async (kind) => {
  const { files, clock, store, vouchers, idOf, changes } = await newOffice(kind);
  const [code = "", ...others] = await vouchers.create({ days: 30, count: 3 });
  assert.equal(new Set([code, ...others]).size, 3);
  assert.match(code, /^[a-z2-7]{5}(-[a-z2-7]{5}){3}$/);
  await store.scrub();
  for (const bytes of await files())
    assert.ok(!bytes.includes(code) && !bytes.includes(code.replaceAll("-", "")));
  const id = await idOf("alice");
  const paidUntil = clock.now() / 1000 + 30 * DAY_S;
  assert.deepEqual(await vouchers.redeem(id, code), { ok: true, value: { paidUntil } });
  assert.equal(changes.length, 1);
  assert.deepEqual(await vouchers.redeem(id, code), { ok: false, error: "voucher-used" });
  assert.equal(changes.length, 1);
  assert.deepEqual(await vouchers.counts(), { unused: 2, used: 1 });
  const rows = await store.db.selectFrom("vouchers").selectAll().execute();
  assert.ok(!JSON.stringify(rows).includes(id), "nothing says who used it");
  await store.close();
});

onEachStore("redeemed many times in the same millisecond, a voucher counts once", async (kind) => {
  const { store, accounts, vouchers, idOf } = await newOffice(kind);
  const [code = ""] = await vouchers.create({ days: 30, count: 1 });
  const ids = [await idOf("alice"), await idOf("bob")];
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, (_, n) => vouchers.redeem(ids[n % 2]!, code)),
  );
  assert.equal(outcomes.filter(({ ok }) => ok).length, 1);
  for (const outcome of outcomes) if (!outcome.ok) assert.equal(outcome.error, "voucher-used");
  const paid = [await accounts.byName("alice"), await accounts.byName("bob")].filter(
    (each) => each?.paidUntil,
  );
  assert.equal(paid.length, 1);
  await store.close();
});

onEachStore("two offices on one database take a voucher once between them", async (kind) => {
  const { openAgain, clock, store, vouchers, idOf } = await newOffice(kind);
  const second = await openAgain();
  const accounts = new Accounts({ store: second, clock, siteSecret });
  const others = new Vouchers({ store: second, clock, siteSecret, accounts });
  const id = await idOf("alice");
  for (const code of await vouchers.create({ days: 1, count: 5 })) {
    const one = await vouchers.redeem(id, code);
    const two = await others.redeem(id, code);
    assert.deepEqual([one.ok, two.ok], [true, false]);
  }
  await second.close();
  await store.close();
});

/** An office process that redeems every code for the account as soon as it is told to, and says how many worked. */
const REDEEMER = `
  import { Accounts } from "./src/accounts/accounts.ts";
  import { Vouchers } from "./src/billing/vouchers.ts";
  import { openStore } from "./src/store/open.ts";
  process.once("message", async ({ where, now, secret, id, codes }) => {
    const store = await openStore(where);
    const [clock, siteSecret] = [{ now: () => now }, new Uint8Array(secret)];
    const accounts = new Accounts({ store, clock, siteSecret });
    const vouchers = new Vouchers({ store, clock, siteSecret, accounts });
    process.once("message", async () => {
      const outcomes = await Promise.all(codes.map((code) => vouchers.redeem(id, code)));
      await store.close();
      process.send(outcomes.map((outcome) => (outcome.ok ? "ok" : outcome.error)), () => process.disconnect());
    });
    process.send("ready");
  });`;

onEachStore(
  "two office processes that redeem the same vouchers at once take each once, and lose no day",
  async (kind) => {
    const { where, clock, store, accounts, vouchers, idOf } = await newOffice(kind);
    const id = await idOf("alice");
    const codes = await vouchers.create({ days: 1, count: 45 });
    const shared = codes.slice(0, 15);
    // Each has codes of its own for the same account first: what one adds the other must not overwrite.
    const given = [
      [...codes.slice(15, 30), ...shared],
      [...codes.slice(30), ...shared],
    ];
    const start = { where, now: clock.now(), secret: [...siteSecret], id };
    const offices = await Promise.all(
      given.map(async (theirs) => {
        const child = spawn(process.execPath, ["--input-type=module", "-e", REDEEMER], {
          cwd: new URL("../..", import.meta.url),
          stdio: ["ignore", "inherit", "inherit", "ipc"],
        });
        child.send({ ...start, codes: theirs });
        await once(child, "message");
        return child;
      }),
    );
    const answers = offices.map((child) => once(child, "message") as Promise<[string[]]>);
    for (const child of offices) child.send("go");
    const [[first = []] = [], [second = []] = []] = await Promise.all(answers);
    const allOk = Array(15).fill("ok");
    assert.deepEqual([first.slice(0, 15), second.slice(0, 15)], [allOk, allOk]);
    for (let n = 15; n < 30; n++)
      assert.deepEqual([first[n], second[n]].toSorted(), ["ok", "voucher-used"], String(n));
    const paidUntil = Math.ceil((clock.now() / 1000 + 45 * DAY_S) / 60) * 60;
    assert.equal((await accounts.byName("alice"))?.paidUntil, paidUntil);
    await store.close();
  },
);

onEachStore("a voucher is not used up where the account cannot take it", async (kind) => {
  const { store, accounts, vouchers, idOf } = await newOffice(kind);
  const [code = ""] = await vouchers.create({ days: 30, count: 1 });
  const id = await idOf("alice");
  await accounts.terminate("alice");
  assert.deepEqual(await vouchers.redeem(id, code), { ok: false, error: "account-terminated" });
  assert.deepEqual(await vouchers.redeem("nobody", code), { ok: false, error: "account-unknown" });
  assert.deepEqual(await vouchers.counts(), { unused: 1, used: 0 });
  assert.ok((await vouchers.redeem(await idOf("bob"), code)).ok);
  await store.close();
});

onEachStore("a code that was never made is unknown", async (kind) => {
  const { store, vouchers, idOf } = await newOffice(kind);
  const id = await idOf("alice");
  for (const code of ["abcde-fghij-klmno-pqrst", "", "nonsense", "x".repeat(100_000)])
    assert.deepEqual(await vouchers.redeem(id, code), { ok: false, error: "voucher-unknown" });
  await store.close();
});

onEachStore("a sign-up with a voucher makes the account with its paid time, or nothing", async (kind) => {
  const { store, accounts, vouchers, changes, clock } = await newOffice(kind);
  const [code = "", unused = ""] = await vouchers.create({ days: 30, count: 2 });
  const signUp = (name: string, voucher: string) => vouchers.signUp({ name, password: PASSWORD, voucher });
  const made = await signUp("alice", code);
  assert.ok(made.ok && made.value.paidUntil === clock.now() / 1000 + 30 * DAY_S);
  assert.equal(changes.length, 1);
  assert.deepEqual(await signUp("bob", code), { ok: false, error: "voucher-used" });
  assert.deepEqual(await signUp("bob", "abcde-fghij-klmno-pqrst"), { ok: false, error: "voucher-unknown" });
  assert.deepEqual(await signUp("bob", "?"), { ok: false, error: "voucher-unknown" });
  assert.deepEqual(await signUp("alice", unused), { ok: false, error: "name-taken" });
  assert.deepEqual(await signUp("b", unused), { ok: false, error: "name-invalid" });
  assert.equal(await accounts.byName("bob"), undefined);
  assert.deepEqual(await vouchers.counts(), { unused: 1, used: 1 });
  await store.close();
});

onEachStore("one voucher and many sign-ups at the same time: one account", async (kind) => {
  const { store, vouchers } = await newOffice(kind);
  const [code = ""] = await vouchers.create({ days: 30, count: 1 });
  const outcomes = await Promise.all(
    Array.from({ length: 6 }, (_, n) =>
      vouchers.signUp({ name: `member-${n}`, password: PASSWORD, voucher: code }),
    ),
  );
  assert.equal(outcomes.filter(({ ok }) => ok).length, 1);
  const accounts = await store.db.selectFrom("accounts").select("name").execute();
  assert.equal(accounts.length, 1, "no account without the voucher it was made with");
  await store.close();
});

onEachStore(
  "an unused voucher is good for three years, a used one's hash stays for thirty days and to the end of the month",
  async (kind) => {
    const { store, clock, vouchers, idOf } = await newOffice(kind);
    const [first = "", second = "", third = ""] = await vouchers.create({ days: 3660, count: 3 });
    const id = await idOf("alice");
    const began = clock.now();
    assert.ok((await vouchers.redeem(id, first)).ok);
    clock.advance(30 * DAY_S * 1000);
    await sweep(store, clock);
    assert.deepEqual(await vouchers.redeem(id, first), { ok: false, error: "voucher-used" });
    const usedUntil = goesAfter(began / 1000, 30) * 1000;
    assert.equal(new Date(usedUntil).getUTCDate(), 1);
    clock.advance(usedUntil - 1000 - clock.now());
    assert.equal(await sweep(store, clock), 0);
    clock.advance(1000);
    assert.equal(await sweep(store, clock), 1);
    assert.deepEqual(await vouchers.redeem(id, first), { ok: false, error: "voucher-unknown" });
    clock.advance(began + 3 * 365 * DAY_S * 1000 - clock.now());
    assert.ok((await vouchers.redeem(id, second)).ok);
    clock.advance(DAY_S * 1000);
    assert.deepEqual(
      await vouchers.redeem(id, third),
      { ok: false, error: "voucher-unknown" },
      "before the sweeper came",
    );
    assert.equal(await sweep(store, clock), 1);
    await store.close();
  },
);

onEachStore("days and counts out of range are refused", async (kind) => {
  const { store, vouchers } = await newOffice(kind);
  for (const days of [0, -1, 0.5, 3661])
    await assert.rejects(vouchers.create({ days, count: 1 }), RangeError);
  for (const count of [0, -1, 0.5, 10_001])
    await assert.rejects(vouchers.create({ days: 1, count }), RangeError);
  assert.equal((await vouchers.create({ days: 1, count: 2500 })).length, 2500);
  await store.close();
});

onEachStore("a coupon takes percent off as often as it is good for, and gives no days", async (kind) => {
  const { store, clock, vouchers, idOf } = await newOffice(kind);
  const [code = ""] = await vouchers.create({ percent: 25, uses: 2, count: 1 });
  const id = await idOf("alice");
  const plain = plainCode(code, VOUCHER_CHARACTERS)!;
  assert.deepEqual(await vouchers.coupon(` ${code.toUpperCase()} `, "30days"), {
    ok: true,
    value: { percent: 25, plain },
  });
  assert.deepEqual(await vouchers.redeem(id, code), { ok: false, error: "voucher-coupon" });
  const use = () => store.db.transaction().execute((trx) => vouchers.countCouponIn(trx, plain));
  assert.deepEqual(await use(), { percent: 25, left: true });
  assert.equal((await vouchers.coupon(code, "30days")).ok, true);
  assert.deepEqual(await use(), { percent: 25, left: true });
  assert.deepEqual(await vouchers.coupon(code, "30days"), { ok: false, error: "voucher-used" });
  assert.deepEqual(
    await use(),
    { percent: 25, left: false },
    "an order begun before is told how much it was",
  );
  clock.advance(62 * DAY_S * 1000);
  await sweep(store, clock);
  assert.equal(await use(), undefined);
  await store.close();
});

onEachStore("coupons used at one time are never used more often than they are good for", async (kind) => {
  const { store, vouchers } = await newOffice(kind);
  const [code = ""] = await vouchers.create({ percent: 50, uses: 3, count: 1 });
  const plain = plainCode(code, VOUCHER_CHARACTERS)!;
  const all = await Promise.all(
    Array.from({ length: 8 }, () =>
      store.db.transaction().execute((trx) => vouchers.countCouponIn(trx, plain)),
    ),
  );
  assert.equal(all.filter((each) => each?.left).length, 3);
  await store.close();
});

onEachStore("a coupon may be for one plan and for so many days; a gift card is no coupon", async (kind) => {
  const { store, clock, vouchers } = await newOffice(kind);
  const [code = ""] = await vouchers.create({
    percent: 100,
    uses: 1,
    plan: "30days",
    validDays: 7,
    count: 1,
  });
  assert.deepEqual(await vouchers.coupon(code, "365days"), { ok: false, error: "coupon-other-plan" });
  assert.equal((await vouchers.coupon(code, "30days")).ok, true);
  clock.advance(8 * DAY_S * 1000);
  assert.deepEqual(await vouchers.coupon(code, "30days"), { ok: false, error: "voucher-unknown" });
  const [card = ""] = await vouchers.create({ days: 30, count: 1 });
  assert.deepEqual(await vouchers.coupon(card, "30days"), { ok: false, error: "not-a-coupon" });
  for (const wrong of ["", "x", "abcde-fghij-klmno-pqrst"])
    assert.deepEqual(await vouchers.coupon(wrong, "30days"), { ok: false, error: "voucher-unknown" });
  for (const bad of [
    { percent: 0, uses: 1, count: 1 },
    { percent: 101, uses: 1, count: 1 },
    { percent: 5.5, uses: 1, count: 1 },
    { percent: 5, uses: 0, count: 1 },
    { percent: 5, uses: 1, validDays: 0, count: 1 },
    { days: 30, count: 0 },
  ])
    await assert.rejects(vouchers.create(bad), RangeError);
  await store.close();
});

onEachStore("a bought voucher can be made void and good again, unless somebody has used it", async (kind) => {
  const { store, vouchers, idOf } = await newOffice(kind);
  const code = "abcde-fghij-klmno-pqrst";
  const inside = <Value>(use: Parameters<ReturnType<typeof store.db.transaction>["execute"]>[0]) =>
    store.db.transaction().execute(use) as Promise<Value>;
  const add = () => inside<string>((trx) => vouchers.addBoughtIn(trx, { code, days: 30, plan: "30days" }));
  const hash = await add();
  assert.equal(await add(), hash, "twice is once");
  assert.equal(await vouchers.isUnused(hash), true);
  assert.equal(await inside((trx) => vouchers.voidIn(trx, hash)), true);
  assert.equal(await inside((trx) => vouchers.voidIn(trx, hash)), false);
  const id = await idOf("alice");
  assert.deepEqual(await vouchers.redeem(id, code), { ok: false, error: "voucher-used" });
  await inside((trx) => vouchers.restoreIn(trx, hash));
  assert.equal((await vouchers.redeem(id, code)).ok, true);
  assert.equal(await vouchers.isUnused(hash), false);
  assert.equal(await inside((trx) => vouchers.voidIn(trx, hash)), false);
  await inside((trx) => vouchers.restoreIn(trx, hash));
  assert.equal(await vouchers.isUnused(hash), false, "what was redeemed stays so");
  await store.close();
});
