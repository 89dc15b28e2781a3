import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { FakeClock } from "../lib/clock.ts";
import {
  type EnrolmentRequest,
  enrolmentAnswerMac,
  enrolmentRequestMac,
  formatJoinCode,
  parseJoinCode,
} from "../link/enrolment.ts";
import { onEachStore, openTestStore, postgresSkip, type StoreKind } from "../store/testing.ts";
import { Fleet, type Trust } from "./fleet.ts";
import type { Invitation, NewServer } from "./fleet-server.ts";
import { cityGroup, groupsOf } from "./groups.ts";
import { countryName } from "./new-server.ts";
import { listServers, NameTakenError, type OwnServer, saveServers } from "./servers.ts";

const siteSecret = randomBytes(32);
const place = {
  city: "London",
  country: "United Kingdom",
  countryCode: "GB",
  latitude: 51.5,
  longitude: -0.12,
  bandwidthMbit: 1000,
};
const london: NewServer = { ...place, name: "london1", addresses: ["192.0.2.1"] };
const own: OwnServer = { ...place, name: "exit1", host: "192.0.2.9", addresses: ["192.0.2.9"], services: [] };
const trust: Trust = {
  sitePublicKey: randomBytes(32).toString("base64"),
  ca: "-----BEGIN CERTIFICATE-----\n",
  link: { servers: ["office.example.net:4222"], site: "0123abcd" },
};
const nkey = `U${"A".repeat(55)}`;
const otherNkey = `U${"B".repeat(55)}`;
const offers = () => [{ service: "http" as const, ports: [{ protocol: "tcp" as const, port: 3128 }] }];

async function newFleet(kind: StoreKind) {
  const { store, openAgain } = await openTestStore(kind);
  const clock = new FakeClock(Date.UTC(2030, 5, 1));
  const fleet = new Fleet({ store, clock, siteSecret, origin: "office:a", offers });
  await saveServers(store, [own], "office:a");
  await fleet.start();
  const changes: string[][] = [];
  fleet.onChange(() => void changes.push(fleet.current.map(({ name }) => name)));
  const close = async () => {
    await fleet.close();
    await store.close();
  };
  return { store, openAgain, clock, fleet, changes, close };
}

const value = <Value>(outcome: { ok: true; value: Value } | { ok: false; error: string }): Value => {
  assert.ok(outcome.ok, outcome.ok ? "" : outcome.error);
  return outcome.value;
};
const error = (outcome: { ok: true; value: unknown } | { ok: false; error: string }): string =>
  outcome.ok ? "none" : outcome.error;

function requestOf({ linkName, tokenId, token }: Invitation, key = nkey): EnrolmentRequest {
  const rest = { tokenId, server: linkName, nkey: key, nonce: randomBytes(32).toString("base64url") };
  return { ...rest, mac: enrolmentRequestMac(token, rest) };
}

onEachStore(
  "a server is added, enrols with its token once, and is then one that members see",
  async (kind) => {
    const { store, fleet, changes, close } = await newFleet(kind);
    const invitation = value(await fleet.add(london));
    assert.deepEqual(parseJoinCode(formatJoinCode({ ...invitation, server: invitation.linkName })), {
      server: "london1",
      tokenId: invitation.tokenId,
      token: invitation.token,
    });
    assert.deepEqual(
      (await listServers(store)).map(({ name }) => name),
      ["exit1"],
    );
    assert.deepEqual(fleet.remote, []);

    const request = requestOf(invitation);
    const answer = value(await fleet.enrol(request, trust));
    assert.equal(answer.nonce, request.nonce);
    assert.equal(answer.mac, enrolmentAnswerMac(invitation.token, answer));
    assert.deepEqual(answer.link, trust.link);
    assert.deepEqual(
      fleet.remote.map(({ name }) => name),
      ["london1"],
    );
    assert.equal(fleet.byLinkName("london1")?.nkey, nkey);
    const [, listed] = await listServers(store);
    assert.equal(listed?.host, "192.0.2.1");
    assert.deepEqual(listed?.services, offers());
    assert.deepEqual(changes, [
      ["exit1", "london1"],
      ["exit1", "london1"],
    ]);

    // The answer was lost: the same key may ask again, another may not.
    value(await fleet.enrol(requestOf(invitation), trust));
    assert.equal(error(await fleet.enrol(requestOf(invitation, otherNkey), trust)), "used");
    assert.equal(fleet.named("london1")?.nkey, nkey);
    await close();
  },
);

