import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { BusyError } from "../accounts/passwords.ts";
import { saveServers } from "../fleet/servers.ts";
import { FakeClock } from "../lib/clock.ts";
import { StoreError } from "../store/errors.ts";
import { createSite } from "./site.ts";
import { type Bench, openBench, PASSWORD, SERVERS, signedUp, tokenOf, Visitor } from "./testkit.ts";

const clock = new FakeClock();
let bench: Bench;
before(async () => {
  bench = await openBench({}, clock);
});
after(() => bench.close());

const PAGES = ["/", "/status", "/privacy", "/sign-up", "/log-in", "/account-gone", "/no-such-page"];
const MEMBER_PAGES = ["/member", "/member/connect", "/member/settings"];

test("browsers find the mark where they look for it by themselves", async () => {
  const bench = await openBench();
  const answer = await bench.app.request("/favicon.ico");
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("content-type"), "image/svg+xml");
  await bench.close();
});

test("every answer bears the security headers, and only public files may be kept", async () => {
  const visitor = await signedUp(bench, "headers");
  for (const path of [
    ...PAGES,
    ...MEMBER_PAGES,
    "/api/traffic.json",
    "/api/v1/account",
    "/proxy/amsterdam1.pac",
  ]) {
    const { headers } = await visitor.get(path);
    const policy = headers.get("content-security-policy")!;
    assert.match(policy, /default-src 'none'/, path);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.ok(!policy.includes("unsafe"));
    assert.equal(headers.get("referrer-policy"), "no-referrer");
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.ok(headers.has("permissions-policy"));
    assert.equal(headers.get("strict-transport-security"), null);
    assert.equal(headers.get("cross-origin-opener-policy"), null);
    const expected = path.startsWith("/api/traffic") || path.startsWith("/proxy/") ? /^public/ : /^no-store$/;
    assert.match(headers.get("cache-control")!, expected, path);
  }
});

