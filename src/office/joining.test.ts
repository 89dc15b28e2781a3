import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { Fleet } from "../fleet/fleet.ts";
import { FakeClock } from "../lib/clock.ts";
import { enrolmentRequestMac } from "../link/enrolment.ts";
import { newLinkKey } from "../link/link-key.ts";
import { openTestStore } from "../store/testing.ts";
import { enroller, joinProblem } from "./joining.ts";

async function newBench() {
  const { store } = await openTestStore("sqlite");
  const clock = new FakeClock(Date.UTC(2030, 5, 1));
  const fleet = new Fleet({
    store,
    clock,
    siteSecret: randomBytes(32),
    origin: "office:a",
    offers: () => [],
  });
  const link = { servers: ["office.example.net:4222"], site: "0badc0de" };
  const trust = { sitePublicKey: randomBytes(32).toString("base64"), ca: "x", link };
  const added = await fleet.add({
    name: "london1",
    city: "London",
    country: "United Kingdom",
    countryCode: "GB",
    latitude: 0,
    longitude: 0,
    bandwidthMbit: 100,
    addresses: ["192.0.2.1"],
  });
  assert.ok(added.ok);
  const { tokenId, token } = added.value;
  const request = (nkey = newLinkKey().publicKey) => {
    const rest = { tokenId, server: "london1", nkey, nonce: randomBytes(32).toString("base64url") };
    return { ...rest, mac: enrolmentRequestMac(token, rest) };
  };
  return { store, clock, fleet, trust, request, enrol: enroller({ fleet, clock, trust }) };
}

test("a good request enrols; what is none, or has a key that nats-server would not take, is malformed", async () => {
  const { store, enrol, request } = await newBench();
  const refused = async (body: unknown) => {
    const outcome = await enrol(body, "192.0.2.7");
    return outcome.ok ? "none" : outcome.error;
  };
  for (const body of [undefined, null, 7, "x", [], {}, { ...request(), more: 1 }, { ...request(), nkey: 7 }])
    assert.equal(await refused(body), "malformed");
  const { publicKey } = newLinkKey();
  const wrongChecksum = publicKey.slice(0, -1) + (publicKey.endsWith("A") ? "B" : "A");
  assert.equal(await refused(request(wrongChecksum)), "malformed");
  const outcome = await enrol(request(), "192.0.2.7");
  assert.ok(outcome.ok);
  assert.equal(outcome.value.server, "london1");
  await store.close();
});

test("wrong tries from one network are slowed, those of others and good ones are not", async () => {
  const { store, clock, enrol, request } = await newBench();
  const { publicKey } = newLinkKey();
  for (let tries = 0; tries < 100; tries++) assert.ok((await enrol(request(publicKey), "192.0.2.7")).ok);
  const words = [];
  for (let tries = 0; tries < 30; tries++) {
    const outcome = await enrol({}, "192.0.2.7");
    if (!outcome.ok) words.push(outcome.error);
  }
  assert.equal(words.filter((word) => word === "malformed").length, 20);
  assert.equal(words.at(-1), "slow-down");
  assert.ok((await enrol(request(publicKey), "198.51.100.7")).ok);
  clock.advance(60_000);
  assert.ok((await enrol(request(publicKey), "192.0.2.7")).ok);
  await store.close();
});

test("nobody enrols at an office without an authority", async () => {
  const { store, fleet, clock, request } = await newBench();
  const outcome = await enroller({ fleet, clock, trust: undefined })(request(), "192.0.2.7");
  assert.deepEqual(outcome, { ok: false, error: "unknown" });
  assert.equal(fleet.remote.length, 0);
  await store.close();
});

test("before a server is added it is said what stands in its way", () => {
  const good = { origin: "https://vpn.example.net", ownLink: true, natsServer: "/bin/sh", authority: "PEM" };
  assert.equal(joinProblem(good), undefined);
  assert.equal(joinProblem({ ...good, origin: "http://192.0.2.1:8080" }), undefined);
  assert.equal(joinProblem({ ...good, origin: "http://[2001:db8::1]:8080" }), undefined);
  for (const host of ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::]"])
    assert.match(joinProblem({ ...good, origin: `http://${host}:8080` }) ?? "", /site\.url/, host);
  assert.match(
    joinProblem({ ...good, natsServer: "/nowhere/nats-server" }) ?? "",
    /nats-server is not installed/,
  );
  assert.equal(joinProblem({ ...good, natsServer: "/nowhere/nats-server", ownLink: false }), undefined);
  assert.match(joinProblem({ ...good, authority: undefined }) ?? "", /openssl/);
});
