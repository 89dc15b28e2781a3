import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { startGoogleAnalytics } from "../../test/simulators/google-analytics.ts";
import { Collector } from "../analytics/collector.ts";
import { FakeClock } from "../lib/clock.ts";
import type { EventCode } from "../lib/event-log.ts";
import { createSite } from "./site.ts";
import { openBench, signedUp, tokenOf, Visitor } from "./testkit.ts";

const ORIGIN = "https://vpn.example.net";
const google = await startGoogleAnalytics();
const clock = new FakeClock();
const bench = await openBench({}, clock);
after(() => Promise.all([bench.close(), google.close()]));
const logged: EventCode[] = [];
const collector = new Collector({
  settings: { address: google.address, measurementId: "G-TEST1234", secret: "the secret" },
  clock,
  log: (code) => logged.push(code),
});
let address = "203.0.113.77";
let underWay: Promise<void>[] = [];
const withAnalytics = {
  ...bench.options,
  clientAddress: () => address,
  analytics: {
    origin: ORIGIN,
    visit: (visit: Parameters<Collector["visit"]>[0]) => {
      const sending = collector.visit(visit);
      underWay.push(sending);
      return sending;
    },
  },
};
const app = createSite(withAnalytics);
const arrived = async () => {
  await Promise.all(underWay);
  return google.visits;
};
beforeEach(() => {
  google.visits.length = 0;
  underWay = [];
  address = "203.0.113.77";
});
const choose = (visitor: Visitor, choice: "allow" | "refuse") =>
  visitor.fill("/privacy", "/analytics", { choice, back: "/privacy" });
const COOKIE = "analytics";

test("off, no page has a trace of it", async () => {
  const visitor = new Visitor(bench.app);
  for (const path of ["/", "/status", "/privacy", "/pricing", "/log-in"]) {
    const markup = await (await visitor.get(path)).text();
    assert.ok(!/google|count your visits|action="\/analytics"|href="\/analytics"/i.test(markup), path);
  }
  assert.equal((await visitor.get("/analytics")).status, 404);
  assert.equal(visitor.cookies.has(COOKIE), false);
});

test("before consent nothing is sent; the banner asks, without a script", async () => {
  const visitor = new Visitor(app);
  const markup = await (await visitor.get("/")).text();
  assert.match(markup, /aria-label="Analytics"/);
  assert.ok(!markup.includes("<script"));
  for (const path of ["/privacy", "/status", "/pricing"]) await visitor.get(path);
  assert.equal((await arrived()).length, 0);
});

test("after consent the page goes to the collector with a random text and the network, and nothing else", async () => {
  const visitor = new Visitor(app);
  const answer = await choose(visitor, "allow");
  assert.equal(answer.headers.get("location"), "/privacy");
  const cookie = visitor.cookies.get(COOKIE)!;
  assert.match(cookie, /^allowed\.[\w-]{22}$/);
  assert.match(
    answer.headers.getSetCookie().join(),
    /analytics=allowed[^,]*Max-Age=15552000; .*HttpOnly; SameSite=Lax/,
  );
  const markup = await (
    await visitor.get("/privacy?secret=1", {
      "user-agent": "Rare Browser",
      referer: "https://before.example",
    })
  ).text();
  assert.ok(!markup.includes('aria-label="Analytics"'), "nobody is asked twice");
  address = "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff";
  await visitor.get("/status");
  const visits = await arrived();
  assert.equal(visits.length, 2);
  const [first, second] = visits;
  assert.equal(first?.measurementId, "G-TEST1234");
  assert.equal(first?.secret, "the secret");
  assert.deepEqual(first?.body, {
    client_id: cookie.slice("allowed.".length),
    ip_override: "203.0.113.0",
    consent: { ad_user_data: "DENIED", ad_personalization: "DENIED" },
    events: [
      {
        name: "page_view",
        params: {
          page_location: `${ORIGIN}/privacy`,
          session_id: String(clock.now() / 1000),
          engagement_time_msec: 1,
        },
      },
    ],
  });
  assert.equal(second?.body.ip_override, "2001:db8:aaaa::");
  const all = JSON.stringify(visits);
  for (const text of ["203.0.113.77", "bbbb", "secret=1", "Rare Browser", "before.example"])
    assert.ok(!all.includes(text), text);
});

