import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { PASSWORD, signedUp } from "../testkit.ts";
import { type AdminBench, BASE, newAccount, Operator, openAdminBench, operatorOf, PAGES } from "./testkit.ts";

describe("the admin pages, for whoever does not belong there", () => {
  let bench: AdminBench;
  before(async () => {
    bench = await openAdminBench();
  });
  after(() => bench.close());

  it("show nothing and do nothing without a visit", async () => {
    const stranger = new Operator(bench.admin);
    for (const page of ["/", ...PAGES, "no-such-page"]) {
      const answer = await stranger.get(page);
      assert.equal(answer.status, 401, page);
      const text = await answer.text();
      assert.match(text, /lethe admin open/);
      assert.doesNotMatch(text, /amsterdam1/);
    }
    const { id } = await newAccount(bench, "alice");
    const before = await bench.accounts.vpnCredentials(id);
    for (const page of [
      ...["servers", "server", "account", "account-new", "accounts-renew", "blocklists", "switches", "leave"],
    ])
      for (const action of ["drain", "rename"])
        assert.equal(
          (await stranger.post(page, { name: "amsterdam1", newName: "oslo1", action, sure: "yes" })).status,
          401,
          page,
        );
    assert.equal(bench.fleet.named("amsterdam1")?.draining, false);
    assert.equal(bench.fleet.named("oslo1"), undefined);
    assert.equal(await bench.accounts.byName("amsterdam1"), undefined);
    assert.deepEqual([await bench.accounts.vpnCredentials(id), bench.timesAllRenewed()], [before, 0]);
  });

  it("are not opened by a member's cookie or API token, nor by the site's routes", async () => {
    const member = await signedUp(bench, "mallory");
    const answer = await bench.app.request("http://localhost/api/v1/tokens", {
      method: "POST",
      body: JSON.stringify({ name: "mallory", password: PASSWORD }),
      headers: { "content-type": "application/json" },
    });
    const { token } = (await answer.json()) as { token: string };
    const session = member.cookies.get("session")!;
    for (const cookie of [
      `session=${session}`,
      `admin=${session}`,
      `admin=${token}`,
      `__Secure-admin=${session}`,
    ]) {
      const stranger = new Operator(bench.admin);
      stranger.cookie = cookie;
      assert.equal((await stranger.get("overview", { authorization: `Bearer ${token}` })).status, 401);
    }
    const operator = await operatorOf(bench);
    const onSite = (path: string) =>
      bench.app.request(`http://localhost${path}`, { headers: { cookie: operator.cookie } });
    for (const path of ["/open", "/admin", `${BASE}/overview`, "/overview", "/admin/open", "/accounts/show"])
      assert.equal((await onSite(path)).status, 404, path);
    assert.equal((await onSite("/member")).status, 303, "and the operator's cookie is no member's");
    for (const route of bench.app.routes) assert.doesNotMatch(route.path, /admin/);
  });

  it("are called by the machine's own names alone: a name made to lead here is turned away", async () => {
    const operator = await operatorOf(bench);
    for (const host of ["127.0.0.1:8081", "localhost:9000", "[::1]:8081", "127.0.0.1"])
      assert.equal((await operator.get("overview", { host })).status, 200, host);
    for (const host of [
      "evil.example",
      "evil.example:8081",
      "127.0.0.1.evil.example",
      "localhost.evil.example",
      "0",
      "",
    ])
      for (const page of ["overview", "/open"])
        assert.equal((await operator.get(page, { host })).status, 421, `${host} ${page}`);
  });

  it("take no form from elsewhere, nor one without this visit's token", async () => {
    const operator = await operatorOf(bench);
    const other = await operatorOf(bench);
    const tokenIn = async (who: Operator) =>
      /name="token" value="([^"]+)"/.exec(await who.text("switches"))![1]!;
    const token = await tokenIn(operator);
    const fields = { token, name: "sign-up", on: "no" };
    const refused = [
      await operator.post("switches", { ...fields, token: "" }),
      await operator.post("switches", { ...fields, token: await tokenIn(other) }),
      // Another port of this machine, such as the public site's own, is `same-site`.
      ...(await Promise.all(
        ["cross-site", "same-site", "none"].map((site) =>
          operator.post("switches", fields, { "sec-fetch-site": site }),
        ),
      )),
      await operator.post("switches", fields, { origin: "http://127.0.0.1:8080" }),
      await operator.post("switches", fields, { "content-type": "text/plain" }),
      await operator.post("switches", fields, { "content-type": "application/json" }),
    ];
    assert.deepEqual([...new Set(refused.map(({ status }) => status))], [403]);
    assert.equal(await bench.switches.isOn("sign-up"), true);
    for (const [page, more] of [
      ["server", { name: "amsterdam1", action: "rename", newName: "oslo1" }],
      ["account-new", { name: "mallory2", days: "3660" }],
      ["accounts-renew", { sure: "yes" }],
      ["blocklists", {}],
    ] as const) {
      const elsewhere = { "sec-fetch-site": "cross-site" };
      assert.equal((await operator.post(page, { token, ...more }, elsewhere)).status, 403, page);
      assert.equal((await operator.post(page, { ...more })).status, 403, page);
    }
    assert.equal(bench.fleet.named("oslo1"), undefined);
    assert.equal(await bench.accounts.byName("mallory2"), undefined);
    assert.equal(bench.timesAllRenewed(), 0);
    const large = await operator.post("announcements", { ...fields, text: "x".repeat(200_000) });
    assert.equal(large.status, 413);
    assert.equal((await operator.post("switches", fields, { origin: "http://127.0.0.1:8081" })).status, 200);
    await bench.switches.set("sign-up", true);
  });

  it("let nobody in twice by one link, and not by a link that is old, made up or sent from another site", async () => {
    const code = bench.visits.invite();
    const stranger = new Operator(bench.admin);
    assert.equal((await stranger.post("/open", { code }, { "sec-fetch-site": "cross-site" })).status, 403);
    assert.equal((await stranger.enter("a".repeat(43))).status, 403);
    assert.equal(stranger.cookie, "");
    const page = await stranger.get(`/open`);
    assert.equal(page.status, 200);
    assert.equal((await stranger.enter(code)).status, 303, "looking at the page did not use it up");
    assert.equal((await new Operator(bench.admin).enter(code)).status, 403);
    const old = bench.visits.invite();
    bench.clock.advance(5 * 60_000);
    assert.equal((await new Operator(bench.admin).enter(old)).status, 403);
  });

  it("keep their cookie to themselves, and every page out of frames and caches", async () => {
    const operator = new Operator(bench.admin);
    const answer = await operator.enter(bench.visits.invite());
    assert.equal(answer.headers.get("location"), `${BASE}/overview`);
    assert.match(
      answer.headers.getSetCookie()[0]!,
      /^admin=[\w-]{43}; Path=\/q{16}; HttpOnly; SameSite=Strict$/,
    );
    const page = await operator.get("overview");
    assert.match(page.headers.get("content-security-policy")!, /frame-ancestors 'none'/);
    assert.deepEqual(
      ["cache-control", "referrer-policy"].map((name) => page.headers.get(name)),
      ["no-store", "same-origin"],
    );
    await operator.fill("overview", "leave", {});
    assert.equal((await operator.get("overview")).status, 401);
  });

  it("behind a TLS proxy answer to its name alone, with a cookie for TLS alone", async () => {
    const behind = await openAdminBench({ url: "https://admin.example.net" });
    const operator = new Operator(behind.admin, "https://admin.example.net");
    const answer = await operator.enter(behind.visits.invite());
    assert.match(answer.headers.getSetCookie()[0]!, /^__Secure-admin=.*; Secure/);
    assert.equal((await operator.get("overview")).status, 200);
    assert.equal((await operator.get("overview", { host: "127.0.0.1:8081" })).status, 421);
    await behind.close();
  });

  it("say nothing of an error but that there was one", async () => {
    const broken = await openAdminBench({
      ask: async () => {
        throw new Error("secret of the inside");
      },
    });
    const operator = await operatorOf(broken);
    const answer = await operator.get("overview");
    assert.equal(answer.status, 500);
    assert.doesNotMatch(await answer.text(), /secret/);
    assert.deepEqual(broken.logged, ["internal-error"]);
    await broken.close();
  });
});