onEachStore("what does not have the token, or comes late, does not enrol", async (kind) => {
  const { fleet, clock, close } = await newFleet(kind);
  const invitation = value(await fleet.add(london));
  const good = requestOf(invitation);
  const refused = async (request: EnrolmentRequest) => error(await fleet.enrol(request, trust));
  assert.equal(await refused({ ...good, nkey: otherNkey }), "unknown");
  assert.equal(await refused(requestOf({ ...invitation, token: "a".repeat(26) })), "unknown");
  assert.equal(await refused(requestOf({ ...invitation, linkName: "exit1" })), "wrong-server");
  const stranger = new Fleet({
    store: (await openTestStore(kind)).store,
    clock,
    siteSecret,
    origin: "office:a",
    offers,
  });
  assert.equal(error(await stranger.enrol(good, trust)), "unknown");
  assert.deepEqual(fleet.remote, []);

  clock.advance(30 * 60_000);
  assert.equal(await refused(good), "expired");
  await fleet.forgetOldTokens();
  assert.equal(await refused(good), "unknown");
  // Not enrolled: another line, and the certificate's name stays.
  const again = value(await fleet.rotate("london1"));
  assert.equal(await refused(good), "unknown");
  value(await fleet.enrol(requestOf(again), trust));
  assert.equal(fleet.named("london1")?.generation, 1);
  await close();
});

onEachStore("rotating forgets the key at once and gives the certificate another name", async (kind) => {
  const { store, fleet, close } = await newFleet(kind);
  const first = value(await fleet.add(london));
  value(await fleet.enrol(requestOf(first), trust));
  const second = value(await fleet.rotate("london1"));
  assert.deepEqual(fleet.remote, []);
  assert.deepEqual(
    (await listServers(store)).map(({ name }) => name),
    ["exit1"],
  );
  assert.equal(error(await fleet.enrol(requestOf(first), trust)), "unknown");
  value(await fleet.enrol(requestOf(second, otherNkey), trust));
  assert.deepEqual(
    fleet.remote.map(({ nkey: key, generation }) => ({ key, generation })),
    [{ key: otherNkey, generation: 2 }],
  );
  await close();
});

onEachStore("each server has a number of its own for good, whatever it is called", async (kind) => {
  const { store, fleet, close } = await newFleet(kind);
  value(await fleet.add(london));
  value(await fleet.add({ ...london, name: "oslo1", addresses: ["192.0.2.3"] }));
  const numbers = () => Object.fromEntries(fleet.current.map(({ linkName, number }) => [linkName, number]));
  assert.deepEqual(numbers(), { exit1: 1, london1: 2, oslo1: 3 });
  value(await fleet.rename("london1", "paris1"));
  await saveServers(store, [{ ...own, city: "Leeds" }], "office:a");
  value(await fleet.remove("paris1"));
  value(await fleet.add({ ...london, name: "rome1", addresses: ["192.0.2.4"] }));
  assert.deepEqual(numbers(), { exit1: 1, oslo1: 3, rome1: 4 });
  await close();
});

onEachStore(
  "a renamed server keeps its key, its name on the link and its traffic; a removed one takes all along",
  async (kind) => {
    const { store, fleet, close } = await newFleet(kind);
    value(await fleet.enrol(requestOf(value(await fleet.add(london))), trust));
    const slot = { slot: 7, in_percent: 1, out_percent: 2 };
    await store.db
      .insertInto("traffic_slots")
      .values({ server: "london1", ...slot })
      .execute();
    value(await fleet.rename("london1", "paris1"));
    assert.deepEqual(
      fleet.current.map(({ name }) => name),
      ["exit1", "paris1"],
    );
    assert.equal(fleet.byLinkName("london1")?.name, "paris1");
    assert.equal(fleet.named("paris1")?.nkey, nkey);
    assert.deepEqual(
      (await store.db.selectFrom("traffic_slots").selectAll().execute()).map((row) => ({ ...row })),
      [{ server: "paris1", ...slot }],
    );
    // Its certificate is still the old name's.
    const more = { ...london, host: "192.0.2.2", addresses: ["192.0.2.2"] };
    assert.equal(error(await fleet.add(more)), "name-taken");
    assert.equal(error(await fleet.rename("paris1", "exit1")), "name-taken");
    assert.equal(error(await fleet.rename("paris1", "exit")), "name-is-group");
    assert.equal(error(await fleet.rename("paris1", "Paris")), "name-invalid");
    value(await fleet.rename("paris1", "london1"));
    value(await fleet.remove("london1"));
    assert.deepEqual(await store.db.selectFrom("traffic_slots").selectAll().execute(), []);
    assert.equal(error(await fleet.remove("london1")), "unknown-server");
    value(await fleet.add(london));
    await close();
  },
);

