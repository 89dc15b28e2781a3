import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PRIVATE_KEY_LINE } from "../../profiles/wireguard.ts";
import { newKeyPair } from "../member/device-files.ts";
import { type Bench, openBench, PASSWORD } from "../testkit.ts";

let bench: Bench;
before(async () => {
  bench = await openBench();
});
after(() => bench.close());

const ADDRESS = "/api/v1/account/devices";

async function member(name: string) {
  const made = await bench.app.request("/api/v1/accounts", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name, password: PASSWORD }),
  });
  const { token } = (await made.json()) as { token: string };
  const call = async (method: string, path: string, body?: object) => {
    const answer = await bench.app.request(path, {
      method,
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, text, json: () => JSON.parse(text), headers: answer.headers };
  };
  return call;
}

test("a device from its public key to its removal", async () => {
  const call = await member("robot");
  const { publicKey } = newKeyPair();
  const added = await call("POST", ADDRESS, { publicKey, name: "laptop" });
  assert.equal(added.status, 201);
  const device = added.json();
  assert.match(device.ipv4, /^10\.\d+\.\d+\.\d+$/);
  assert.deepEqual(device, { ...device, publicKey, name: "laptop", servers: [] });

  const file = await call("POST", `${ADDRESS}/${device.id}/profiles/amsterdam1?level=ads`);
  assert.equal(file.status, 200);
  assert.match(file.text, new RegExp(`^Address = ${device.ipv4}/32, ${device.ipv6}/128$`, "m"));
  assert.match(file.text, /^DNS = 10\.66\.255\.2, /m);
  assert.ok(file.text.includes(PRIVATE_KEY_LINE));
  assert.equal(file.headers.get("cache-control"), "no-store");
  const list = await call("GET", ADDRESS);
  assert.deepEqual(list.json(), { devices: [{ ...device, servers: ["amsterdam1"] }], most: 10 });

  assert.equal((await call("DELETE", `${ADDRESS}/${device.id}`)).status, 204);
  assert.equal((await call("DELETE", `${ADDRESS}/${device.id}`)).status, 404);
  assert.deepEqual((await call("GET", ADDRESS)).json().devices, []);
});

test("what is wrong is named, and another member's device is nobody else's", async () => {
  const [call, other] = [await member("alice"), await member("bob")];
  const code = async (answer: ReturnType<typeof call>, status: number) => {
    const { json, status: was } = await answer;
    assert.equal(was, status);
    return json().error.code;
  };
  const { publicKey } = newKeyPair();
  const device = (await call("POST", ADDRESS, { publicKey })).json();
  assert.equal(await code(other("POST", ADDRESS, { publicKey }), 422), "key-taken");
  assert.equal(await code(call("POST", ADDRESS, { publicKey: "x" }), 422), "key-invalid");
  assert.equal(
    await code(call("POST", ADDRESS, { publicKey: newKeyPair().publicKey, name: "a\nb" }), 422),
    "device-name-invalid",
  );
  assert.equal(await code(call("POST", ADDRESS, {}), 400), "not-understood");
  const profile = `${ADDRESS}/${device.id}/profiles`;
  assert.equal(await code(other("POST", `${profile}/amsterdam1`), 404), "device-unknown");
  assert.equal(await code(other("DELETE", `${ADDRESS}/${device.id}`), 404), "device-unknown");
  assert.equal(await code(call("POST", `${profile}/reykjavik1`), 404), "no-device-file");
  assert.equal(await code(call("POST", `${profile}/nowhere1`), 404), "server-unknown");
  assert.equal(await code(call("POST", `${profile}/amsterdam1?via=amsterdam1`), 404), "no-device-file");
  assert.equal(await code(call("POST", `${profile}/amsterdam1?level=everything`), 400), "not-understood");
  const choices: string = (await call("POST", `${profile}/amsterdam1?level=everything`)).json().error.message;
  assert.match(choices, /level \(none, ads, malware, adult\)/);
  assert.doesNotMatch(choices, /everything/);
  assert.deepEqual((await call("GET", ADDRESS)).json().devices[0].servers, [], "nothing was enabled");
  assert.equal((await bench.app.request(ADDRESS)).status, 401);
});
