import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Bench, openBench, PASSWORD, signedUp, Visitor } from "./testkit.ts";

describe("who asks for too much of the site", () => {
  let bench: Bench;
  let address = "198.51.100.7";
  before(async () => {
    bench = await openBench({ clientAddress: () => address });
  });
  after(() => bench.close());

  const api = (path: string, body: object, token?: string, method = "POST"): Promise<Response> =>
    Promise.resolve(
      bench.app.request(`http://localhost/api/v1${path}`, {
        method,
        body: JSON.stringify(body),
        headers: {
          "content-type": "application/json",
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
        },
      }),
    );

  it("may not make accounts without end, by page or API, unless with a voucher each", async () => {
    address = "198.51.100.20";
    for (let count = 0; count < 19; count++)
      assert.equal((await api("/accounts", { name: `flood-${count}`, password: PASSWORD })).status, 201);
    const slips = await api("/accounts", { name: "x", password: "short" });
    assert.equal(slips.status, 422);
    await signedUp(bench, "flood-page");
    const refused = await api("/accounts", { name: "flood-20", password: PASSWORD });
    assert.equal(refused.status, 429);
    assert.equal(((await refused.json()) as { error: { code: string } }).error.code, "sign-up-slow");
    const page = await new Visitor(bench.app).fill("/sign-up", "/sign-up", {
      name: "flood-21",
      password: PASSWORD,
    });
    assert.equal(page.status, 429);
    assert.equal(await bench.accounts.byName("flood-20"), undefined);
    const [voucher] = await bench.vouchers.create({ days: 30, count: 1 });
    assert.equal((await api("/accounts", { name: "paying", password: PASSWORD, voucher })).status, 201);
    const bad = { name: "not-paying", password: PASSWORD, voucher: "aaaaa-aaaaa-aaaaa-aaaaa" };
    assert.equal((await api("/accounts", bad)).status, 422);
    address = "198.51.100.21";
    assert.equal((await api("/accounts", { name: "elsewhere", password: PASSWORD })).status, 201);
  });

  it("may not find out with one voucher who has an account here", async () => {
    address = "198.51.100.30";
    await signedUp(bench, "somebody");
    const [voucher] = await bench.vouchers.create({ days: 30, count: 1 });
    const statuses: number[] = [];
    for (let count = 0; count < 25; count++)
      statuses.push((await api("/accounts", { name: "somebody", password: PASSWORD, voucher })).status);
    assert.deepEqual(statuses, [...Array<number>(20).fill(422), ...Array<number>(5).fill(429)]);
    address = "198.51.100.31";
    for (let count = 0; count < 25; count++) {
      const slip = await api("/accounts", { name: `own-${count}`, password: "short", voucher });
      assert.equal(slip.status, 422);
    }
    const codes = await bench.vouchers.create({ days: 30, count: 21 });
    for (const [count, code] of codes.entries())
      assert.equal(
        (await api("/accounts", { name: `own-${count}`, password: PASSWORD, voucher: code })).status,
        201,
      );
  });

  it("may not try passwords at will with a session that is not theirs", async () => {
    for (const [name, path, fields] of [
      ["guess-password", "/member/password", { old: "wrong password", new: "another password" }],
      ["guess-email", "/member/email", { password: "wrong password", email: "a@example.org" }],
      ["guess-delete", "/member/delete", { password: "wrong password" }],
    ] as const) {
      address = `203.0.113.${path.length}`;
      const visitor = await signedUp(bench, name);
      const seen: number[] = [];
      for (let count = 0; count < 6; count++)
        seen.push((await visitor.fill("/member/settings", path, fields)).status);
      assert.deepEqual(seen, [422, 422, 422, 422, 422, 429], path);
    }
  });

  it("may not do so over the API either", async () => {
    for (const [method, path, body] of [
      ["PUT", "/account/password", { oldPassword: "wrong password", newPassword: "another password" }],
      ["PUT", "/account/email", { password: "wrong password", email: null }],
      ["POST", "/account/deletion", { password: "wrong password" }],
    ] as const) {
      address = "203.0.113.200";
      const made = await api("/accounts", { name: `api-${path.slice(9)}`, password: PASSWORD });
      const { token } = (await made.json()) as { token: string };
      const seen: number[] = [];
      for (let count = 0; count < 6; count++) seen.push((await api(path, body, token, method)).status);
      assert.deepEqual(seen, [422, 422, 422, 422, 422, 429], path);
    }
  });
});
