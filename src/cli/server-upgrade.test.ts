import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServerView } from "../web/control/servers.ts";
import type { Office } from "./office-commands.ts";
import { listText, stateOf } from "./server-texts.ts";
import { upgradeServers } from "./server-upgrade.ts";
import { StartError } from "./start-error.ts";

const NEW = "b".repeat(64);
const OLD = "a".repeat(12);
const waiting = { lookEveryMs: 1, patienceMs: 60_000 };
/** For one of which no good news ever comes; those that come need four looks. */
const impatient = { lookEveryMs: 1, patienceMs: 2000 };

const view = (name: string, more: Partial<ServerView> = {}): ServerView => ({
  name,
  linkName: name,
  local: false,
  host: `${name}.example.net`,
  addresses: [],
  city: "London",
  country: "United Kingdom",
  countryCode: "GB",
  bandwidthMbit: 1000,
  groups: [],
  state: "enrolled",
  draining: false,
  generation: 1,
  news: "up",
  loadPercent: 3,
  services: [{ service: "openvpn", healthy: true }],
  blocked: { ports: [], ranges: [] },
  release: OLD,
  targetRelease: "",
  upgradeFailed: false,
  testedMinute: 100,
  ...more,
});

/** An office whose servers do as `then` says once they are told of a release, a few looks later. */
function newOffice(servers: ServerView[], then: (server: ServerView) => Partial<ServerView>) {
  const asked: string[] = [];
  const due = new Map<string, number>();
  const office: Office = {
    json: () => false,
    async ask<Answer>(_method: "GET" | "POST", path: string, body?: object): Promise<Answer> {
      if (path === "/servers/release" && body === undefined) return { release: NEW } as Answer;
      if (path === "/servers/release") {
        const { name, release } = body as { name: string; release: string };
        asked.push(`${name} ${release}`);
        if (release === "newest") due.set(name, 3);
        return {} as Answer;
      }
      for (const server of servers) {
        const looks = due.get(server.name);
        if (looks === undefined) continue;
        due.set(server.name, looks - 1);
        if (looks === 0) Object.assign(server, { testedMinute: server.testedMinute + 1, ...then(server) });
      }
      return { servers: structuredClone(servers) } as Answer;
    },
  };
  return { office, asked };
}
const runs = { release: NEW.slice(0, 12) };

test("servers are upgraded one after another, each when the one before is well", async () => {
  const servers = [
    view("exit1", { local: true }),
    view("london1"),
    view("london2", runs),
    view("london3"),
    view("new1", { state: "added" }),
  ];
  const { office, asked } = newOffice(servers, () => runs);
  const said: string[] = [];
  const done = await upgradeServers(office, [], (text) => said.push(text), waiting);
  assert.deepEqual(done, {
    release: NEW.slice(0, 12),
    upgraded: ["london1", "london3"],
    already: ["london2"],
  });
  assert.deepEqual(asked, ["london1 newest", "london3 newest"]);
  assert.match(said.join("\n"), /^london1 …\nlondon1 runs .*\nlondon3 …\n/);
});

const stops = async (then: (server: ServerView) => Partial<ServerView>, why: RegExp) => {
  const { office, asked } = newOffice([view("london1"), view("london2"), view("london3")], (server) =>
    server.name === "london1" ? runs : then(server),
  );
  await assert.rejects(
    upgradeServers(office, [], () => {}, impatient),
    (error) => {
      assert.ok(error instanceof StartError);
      assert.match(error.message, why);
      assert.match(error.message, /Upgraded before: london1\./);
      return true;
    },
  );
  assert.deepEqual(asked, ["london1 newest", "london2 newest", "london2 stay"]);
};

test("one that goes back stops the upgrade, and is told to stay as it is", () =>
  stops(() => ({ upgradeFailed: true }), /^london2 did not become well .* went back to aaaaaaaaaaaa/));

test("one of which nothing is heard stops it", () =>
  stops(() => ({ testedMinute: 100, news: "no-news" }), /^Nothing is heard of london2/));

test("one that runs it, but not well, stops it", () =>
  stops(
    () => ({ ...runs, services: [{ service: "socks5", healthy: false }] }),
    /^london2 runs b{12}, but not well: socks5/,
  ));

test("what a server says of an upgrade before this one is no news of this one", async () => {
  const { office } = newOffice([view("london1", { upgradeFailed: true })], () => ({
    ...runs,
    upgradeFailed: false,
  }));
  const done = await upgradeServers(office, ["london1"], () => {}, waiting);
  assert.deepEqual(done.upgraded, ["london1"]);
});

test("names that are no servers, an office's own machine, and one that has not joined are refused before anything is done", async () => {
  const servers = [view("exit1", { local: true }), view("london1"), view("new1", { state: "lapsed" })];
  for (const [names, why] of [
    [["london1", "nowhere1"], /no server nowhere1/],
    [["london1", "exit1"], /exit1 is an office's own machine/],
    [["new1"], /new1 has not joined/],
  ] as const) {
    const { office, asked } = newOffice(structuredClone(servers), () => runs);
    await assert.rejects(
      upgradeServers(office, names, () => {}, waiting),
      why,
    );
    assert.deepEqual(asked, []);
  }
});

test("the list says in few words how each server is", () => {
  assert.equal(stateOf(view("a1")), "up");
  assert.equal(
    stateOf(view("a1", { draining: true, services: [{ service: "dns", healthy: false }] })),
    "up, but not: dns; draining",
  );
  assert.equal(stateOf(view("a1", { news: "no-news" })), "no news lately");
  assert.equal(stateOf(view("a1", { news: "never" })), "no news yet");
  assert.equal(stateOf(view("a1", { targetRelease: "c".repeat(12) })), "up; upgrading");
  assert.match(stateOf(view("a1", { upgradeFailed: true })), /went back/);
  const until = Date.UTC(2031, 0, 5) / 1000;
  for (const [publicCertificate, words] of [
    [{ until }, "up; certificate until 2031-01-05"],
    [{}, "up; no certificate yet"],
    [{ site: true }, "up; the site's certificate"],
    [{ problem: "no-name" }, "up; no certificate: its host is no whole DNS name"],
    [
      { until, problem: "port-taken" },
      "up; certificate until 2031-01-05, not renewed: another program has its port 80",
    ],
  ] as const)
    assert.equal(stateOf(view("a1", { publicCertificate })), words);
  assert.match(stateOf(view("a1", { state: "added" })), /waits for its line/);
  assert.match(stateOf(view("a1", { state: "lapsed" })), /lethe server rotate/);
  const lines = listText([view("london1"), view("exit1", { local: true })]).split("\n");
  assert.equal(lines.length, 3);
  assert.match(lines[1]!, /^london1 +London, United Kingdom +london1\.example\.net +3 % +a{12} +up$/);
  assert.match(lines[2]!, /office +up$/);
  assert.equal(listText([]), "There are no servers.");
});