onEachStore(
  "any server drains, an office's own too; the rest of that one is its lethe.toml's",
  async (kind) => {
    const { store, fleet, close } = await newFleet(kind);
    value(await fleet.drain("exit1"));
    assert.equal(fleet.named("exit1")?.draining, true);
    // The office starts again with its lethe.toml: still draining.
    await saveServers(store, [own], "office:a");
    assert.equal((await listServers(store))[0]?.draining, true);
    value(await fleet.undrain("exit1"));
    assert.equal(fleet.named("exit1")?.draining, false);
    assert.equal(error(await fleet.drain("nowhere1")), "unknown-server");
    for (const outcome of [
      await fleet.remove("exit1"),
      await fleet.rename("exit1", "exit2"),
      await fleet.rotate("exit1"),
      await fleet.setRelease("exit1", null),
    ])
      assert.equal(error(outcome), "own-server");
    assert.deepEqual(
      fleet.current.map(({ name, local }) => [name, local]),
      [["exit1", true]],
    );
    await close();
  },
);

onEachStore("offices keep to their own machines; a name that another has is refused", async (kind) => {
  const { store, fleet, close } = await newFleet(kind);
  value(await fleet.add(london));
  await saveServers(store, [{ ...own, name: "exit2" }], "office:b");
  await saveServers(store, [{ ...own, name: "exit3" }], "office:a");
  await fleet.refresh();
  assert.deepEqual(
    fleet.current.map(({ name }) => name),
    ["exit2", "exit3", "london1"],
  );
  for (const name of ["exit2", "london1"])
    await assert.rejects(saveServers(store, [{ ...own, name }], "office:a"), NameTakenError);
  const refused = async (server: OwnServer, why: RegExp) =>
    assert.rejects(saveServers(store, [server], "office:a"), (thrown) => {
      assert.ok(thrown instanceof NameTakenError);
      assert.match(thrown.message, why);
      return true;
    });
  await refused({ ...own, name: "london" }, /a group of servers called london already/);
  await refused({ ...own, groups: ["exit2"] }, /a server called exit2, as is a group of this one/);
  await refused({ ...own, groups: [own.name] }, /a group of servers called exit1/);
  // An office that will not come back: its machine can be taken out by the others.
  value(await fleet.remove("exit2"));
  assert.equal(error(await fleet.remove("exit3")), "own-server");
  assert.deepEqual(
    fleet.current.map(({ name }) => name),
    ["exit3", "london1"],
  );
  await close();
});

onEachStore("what an exit's services are known by is kept until its keys are given up", async (kind) => {
  const { store, fleet, changes, close } = await newFleet(kind);
  const wireguard = "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=";
  assert.equal(fleet.named("exit1")?.identity, undefined);
  value(await fleet.setIdentity("exit1", { wireguard }));
  assert.deepEqual(fleet.named("exit1")?.identity, { wireguard });
  assert.deepEqual((await listServers(store))[0]?.identity, { wireguard });
  const told = changes.length;
  value(await fleet.setIdentity("exit1", { wireguard }));
  assert.equal(changes.length, told, "the same once more is no news");
  await saveServers(store, [{ ...own, city: "Leeds" }], "office:a");
  await fleet.refresh();
  assert.deepEqual(fleet.named("exit1")?.identity, { wireguard }, "a new lethe.toml does not take it away");
  assert.equal(error(await fleet.setIdentity("oslo1", { wireguard })), "unknown-server");

  const invitation = value(await fleet.add(london));
  value(await fleet.enrol(requestOf(invitation), trust));
  value(await fleet.setIdentity("london1", { wireguard }));
  value(await fleet.rename("london1", "london2"));
  assert.deepEqual(fleet.named("london2")?.identity, { wireguard });
  value(await fleet.rotate("london2"));
  assert.equal(fleet.named("london2")?.identity, undefined);
  await close();
});