test("after opting out nothing arrives, and the refusal sticks", async () => {
  const visitor = new Visitor(app);
  await choose(visitor, "allow");
  await visitor.get("/");
  assert.equal((await arrived()).length, 1);
  const out = await visitor.fill("/analytics", "/analytics", { choice: "refuse", back: "/analytics" });
  assert.equal(out.status, 303);
  assert.equal(visitor.cookies.get(COOKIE), "refused");
  const again = await visitor.get("/");
  assert.match(again.headers.getSetCookie().join(), /analytics=refused; Max-Age=34560000/);
  assert.ok(!(await again.text()).includes('aria-label="Analytics"'));
  for (const path of ["/privacy", "/status", "/pricing"]) await visitor.get(path);
  assert.equal((await arrived()).length, 1);
  assert.match(await (await visitor.get("/analytics")).text(), /Your visits are not counted/);
});

test("Do Not Track and Global Privacy Control refuse, whatever the cookie says; nobody who sends them is asked", async () => {
  for (const signal of [{ dnt: "1" }, { "sec-gpc": "1" }] as Record<string, string>[]) {
    const visitor = new Visitor(app);
    assert.ok(!(await (await visitor.get("/", signal)).text()).includes('aria-label="Analytics"'));
    await choose(visitor, "allow");
    await visitor.get("/", signal);
    assert.match(await (await visitor.get("/analytics", signal)).text(), /whatever you choose here/);
  }
  assert.equal((await arrived()).length, 0);
});

test("members, forms, links out of mails, errors and pages fetched ahead are never counted", async () => {
  const visitor = new Visitor(app);
  await choose(visitor, "allow");
  for (const path of [
    "/member",
    "/log-in",
    "/sign-up",
    "/check",
    "/forgot-password",
    "/reset-password?link=abc",
    "/confirm-email?link=abc",
    "/order",
    "/ticket",
    "/contact",
    "/receipt",
    "/analytics",
    "/api/traffic.json",
    "/robots.txt",
    "/nowhere",
    "/help/../member",
  ])
    await visitor.get(path);
  await visitor.get("/", { "sec-purpose": "prefetch" });
  assert.equal((await arrived()).length, 0);
  const member = await signedUp({ ...bench, app }, "rosa");
  member.cookies.set(COOKIE, visitor.cookies.get(COOKIE)!);
  const markup = await (await member.get("/privacy")).text();
  assert.ok(!markup.includes('aria-label="Analytics"'));
  await member.get("/");
  assert.equal((await arrived()).length, 0);
});

test("another site cannot consent in the visitor's name, nor lead anybody away", async () => {
  const visitor = new Visitor(app);
  const token = tokenOf(await (await visitor.get("/")).text(), "/analytics");
  const foreign = await visitor.post(
    "/analytics",
    { token, choice: "allow" },
    { "sec-fetch-site": "cross-site" },
  );
  assert.equal(foreign.status, 403);
  assert.equal((await visitor.post("/analytics", { token: "wrong", choice: "allow" })).status, 403);
  assert.equal(visitor.cookies.has(COOKIE), false);
  for (const back of ["//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nSet-Cookie: a=b"]) {
    const answer = await visitor.post("/analytics", { token, choice: "refuse", back });
    assert.equal(answer.headers.get("location"), "/analytics", back);
  }
  visitor.cookies.set(COOKIE, "allowed.x");
  await visitor.get("/");
  visitor.cookies.set(COOKIE, `allowed.${"a".repeat(23)}`);
  await visitor.get("/");
  assert.equal((await arrived()).length, 0, "what we did not set counts for nothing");
});

test("the privacy page says so and links to Google's own pages", async () => {
  const markup = await (await new Visitor(app).get("/privacy")).text();
  for (const text of [
    "Google Analytics",
    "https://policies.google.com/technologies/partner-sites",
    "https://policies.google.com/privacy",
    "https://tools.google.com/dlpage/gaoptout",
  ])
    assert.ok(markup.includes(text), text);
  assert.ok(!markup.includes("No analytics run here"));
});

test("a collector that fails or is away keeps no visitor waiting, and the log says so without a word of who", async () => {
  const visitor = new Visitor(app);
  await choose(visitor, "allow");
  google.answers(500);
  assert.equal((await visitor.get("/")).status, 200);
  await arrived();
  google.answers(204);
  await new Collector({
    settings: { address: "http://127.0.0.1:1", measurementId: "G-TEST1234", secret: "s" },
    clock,
    log: (code) => logged.push(code),
  }).visit({ clientId: "x", address: "192.0.2.1", location: ORIGIN });
  assert.deepEqual(logged, ["analytics-undelivered", "analytics-undelivered"]);
});