test("under https cookies are __Host- and Secure, and HSTS is sent", async () => {
  const secure = createSite({ ...bench.options, secure: true, publicUrl: "https://vpn.example.net" });
  const visitor = new Visitor(secure, "https://vpn.example.net");
  const page = await visitor.get("/sign-up");
  assert.equal(page.headers.get("strict-transport-security"), "max-age=63072000");
  assert.equal(page.headers.get("cross-origin-opener-policy"), "same-origin");
  const answer = await visitor.fill("/sign-up", "/sign-up", { name: "secure", password: PASSWORD });
  const line = answer.headers.getSetCookie().find((each) => each.startsWith("__Host-session="))!;
  assert.match(line, /; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
  assert.ok(!/Domain|Max-Age|Expires/.test(line));
  assert.equal((await visitor.get("/member")).status, 200);
});

test("without TLS the cookie has a plain name and is still HttpOnly and SameSite", async () => {
  const visitor = new Visitor(bench.app);
  const answer = await visitor.fill("/sign-up", "/sign-up", { name: "plain", password: PASSWORD });
  const line = answer.headers.getSetCookie().find((each) => each.startsWith("session="))!;
  assert.match(line, /; Path=\/; HttpOnly; SameSite=Lax$/);
});

test("a form from another site, without its token, with another's token, or as JSON is refused", async () => {
  const visitor = await signedUp(bench, "victim");
  const other = await signedUp(bench, "attacker");
  const page = await (await visitor.get("/member/settings")).text();
  const token = tokenOf(page, "/member/email");
  const othersToken = tokenOf(await (await other.get("/member/settings")).text(), "/member/email");
  const visitorsToken = tokenOf(await (await visitor.get("/log-in")).text(), "/log-in");
  const fields = { token, password: PASSWORD, email: "evil@example.org" };
  const cases: [string, Record<string, string>, Record<string, string>, number][] = [
    ["cross-site", fields, { "sec-fetch-site": "cross-site" }, 403],
    ["same-site", fields, { "sec-fetch-site": "same-site" }, 403],
    ["no token", { ...fields, token: "" }, {}, 403],
    ["another's token", { ...fields, token: othersToken }, {}, 403],
    ["the log-in form's token", { ...fields, token: visitorsToken }, {}, 403],
    ["text", fields, { "content-type": "text/plain" }, 415],
    ["multipart", fields, { "content-type": "multipart/form-data; boundary=x" }, 415],
  ];
  for (const [name, body, headers, status] of cases) {
    assert.equal((await visitor.post("/member/email", body, headers)).status, status, name);
  }
  assert.equal((await bench.accounts.byName("victim"))!.email, undefined);
  assert.equal((await visitor.post("/member/email", fields)).status, 303);
  assert.equal((await bench.accounts.byName("victim"))!.email, "evil@example.org");
});

test("where a browser sends no Sec-Fetch-Site, Origin decides, and a null one leaves it to the token", async () => {
  const cases: [string | undefined, number][] = [
    ["https://elsewhere.example", 403],
    ["http://localhost:81", 403],
    ["http://localhost", 422],
    ["null", 422],
    [undefined, 422],
  ];
  for (const [origin, status] of cases) {
    const visitor = new Visitor(bench.app);
    const token = tokenOf(await (await visitor.get("/log-in")).text(), "/log-in");
    const answer = await bench.app.request("http://localhost/log-in", {
      method: "POST",
      headers: {
        host: "localhost",
        cookie: [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join("; "),
        "content-type": "application/x-www-form-urlencoded",
        ...(origin === undefined ? {} : { origin }),
      },
      body: new URLSearchParams({ token, name: "nobody", password: "nothing at all" }).toString(),
    });
    assert.equal(answer.status, status, String(origin));
  }
});

test("a log-in form needs the cookie it was shown with", async () => {
  const visitor = new Visitor(bench.app);
  const token = tokenOf(await (await visitor.get("/log-in")).text(), "/log-in");
  const answer = await new Visitor(bench.app).post("/log-in", { token, name: "victim", password: PASSWORD });
  assert.equal(answer.status, 403);
});

test("every member address leads a stranger to the log-in page, and no route takes every method", async () => {
  const routes = bench.app.routes.filter(({ method }) => method !== "ALL");
  assert.ok(bench.app.routes.every(({ method, path }) => method !== "ALL" || path.endsWith("*")));
  const members = routes.filter(({ path }) => path.startsWith("/member"));
  assert.ok(members.length > 12);
  for (const { method, path } of members) {
    const real = path.replace(/:file\{.*\}/, "amsterdam1.ovpn");
    const stranger = new Visitor(bench.app);
    const answer = method === "GET" ? await stranger.get(real) : await stranger.post(real, { token: "x" });
    assert.equal(answer.status, 303, `${method} ${real}`);
    assert.match(answer.headers.get("location")!, /^\/log-in/);
    assert.equal(await answer.text(), "");
  }
});

test("a member page whose code forgot to ask who is there shows nothing", async () => {
  const app = createSite(bench.options);
  app.get("/member/forgotten", (c) => c.text("somebody's secret"));
  const answer = await app.request("/member/forgotten");
  assert.equal(answer.status, 500);
  assert.ok(!(await answer.text()).includes("somebody's secret"));
  assert.ok(bench.logged.includes("internal-error"));
});

test("a forged, an old and a deleted account's cookie log nobody in", async () => {
  const visitor = await signedUp(bench, "old-cookie");
  const good = visitor.cookies.get("session")!;
  for (const bad of [`${good.slice(0, -2)}AA`, "x", "", `${good}A`]) {
    const forger = new Visitor(bench.app);
    forger.cookies.set("session", bad);
    assert.equal((await forger.get("/member")).status, 303, bad);
  }
  clock.advance(24 * 3600 * 1000);
  assert.match((await visitor.get("/member")).headers.get("location")!, /^\/log-in/);
  const another = await signedUp(bench, "removed");
  await bench.accounts.remove((await bench.accounts.byName("removed"))!.id);
  assert.equal((await another.get("/member")).headers.get("location"), "/account-gone");
});

test("log-out takes the cookie away", async () => {
  const visitor = await signedUp(bench, "goer");
  const answer = await visitor.fill("/member", "/log-out");
  assert.equal(answer.headers.get("location"), "/");
  assert.ok(!visitor.cookies.has("session"));
});

test("errors have pages that say nothing of the request", async () => {
  const visitor = new Visitor(bench.app);
  const secret = "do-not-repeat-this";
  const missing = await visitor.get(`/${secret}?${secret}`);
  assert.equal(missing.status, 404);
  assert.ok(!(await missing.text()).includes(secret));

  const method = await bench.app.request("/status", { method: "DELETE" });
  assert.equal(method.status, 405);
  assert.match(method.headers.get("allow")!, /GET/);
  assert.match(await method.text(), /does not take that kind of request/);
  assert.equal((await visitor.post("/status", {})).status, 405);
  assert.equal((await visitor.post("/nowhere", {})).status, 404);

  const large = await visitor.post("/sign-up", { name: secret, password: "x".repeat(70_000) });
  assert.equal(large.status, 413);
  const page = await large.text();
  assert.match(page, /64 KB/);
  assert.ok(!page.includes(secret));
});

test("a fault of ours is a 500 without a word of it, too many logins and a full disk are 503", async () => {
  const faults: [Error, number][] = [
    [new Error("at do-not-repeat-this"), 500],
    [new BusyError(), 503],
    [new StoreError("full"), 503],
  ];
  for (const [fault, status] of faults) {
    const app = createSite({
      ...bench.options,
      status: {
        ...{ day: () => [], hours: () => Promise.reject(fault) },
        list: () => Promise.reject(fault),
      },
    });
    for (const path of ["/status", "/api/v1/servers"]) {
      const answer = await app.request(path);
      assert.equal(answer.status, status);
      assert.ok(!(await answer.text()).includes("do-not-repeat-this"));
      assert.ok(answer.headers.has("content-security-policy"));
    }
  }
});

test("guessing a password is slowed for the guesser alone", async () => {
  await signedUp(bench, "guessed");
  const guesser = new Visitor(bench.app);
  const statuses: number[] = [];
  for (let guess = 0; guess < 7; guess++) {
    const answer = await guesser.fill("/log-in", "/log-in", {
      name: "guessed",
      password: `a wrong guess ${guess}`,
    });
    statuses.push(answer.status);
  }
  assert.equal(statuses[0], 422);
  assert.equal(statuses.at(-1), 429);
  const elsewhere = new Visitor(createSite({ ...bench.options, clientAddress: () => "203.0.113.9" }));
  assert.equal(
    (await elsewhere.fill("/log-in", "/log-in", { name: "guessed", password: PASSWORD })).status,
    303,
  );
});

test("unknown name and wrong password get one answer", async () => {
  await signedUp(bench, "known");
  const pages: string[] = [];
  for (const name of ["known", "unknown"]) {
    const answer = await new Visitor(bench.app).fill("/log-in", "/log-in", {
      name,
      password: "a wrong password",
    });
    pages.push((await answer.text()).replaceAll(name, "NAME").replace(/name="token" value="[^"]+"/, ""));
  }
  assert.equal(pages[0], pages[1]);
});

test("what was typed, and what an operator set, stands on the pages as text", async () => {
  const nasty = `"><script>alert(1)</script>'`;
  const own = await openBench({ siteName: nasty });
  await saveServers(own.store, [{ ...SERVERS[0]!, city: nasty, country: nasty }]);
  const visitor = await signedUp(own, "escaper", { email: `a"onfocus='x'@example.org`.replaceAll('"', "") });
  const typed = await new Visitor(own.app).fill("/sign-up", "/sign-up", {
    name: nasty,
    password: PASSWORD,
    email: nasty,
    voucher: nasty,
  });
  const pages = [await typed.text()];
  for (const path of [...PAGES, ...MEMBER_PAGES, "/member?done=<script>"])
    pages.push(await (await visitor.get(path)).text());
  for (const page of pages) {
    assert.ok(!page.includes("<script>alert"));
    assert.ok(!page.includes(`value=""><`));
  }
  await own.close();
});

test("the privacy page says every purpose and lifetime of the inventory", async () => {
  const page = await (await new Visitor(bench.app).get("/privacy")).text();
  for (const { what, lifetime } of bench.options.inventory) {
    for (const text of [what, lifetime]) assert.ok(page.includes(text.replaceAll("'", "&#39;")), text);
  }
});

test("assets are found under their content's address only, and are kept for good", async () => {
  const page = await (await new Visitor(bench.app).get("/")).text();
  const href = /href="(\/assets\/[0-9a-f]{12}\/site\.css)"/.exec(page)![1]!;
  const answer = await bench.app.request(href);
  assert.equal(answer.headers.get("content-type"), "text/css; charset=utf-8");
  assert.match(answer.headers.get("cache-control")!, /immutable/);
  for (const path of [
    "/assets/000000000000/site.css",
    href.replace("site.css", "site.ts"),
    "/assets/x/..%2fsite.ts",
  ]) {
    assert.equal((await bench.app.request(path)).status, 404);
  }
});

test("the address to change a password leads to it", async () => {
  const answer = await bench.app.request("/.well-known/change-password");
  assert.equal(answer.headers.get("location"), "/member/settings#password");
});