test("another office on the same PostgreSQL hears of a change", { skip: postgresSkip() }, async () => {
  const { openAgain, clock, fleet, close } = await newFleet("postgres");
  const otherStore = await openAgain();
  const other = new Fleet({ store: otherStore, clock, siteSecret, origin: "office:a", offers });
  await other.start();
  const heard = Promise.withResolvers<string[]>();
  other.onChange(() => heard.resolve(other.current.map(({ name }) => name)));
  const invitation = value(await fleet.add(london));
  assert.deepEqual(await heard.promise, ["exit1", "london1"]);
  // And a server may enrol at whichever office its request comes to.
  value(await other.enrol(requestOf(invitation), trust));
  assert.equal(other.remote.length, 1);
  await other.close();
  await otherStore.close();
  await close();
});

onEachStore("what an operator may get wrong about a new server has a word of its own", async (kind) => {
  const { fleet, close } = await newFleet(kind);
  value(await fleet.add({ ...london, groups: ["europe"] }));
  const paris = { ...london, name: "paris1", addresses: ["192.0.2.3"] };
  const listens = { openvpn: [], socks5: [], http: [] };
  const here = { address: "0.0.0.0", port: 1080 };
  const cases: [Partial<NewServer>, string][] = [
    [{ name: "Paris 1" }, "name-invalid"],
    [{ name: "" }, "name-invalid"],
    [{ name: "a".repeat(41) }, "name-invalid"],
    [{ name: "london1-g2" }, "name-generation"],
    [{ name: "london1" }, "name-taken"],
    [{ name: "london" }, "name-is-group"],
    [{ name: "europe" }, "name-is-group"],
    [{ groups: ["london1"] }, "group-is-server"],
    [{ groups: ["paris1"] }, "group-is-server"],
    [{ groups: ["West Europe"] }, "group-invalid"],
    [{ city: "" }, "city-invalid"],
    [{ city: "Pa\nris" }, "city-invalid"],
    [{ countryCode: "ZZ" }, "country-code-unknown"],
    [{ countryCode: "fr" }, "country-code-unknown"],
    [{ country: " " }, "country-invalid"],
    [{ latitude: 91 }, "place-invalid"],
    [{ longitude: Number.NaN }, "place-invalid"],
    [{ bandwidthMbit: 0 }, "bandwidth-invalid"],
    [{ host: "par is" }, "host-invalid"],
    [{ host: "192.0.2.1" }, "host-taken"],
    [{ addresses: [] }, "address-missing"],
    [{ addresses: ["192.0.2"] }, "address-invalid"],
    [{ addresses: ["fe80::1%eth0"] }, "address-invalid"],
    [{ host: "paris1.example.net", addresses: ["192.0.2.4", "192.0.2.1"] }, "address-taken"],
    [{ listens }, "listens-invalid"],
    [{ listens: { ...listens, socks5: [here], http: [here] } }, "listens-invalid"],
    [{ listens: { ...listens, socks5: [{ ...here, port: 0 }] } }, "listens-invalid"],
  ];
  for (const [wrong, code] of cases) assert.equal(error(await fleet.add({ ...paris, ...wrong })), code);
  value(await fleet.add({ ...paris, listens: { ...listens, socks5: [here] } }));
  assert.deepEqual(fleet.named("paris1")?.listens, { ...listens, socks5: [here] });
  await close();
});

test("a city's group is its servers' name without the number; countries are those of ISO 3166-1", () => {
  assert.deepEqual(["london1", "new-york-12", "exit", "123", "a1b2"].map(cityGroup), [
    "london",
    "new-york",
    undefined,
    undefined,
    "a1b",
  ]);
  assert.deepEqual(groupsOf({ name: "london1", groups: ["europe", "london"] }), ["london", "europe"]);
  assert.equal(countryName("IS"), "Iceland");
  for (const code of ["EU", "UK", "ZZ", "QX", "gb", "GBR", ""])
    assert.equal(countryName(code), undefined, code);
});
