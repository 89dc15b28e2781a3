import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { ServerView } from "../control/servers.ts";
import { PASSWORD, signedUp } from "../testkit.ts";
import { type Ask, askControl } from "./ask.ts";
import { type AdminBench, BASE, Operator, openAdminBench, operatorOf, PAGES } from "./testkit.ts";

async function newAccount({ accounts }: AdminBench, name: string) {
  const made = await accounts.signUp({ name, password: PASSWORD });
  assert.ok(made.ok);
  return made.value;
}

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

describe("an operator who is in", () => {
  let bench: AdminBench;
  let operator: Operator;
  before(async () => {
    bench = await openAdminBench();
    operator = await operatorOf(bench);
  });
  after(() => bench.close());

  it("sees each page whole, with the token in every form and no link that leads elsewhere", async () => {
    for (const page of PAGES) {
      const answer = await operator.get(page);
      assert.equal(answer.status, 200, page);
      const text = await answer.text();
      const forms = text.split("<form ").slice(1);
      for (const form of forms)
        assert.match(form, /method="post"[\s\S]*name="token" value="[\w-]{22}"/, page);
      assert.doesNotMatch(text, /(href|action)="(https?:)?\/\/|undefined|\[object/, page);
    }
    assert.match(await operator.text("overview"), /Certificate \(link\): It is over\./);
  });

  it("adds, drains and removes servers, and is told what is wrong", async () => {
    const fields = {
      name: "london1",
      city: "London",
      countryCode: "GB",
      addresses: "203.0.113.7, 2001:db8::7",
      bandwidth: "500",
    };
    const added = await operator.fill("servers", "servers", fields);
    assert.match(added.text, /join london1 [a-z2-7]{16}/);
    assert.deepEqual(bench.fleet.named("london1")?.addresses, ["203.0.113.7", "2001:db8::7"]);
    const again = await operator.fill("servers", "servers", { ...fields, city: "<b>&" });
    assert.equal(again.status, 422);
    assert.match(again.text, /of that name already/);
    assert.match(again.text, /value="&lt;b&gt;&amp;"/, "what was typed is still there");
    await operator.fill("servers", "server", { name: "amsterdam1", action: "drain" });
    assert.equal(bench.fleet.named("amsterdam1")?.draining, true);
    assert.match(
      await operator.text("overview"),
      /amsterdam1<\/a>: <span class="badge warn">no news yet; draining/,
    );
    assert.match(await operator.text("server?name=amsterdam1"), /Take new logins again/);
    const block = (action: string, what: string) =>
      operator.fill("servers", "server", { name: "amsterdam1", action, what });
    await block("block", "6660-6669");
    await block("block", "203.0.113.0/24");
    assert.deepEqual(bench.fleet.named("amsterdam1")?.blocked, {
      ports: [{ from: 6660, to: 6669 }],
      ranges: ["203.0.113.0/24"],
    });
    assert.match((await block("unblock", "6660-6669")).text, /Not blocked any more/);
    assert.deepEqual(bench.fleet.named("amsterdam1")?.blocked.ports, []);
    for (const what of ["0", "9-8", "65536", "nonsense", "0.0.0.0/0"])
      assert.equal((await block("block", what)).status, 422, what);
    const unsure = await operator.fill("servers", "server", { name: "london1", action: "remove" });
    assert.equal(unsure.status, 422);
    assert.ok(bench.fleet.named("london1"));
    const removed = await operator.fill("servers", "server", {
      name: "london1",
      action: "remove",
      sure: "yes",
    });
    assert.match(removed.text, /out of the fleet/);
    assert.equal(bench.fleet.named("london1"), undefined);
    for (const action of ["add", "../accounts/delete", "constructor"])
      assert.equal(
        (await operator.fill("servers", "server", { name: "amsterdam1", action })).status,
        422,
        action,
      );
  });

  it("renames a server, which keeps its key; another's name and an office's own machine are refused", async () => {
    await operator.fill("servers", "servers", {
      name: "leeds1",
      city: "Leeds",
      countryCode: "GB",
      addresses: "203.0.113.9",
      bandwidth: "500",
    });
    const rename = (name: string, newName: string) =>
      operator.fill("servers", "server", { name, action: "rename", newName });
    for (const wrong of ["", "Leeds 2", "amsterdam1", "<b>x</b>", "london1-g2"]) {
      const refused = await rename("leeds1", wrong);
      assert.equal(refused.status, 422, wrong);
      assert.match(refused.text, /<h1>leeds1<\/h1>/);
      assert.doesNotMatch(refused.text, /<b>x/);
    }
    assert.match(
      (await rename("leeds1", "<i>")).text,
      /name="newName"[^>]*value="&lt;i&gt;"/,
      "it can be mended",
    );
    const done = await rename("leeds1", "london2");
    assert.match(done.text, /It was called leeds1, and is called london2 from now on\./);
    assert.match(done.text, /<h1>london2<\/h1>/);
    assert.equal(bench.fleet.named("leeds1"), undefined);
    assert.equal(bench.fleet.named("london2")?.linkName, "leeds1", "its key is as it was");
    const own = await operator.text("server?name=amsterdam1");
    assert.doesNotMatch(own, /newName/);
    const refused = await rename("amsterdam1", "oslo1");
    assert.equal(refused.status, 422);
    assert.match(refused.text, /an office&#39;s own machine/);
    assert.ok(bench.fleet.named("amsterdam1"));
    assert.match((await rename("nosuch1", "oslo1")).text, /no server of that name/);
    await bench.fleet.remove("london2");
  });

  it("sees services by their names, and no button that would be refused: an office's own machine that runs stays", async () => {
    assert.match(
      await operator.text("server?name=amsterdam1"),
      /<h3>Remove<\/h3>/,
      "one that is silent may go",
    );
    const real = askControl(bench.control);
    const ask: Ask = async <Answer>(method: "GET" | "POST", path: string, body?: object) => {
      const answer = await real<Answer>(method, path, body);
      const { servers } = (answer.ok ? answer.value : {}) as { servers?: ServerView[] };
      for (const server of servers ?? []) {
        server.news = "up";
        server.services = [{ service: "stealth-tls", healthy: true }];
      }
      return answer;
    };
    const running = await openAdminBench({ ask });
    const page = await (await operatorOf(running)).text("server?name=amsterdam1");
    assert.doesNotMatch(page, /<h3>Remove<\/h3>/);
    assert.match(page, /OpenVPN in TLS: works/);
    await running.close();
  });

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

  it("renews the blocklists, and is told which source could not be read", async () => {
    assert.match(await operator.text("blocklists"), /There are none/);
    const lists = [
      { list: "ads", sources: ["/etc/hosts.ads"], names: 1200, renewed: 1_700_000_000 },
      { list: "malware", sources: ["https://lists.example/<m>"] },
    ] as const;
    let renewals = 0;
    let problem: string | undefined = "does not answer";
    const withLists = await openAdminBench({
      blocklists: {
        view: () => [...lists],
        renew: async () => {
          renewals += 1;
          if (renewals === 3) throw new Error("the disk is full");
          return [
            { list: "ads", source: "/etc/hosts.ads", found: 1300, skipped: 2 },
            { list: "malware", source: "https://lists.example/<m>", found: 0, skipped: 0, problem },
          ];
        },
      },
    });
    const other = await operatorOf(withLists);
    const page = await other.text("blocklists");
    assert.match(page, /Adverts and trackers/);
    assert.match(page, /1,200/);
    assert.match(page, /https:\/\/lists\.example\/&lt;m&gt;/);
    assert.equal(renewals, 0, "who only looks renews nothing");
    const renew = () => other.fill("blocklists", "blocklists", {});
    const half = await renew();
    assert.match(half.text, /role="alert"><p>1 of 2 sources could not be read/);
    assert.doesNotMatch(half.text, /All was read again/);
    assert.match(half.text, /does not answer<\/span> “Malware” stays as it was/);
    assert.match(half.text, /1,300 names; 2 lines that block no name passed over/);
    problem = undefined;
    assert.match((await renew()).text, /All was read again/);
    assert.match((await renew()).text, /role="alert"><p>The office could not do that/);
    await withLists.close();
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

  it("books the cash in an envelope once, by its code", async () => {
    const { order, text } = bench.orders.seal({
      kind: "voucher",
      plan: "30days",
      days: 30,
      price: { minor: 500, currency: "EUR" },
      madeAt: Math.floor(bench.clock.now() / 1000),
    });
    const urls = { returnTo: "http://localhost/order/return", cancelled: "http://localhost/order/cancelled" };
    const begun = await bench.cash.begin(order, text, urls);
    assert.ok(begun.ok);
    const code = begun.value.reference;
    assert.match(await operator.text("cash"), /<td data-label="Price">5\.00 EUR<\/td>/);
    assert.match(await operator.text("overview"), />1 order for cash</);
    const act = (fields: Record<string, string>) => operator.fill("cash", "cash", fields);
    assert.equal((await act({ action: "look", code: "aaaa-aaaa" })).status, 422);
    assert.match((await act({ action: "look", code: code.toUpperCase() })).text, /<h2>The order<\/h2>/);
    const little = await act({ action: "book", code, amount: "4.00 EUR" });
    assert.equal(little.status, 422);
    assert.match(little.text, /<h2>The order<\/h2>/, "and it can be booked still");
    assert.match((await act({ action: "book", code, amount: "5.00 EUR" })).text, /Booked\./);
    assert.match((await act({ action: "book", code, amount: "5.00 EUR" })).text, /It was booked already\./);
    assert.deepEqual([(await bench.cash.finish(code)).state, await bench.cash.list()], ["paid", []]);
  });

  it("sees what the rules say of a receipt, and gives back once", async () => {
    const made = await bench.accounts.signUp({ name: "payer", password: PASSWORD });
    assert.ok(made.ok);
    const atS = Math.floor(bench.clock.now() / 1000);
    const { order } = bench.orders.seal({
      kind: "account",
      accountId: made.value.id,
      plan: "30days",
      days: 30,
      price: { minor: 500, currency: "EUR" },
      madeAt: atS,
    });
    const paid = { provider: "paypal", method: "paypal", paymentId: "CAPTURE-1" } as const;
    await bench.payments.credit({ ...paid, order, paid: order.price, atS });
    const record = await bench.payments.find("paypal", "CAPTURE-1");
    const receipt = bench.receipts.issue("paypal", "CAPTURE-1", record!);
    const act = (action: string, text = receipt) =>
      operator.fill("refunds", "refunds", { action, receipt: text });
    assert.equal((await act("look", "LR1.<script>")).status, 422);
    const looked = await act("look");
    assert.match(looked.text, /granted by the rules/);
    assert.deepEqual(bench.givenBack, []);
    assert.match((await act("give")).text, /Given back: 5\.00 EUR\./);
    assert.match((await act("look")).text, /refused by the rules/);
    assert.equal((await act("give")).status, 422);
    assert.deepEqual(bench.givenBack, ["CAPTURE-1"]);
  });

  it("shows the refunds that PayPal has not made yet, and those that are to be made by hand", async () => {
    const { payments, clock } = bench;
    assert.doesNotMatch(await operator.text("refunds"), /not made by PayPal/);
    const atS = Math.floor(clock.now() / 1000);
    const price = { minor: 500, currency: "EUR" };
    const { order } = bench.orders.seal({ kind: "voucher", plan: "30days", days: 30, price, madeAt: atS });
    await payments.credit({
      provider: "paypal",
      method: "paypal",
      paymentId: "CAPTURE-2",
      order,
      paid: price,
      atS,
    });
    await payments.back.beginRefund("paypal", "CAPTURE-2");
    assert.match(await operator.text("refunds"), /CAPTURE-2.*0 times.* UTC/s);
    const overview = await operator.text("overview");
    assert.match(overview, /1 refund that PayPal has not made yet/);
    assert.doesNotMatch(overview, /by hand/);
    await bench.store.db
      .updateTable("refunds_due")
      .set(({ ref }) => ({ not_before: ref("delete_after") }))
      .execute();
    assert.match(await operator.text("refunds"), /CAPTURE-2.*to be made by hand, at PayPal/s);
    assert.match(await operator.text("overview"), /PayPal did not make 1 refund that the rules granted/);
    await payments.back.takeBack("paypal", "CAPTURE-2", "refund");
    assert.doesNotMatch(await operator.text("refunds"), /CAPTURE-2/);
  });

  it("makes gift cards and coupons, which are shown once", async () => {
    const cards = await operator.fill("vouchers", "vouchers", { kind: "days", days: "30", count: "2" });
    const codes = cards.text.match(/[a-z2-7]{5}(-[a-z2-7]{5}){3}/g) ?? [];
    assert.equal(codes.length, 2);
    // These, and the one that was paid for in cash.
    assert.match(await operator.text("vouchers"), /Not used yet: 3\./);
    const coupon = { kind: "percent", percent: "20", uses: "5", validDays: "90", count: "1" };
    assert.match((await operator.fill("vouchers", "vouchers", coupon)).text, /One code was made/);
    assert.match(
      (await operator.fill("vouchers", "vouchers", { ...coupon, plan: "week" })).text,
      /no plan of that id/,
    );
    for (const wrong of [{ percent: "101" }, { uses: "" }, { count: "201" }])
      assert.equal((await operator.fill("vouchers", "vouchers", { ...coupon, ...wrong })).status, 422);
  });

  it("announces with Markdown that carries no markup of its own, and takes it away", async () => {
    const text = "**Work** on <script>alert(1)</script> [here](javascript:alert(1)).";
    const posted = await operator.fill("announcements", "announcements", {
      action: "post",
      title: "<i>Tonight</i>",
      text,
      days: "",
    });
    assert.match(posted.text, /<h2>&lt;i&gt;Tonight&lt;\/i&gt;<\/h2>/);
    assert.match(posted.text, /<strong>Work<\/strong>/);
    assert.doesNotMatch(posted.text, /<script>|href="javascript/);
    const refused = await operator.fill("announcements", "announcements", {
      action: "post",
      title: "x",
      text,
      days: "-1",
    });
    assert.equal(refused.status, 422);
    assert.match(refused.text, /value="-1"/);
    const [announcement] = await bench.announcements.list();
    await operator.fill("announcements", "announcements", { action: "remove", id: announcement!.id });
    assert.deepEqual(await bench.announcements.list(), []);
  });

  it("says which ways to pay are not set up, whatever their switch says", async () => {
    const rows = (await operator.text("switches")).split("<li>");
    const row = (title: string) => rows.find((each) => each.includes(`<span>${title} `))!;
    assert.match(row("Monero"), /not set up in lethe\.toml/);
    for (const title of ["Cash by mail", "Gift card", "New accounts"])
      assert.doesNotMatch(row(title), /not set up/);
  });
  it("switches the sign-up off and on", async () => {
    const off = await operator.fill("switches", "switches", { name: "sign-up", on: "no" });
    assert.match(off.text, /New accounts: off\./);
    assert.equal((await bench.app.request("http://localhost/sign-up")).status, 403);
    const api = await bench.app.request("http://localhost/api/v1/accounts", {
      method: "POST",
      body: JSON.stringify({ name: "late-one", password: PASSWORD }),
      headers: { "content-type": "application/json" },
    });
    assert.equal(api.status, 403);
    assert.equal(await bench.accounts.byName("late-one"), undefined);
    await operator.fill("switches", "switches", { name: "sign-up", on: "yes" });
    await signedUp(bench, "late-one");
    assert.equal((await operator.fill("switches", "switches", { name: "keys", on: "no" })).status, 422);
  });
});
