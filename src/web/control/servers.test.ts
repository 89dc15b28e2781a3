import assert from "node:assert/strict";
import { test } from "node:test";
import { Hono } from "hono";
import { Payments } from "../../billing/payments.ts";
import { Receipts } from "../../billing/receipts.ts";
import { Refunds } from "../../billing/refunds.ts";
import { openBench } from "../testkit.ts";
import { createControl } from "./control.ts";
import type { ServerView } from "./servers.ts";
import type { TicketsAnswer } from "./support.ts";
import { fleetOffice, RELEASE } from "./testkit.ts";

const london = {
  name: "london1",
  city: "London",
  countryCode: "GB",
  bandwidthMbit: 500,
  addresses: ["203.0.113.7"],
};

async function newOffice(joinProblem?: string) {
  const bench = await openBench();
  const { accounts, vouchers, store, options } = bench;
  const { clock, log } = options;
  const { fleet, parts } = await fleetOffice(bench, { joinProblem });
  const paymentKey = new Uint8Array(32);
  const payments = new Payments({ store, clock, accounts, vouchers, paymentKey });
  const control: Hono = createControl({
    ...parts,
    refunds: new Refunds({
      receipts: new Receipts(paymentKey),
      payments,
      accounts,
      clock,
      providers: {},
      log,
    }),
    sells: (id) => id === "30days",
  });
  const ask = async (path: string, body?: object): Promise<Record<string, unknown>> => {
    const answer = await control.request(path, {
      method: body === undefined ? "GET" : "POST",
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { "content-type": "application/json" },
      }),
    });
    return { status: answer.status, ...((await answer.json()) as Record<string, unknown>) };
  };
  const list = async () => ((await ask("/servers")) as unknown as { servers: ServerView[] }).servers;
  return { ...bench, fleet, ask, list };
}

test("a server is added with what was left out filled in, and the line to paste comes back", async () => {
  const office = await newOffice();
  const answer = await office.ask("/servers/add", london);
  assert.equal(answer.status, 200);
  assert.match(String(answer.line), /^join london1 [a-z2-7]{16}$/);
  assert.equal(office.fleet.named("london1")?.country, "United Kingdom");
  // In a city where there is a server already, the same place on the map.
  await office.ask("/servers/add", {
    ...london,
    name: "amsterdam9",
    city: "Amsterdam",
    countryCode: "NL",
    addresses: ["203.0.113.9"],
    listens: { socks5: [{ address: "0.0.0.0", port: 1080 }] },
  });
  const { latitude, country, listens } = office.fleet.named("amsterdam9")!;
  assert.deepEqual([latitude, country], [52.37, "Netherlands"]);
  assert.deepEqual(listens?.socks5, [{ address: "0.0.0.0", port: 1080 }]);
  assert.equal(listens?.http.length, 1);
  const views = await office.list();
  assert.deepEqual(
    views.map(({ name, state, local }) => [name, state, local]),
    [
      ["amsterdam1", "enrolled", true],
      ["amsterdam9", "added", false],
      ["london1", "added", false],
      ["reykjavik1", "enrolled", true],
    ],
  );
  assert.deepEqual(views[1]?.groups, ["amsterdam"]);
  await office.close();
});

