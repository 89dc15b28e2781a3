import assert from "node:assert/strict";
import { test } from "node:test";
import { Hono } from "hono";
import { deviceAddresses } from "../../lib/device-addresses.ts";
import { PRIVATE_KEY_LINE } from "../../profiles/wireguard.ts";
import { openBench } from "../testkit.ts";
import { addProfileControl, type ProfileAnswer } from "./profiles.ts";

test("the operator gets the files that members get, and is told in words what is wrong", async () => {
  const bench = await openBench();
  const app = new Hono();
  addProfileControl(app, bench.options);
  const ask = async (path: string, body: object) => {
    const answer = await app.request(path, { method: "POST", body: JSON.stringify(body) });
    return { status: answer.status, body: (await answer.json()) as ProfileAnswer & { error?: string } };
  };
  const file = await ask("/profiles/file", { kind: "openvpn", server: "amsterdam1", system: "linux" });
  assert.equal(file.body.name, "amsterdam1.conf");
  assert.match(
    Buffer.from(file.body.base64, "base64").toString(),
    /^remote amsterdam1\.example\.net 1194 udp$/m,
  );
  const zip = await ask("/profiles/zip", { system: "linux" });
  assert.equal(Buffer.from(zip.body.base64, "base64").toString("latin1", 0, 2), "PK");

  const wrong = await ask("/profiles/file", { kind: "openvpn", server: "nowhere1" });
  assert.deepEqual(
    [wrong.status, wrong.body.error],
    [400, "There is no server nowhere1; `lethe server list` shows them all."],
  );
  const hop = await ask("/profiles/file", { kind: "openvpn", server: "amsterdam1", via: "nowhere1" });
  assert.equal(hop.status, 400);
  const same = await ask("/profiles/file", { kind: "openvpn", server: "amsterdam1", via: "amsterdam1" });
  assert.match(same.body.error ?? "", /The two hops are one server/);
  const without = await ask("/profiles/file", { kind: "openvpn", server: "reykjavik1" });
  assert.equal(without.body.error, "reykjavik1 does not offer that: openvpn.");

  // A device of a member's, by the public key that he has told.
  const publicKey = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";
  const wireguard = { kind: "wireguard", server: "amsterdam1", system: "linux" };
  const nobody = await ask("/profiles/file", { ...wireguard, publicKey });
  assert.deepEqual([nobody.status, /Nobody has a device/.test(nobody.body.error ?? "")], [400, true]);
  assert.match((await ask("/profiles/file", wireguard)).body.error ?? "", /--public-key says which/);
  const member = await bench.accounts.signUp({ name: "tunneler", password: "a good password" });
  assert.ok(member.ok);
  const added = await bench.devices.add(member.value.id, { publicKey });
  assert.ok(added.ok);
  const nowhere = await ask("/profiles/file", { ...wireguard, server: "reykjavik1", publicKey });
  assert.equal(nowhere.body.error, "reykjavik1 does not offer that: wireguard.");
  assert.deepEqual((await bench.devices.list(member.value.id))[0]!.servers, [], "a refusal enables nothing");
  const made = await ask("/profiles/file", { ...wireguard, publicKey });
  assert.equal(made.body.name, "amsterdam1.conf");
  const text = Buffer.from(made.body.base64, "base64").toString();
  assert.ok(text.includes(PRIVATE_KEY_LINE) && !/^PrivateKey/m.test(text));
  assert.ok(text.includes(`Address = ${deviceAddresses(added.value.index).v4}/32`));
  assert.deepEqual((await bench.devices.list(member.value.id))[0]!.servers, ["amsterdam1"]);
  const mixed = await ask("/profiles/file", { kind: "openvpn", server: "amsterdam1", publicKey });
  assert.match(mixed.body.error ?? "", /for WireGuard alone/);
  await bench.close();
});