test("every refusal is a sentence, and nothing is half done", async () => {
  const office = await newOffice();
  await office.ask("/servers/add", london);
  for (const [path, body, why] of [
    ["/servers/add", london, /of that name already/],
    ["/servers/add", { ...london, name: "London" }, /a-z, 0-9/],
    ["/servers/add", { ...london, name: "leeds1", countryCode: "UK" }, /ISO 3166-1/],
    ["/servers/add", { ...london, name: "leeds1" }, /Another server has that/],
    ["/servers/add", { name: "leeds1" }, /not a request of this version/],
    ["/servers/add", { ...london, extra: 1 }, /not a request of this version/],
    ["/servers/drain", { name: "nowhere1" }, /lethe server list/],
    ["/servers/remove", { name: "amsterdam1" }, /office's own machine/],
    ["/servers/rename", { name: "london1", newName: "amsterdam" }, /group/],
    ["/servers/rotate", { name: "amsterdam1" }, /office's own machine/],
    ["/servers/release", { name: "london1", release: "newest" }, /has not joined/],
    ["/servers/release", { name: "amsterdam1", release: "newest" }, /office's own machine/],
  ] as const) {
    const answer = await office.ask(path, body);
    assert.equal(answer.status, 400, path);
    assert.match(String(answer.error), why);
  }
  assert.equal((await office.list()).length, 3);
  await office.close();
});

test("where no server can join, none is added and no key is forgotten", async () => {
  const office = await newOffice("Set site.url in lethe.toml.");
  for (const path of ["/servers/add", "/servers/rotate"]) {
    const answer = await office.ask(path, path === "/servers/add" ? london : { name: "london1" });
    assert.deepEqual(answer, { status: 400, error: "Set site.url in lethe.toml." });
  }
  assert.equal(office.fleet.named("london1"), undefined);
  await office.close();
});

test("draining, another name, a new line, a version and the end", async () => {
  const office = await newOffice();
  await office.ask("/servers/add", london);
  assert.equal((await office.ask("/servers/drain", { name: "amsterdam1" })).draining, true);
  assert.equal((await office.ask("/servers/undrain", { name: "amsterdam1" })).draining, false);
  const renamed = await office.ask("/servers/rename", { name: "london1", newName: "leeds1" });
  assert.deepEqual([renamed.name, renamed.linkName], ["leeds1", "london1"]);
  assert.match(String((await office.ask("/servers/rotate", { name: "leeds1" })).line), /^join london1 /);
  await office.store.db.updateTable("servers").set({ nkey: "U" }).where("name", "=", "leeds1").execute();
  await office.fleet.refresh();
  assert.deepEqual(await office.ask("/servers/release"), { status: 200, release: RELEASE });
  const told = await office.ask("/servers/release", { name: "leeds1", release: "newest" });
  assert.deepEqual([told.state, told.targetRelease], ["enrolled", RELEASE.slice(0, 12)]);
  const stays = await office.ask("/servers/release", { name: "leeds1", release: "stay" });
  assert.equal(stays.targetRelease, "");
  assert.deepEqual(await office.ask("/servers/remove", { name: "leeds1" }), { status: 200, name: "leeds1" });
  assert.equal(office.fleet.named("leeds1"), undefined);
  assert.deepEqual(await office.ask("/link/users"), { status: 200, configuration: "authorization {}\n" });
  await office.close();
});

test("ports and ranges are blocked on one server and taken back, and what makes no sense is refused in words", async () => {
  const office = await newOffice();
  await office.ask("/servers/add", london);
  const name = "london1";
  const blocked = await office.ask("/servers/block", { name, ports: { from: 6881, to: 6889 } });
  assert.deepEqual(blocked.blocked, { ports: [{ from: 6881, to: 6889 }], ranges: [] });
  const range = await office.ask("/servers/block", { name, range: "203.0.113.9/24" });
  assert.deepEqual(range.blocked, { ports: [{ from: 6881, to: 6889 }], ranges: ["203.0.113.0/24"] });
  const letter = await office.ask("/abuse/answer", { server: name });
  assert.match(
    String(letter.text).replace(/\n/g, " "),
    /as of today: ports 6881 to 6889, 203\.0\.113\.0\/24/,
  );
  assert.deepEqual(office.fleet.named("amsterdam1")?.blocked, { ports: [], ranges: [] });
  const part = await office.ask("/servers/unblock", { name, ports: { from: 6885, to: 6889 } });
  assert.deepEqual((part.blocked as { ports: unknown }).ports, [{ from: 6881, to: 6884 }]);
  await office.ask("/servers/rename", { name, newName: "leeds1" });
  assert.equal(office.fleet.named("leeds1")?.blocked.ranges[0], "203.0.113.0/24");
  for (const [path, body, why] of [
    ["/servers/block", { name: "nowhere1", ports: { from: 1, to: 2 } }, /no server of that name/],
    ["/servers/block", { name: "leeds1", ports: { from: 1, to: 65_535 } }, /Not every port/],
    ["/servers/block", { name: "leeds1", ports: { from: 9, to: 8 } }, /not a request/],
    ["/servers/block", { name: "leeds1", range: "example.net" }, /no address/],
    ["/servers/unblock", { name: "leeds1", range: "198.51.100.1" }, /Nothing of that is blocked/],
    ["/abuse/answer", { server: "nowhere1" }, /no server of that name/],
  ] as const) {
    const answer = await office.ask(path, body);
    assert.equal(answer.status, 400, path);
    assert.match(String(answer.error), why);
  }
  await office.close();
});

test("the operator lists, reads, answers and closes tickets; what they say stays encrypted on the way", async () => {
  const office = await newOffice();
  const { tickets } = office.options.support;
  const opened = await tickets.open({ once: "form", text: "It does not CONNECT" });
  assert.ok(opened.ok);
  const { number } = opened.value;
  const list = (await office.ask("/tickets")) as unknown as TicketsAnswer;
  assert.deepEqual([list.reachable, list.tickets.map(({ state }) => state)], [true, ["open"]]);
  const shown = await office.ask("/tickets/show", { number: number.toUpperCase() });
  assert.ok(!JSON.stringify(shown).includes("CONNECT"));
  assert.match(JSON.stringify(shown), /BEGIN AGE ENCRYPTED FILE/);
  const answered = await office.ask("/tickets/answer", { number, text: "Try another server" });
  assert.equal((answered.ticket as { state: string }).state, "answered");
  assert.equal((await tickets.read(opened.value))?.texts[1]?.text, "Try another server");
  const closed = await office.ask("/tickets/close", { number });
  assert.equal((closed.ticket as { state: string }).state, "closed");
  for (const [path, body, why] of [
    ["/tickets/answer", { number, text: "more" }, /is closed/],
    ["/tickets/answer", { number, text: " " }, /no text/],
    ["/tickets/show", { number: "aaaaaaaaaa" }, /no ticket/],
    ["/tickets/close", { number: "aaaaaaaaaa" }, /no ticket/],
    ["/tickets/delete", { numbers: ["aaaaaaaaaa"] }, /no ticket/],
    ["/tickets/delete", { numbers: [] }, /not a request/],
  ] as const) {
    const answer = await office.ask(path, body);
    assert.equal(answer.status, 400, path);
    assert.match(String(answer.error), why);
  }
  assert.deepEqual(await office.ask("/tickets/delete", { numbers: [number, "aaaaaaaaaa"] }), {
    status: 200,
    deleted: 1,
  });
  assert.equal(await tickets.read(opened.value), undefined);
  await office.close();
});
