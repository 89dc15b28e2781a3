import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { after, before, test } from "node:test";
import { type OwnServer, saveServers } from "../../fleet/servers.ts";
import { PRIVATE_KEY_LINE } from "../../profiles/wireguard.ts";
import { type Bench, openBench, SERVERS, signedUp, tokenOf, type Visitor } from "../testkit.ts";
import { newKeyPair } from "./device-files.ts";

let bench: Bench;
before(async () => {
  bench = await openBench();
});
after(() => bench.close());

const PAGE = "/member/devices";
const publicOf = (privateKey: string): string => {
  const head = Buffer.from("302e020100300506032b656e04220420", "hex");
  const key = Buffer.concat([head, Buffer.from(privateKey, "base64")]);
  const made = createPublicKey(createPrivateKey({ key, format: "der", type: "pkcs8" }));
  return made.export({ format: "der", type: "spki" }).subarray(12).toString("base64");
};
const idOf = (markup: string): string => /action="\/member\/devices\/([a-z2-7]+)\/file"/.exec(markup)![1]!;
const pageOf = async (visitor: Visitor) => (await visitor.get(PAGE)).text();

test("without a script the site makes the keys, sends the file once and keeps the public key alone", async () => {
  const visitor = await signedUp(bench, "no-script");
  const answer = await visitor.fill(PAGE, PAGE, { name: "tablet", server: "amsterdam1", keys: "site" });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("cache-control"), "no-store");
  assert.equal(answer.headers.get("content-disposition"), 'attachment; filename="amsterdam1.conf"');
  const privateKey = /^PrivateKey = (\S+)$/m.exec(await answer.text())![1]!;
  const markup = await pageOf(visitor);
  assert.ok(markup.includes(publicOf(privateKey)));
  assert.match(markup, /tablet/);
  assert.ok(!markup.includes(privateKey));
  const rows = await bench.store.db.selectFrom("devices").selectAll().execute();
  assert.ok(!JSON.stringify(rows).includes(privateKey));
  assert.equal(rows.at(-1)?.public_key, publicOf(privateKey));
});

test("a key of one's own is taken, and files for other servers enable it there", async () => {
  const visitor = await signedUp(bench, "own-key");
  const { publicKey } = newKeyPair();
  const first = await visitor.fill(PAGE, PAGE, { "public-key": ` ${publicKey} `, server: "amsterdam1" });
  const text = await first.text();
  assert.ok(text.includes(PRIVATE_KEY_LINE));
  const markup = await pageOf(visitor);
  const id = idOf(markup);
  const file = `${PAGE}/${id}/file`;
  const linux = await visitor.fill(PAGE, file, { server: "amsterdam1", system: "linux", level: "adult" });
  assert.match(await linux.text(), /^Table = \d+$/m);
  assert.match(markup, /amsterdam1/);

  const other = await signedUp(bench, "other");
  const token = tokenOf(await pageOf(other), PAGE);
  const stolen = await other.post(file, { token, server: "amsterdam1" });
  assert.equal(stolen.status, 422);
  assert.match(await stolen.text(), /no such device/);
  assert.equal((await other.post(`${PAGE}/${id}/remove`, { token })).status, 303);
  assert.ok((await pageOf(visitor)).includes(id), "somebody else's form removed nothing");
  const taken = await other.post(PAGE, { token, "public-key": publicKey, server: "amsterdam1" });
  assert.match(await taken.text(), /in use already/);

  const removed = await visitor.fill(PAGE, `${PAGE}/${id}/remove`);
  assert.equal(removed.headers.get("location"), `${PAGE}?done=device-removed`);
  assert.ok(!(await pageOf(visitor)).includes(id));
});

test("the script gets JSON, with what goes into a QR code where that is small enough", async () => {
  const visitor = await signedUp(bench, "script");
  const token = tokenOf(await pageOf(visitor), PAGE);
  const ask = (fields: Record<string, string>) =>
    visitor.post(PAGE, { token, server: "amsterdam1", ...fields }, { accept: "application/json" });
  const bodyOf = async (answer: Promise<Response>) =>
    (await (await answer).json()) as { file: { content: string; code?: string }; error: { code: string } };
  const plain = await bodyOf(ask({ "public-key": newKeyPair().publicKey, via: "zurich2" }));
  assert.equal(plain.file.code, plain.file.content);
  assert.match(plain.file.content, /^Endpoint = zurich2\.example\.net:52001$/m);
  const linux = await bodyOf(ask({ "public-key": newKeyPair().publicKey, system: "linux" }));
  assert.equal(linux.file.code, undefined);
  const refused = ask({ "public-key": "nonsense" });
  assert.equal((await refused).status, 422);
  assert.equal((await bodyOf(refused)).error.code, "key-invalid");
});

test("keys are made here only when the member says so, and nothing is stored where no file can be made", async () => {
  const visitor = await signedUp(bench, "careful");
  const cases: [Record<string, string>, RegExp][] = [
    [{ server: "amsterdam1" }, /No key was sent/],
    [{ server: "amsterdam1", keys: "own" }, /No key was sent/],
    [{ server: "reykjavik1", keys: "site" }, /does not offer WireGuard so/],
    [{ server: "", keys: "site" }, /does not offer WireGuard so/],
    [{ server: "amsterdam1", via: "amsterdam1", keys: "site" }, /does not offer WireGuard so/],
    [{ server: "amsterdam1", name: "x".repeat(41), keys: "site" }, /one line of up to 40/],
    [{ server: "amsterdam1", "public-key": "<script>" }, /no WireGuard public key/],
  ];
  for (const [fields, expected] of cases) {
    const answer = await visitor.fill(PAGE, PAGE, fields);
    assert.equal(answer.status, 422);
    const markup = await answer.text();
    assert.match(markup, expected);
    assert.doesNotMatch(markup, /<script>/);
    assert.doesNotMatch(await pageOf(visitor), /data-profile/);
  }
});

test("the system, level and first hop that were chosen on a system's page are chosen in the form", async () => {
  const own = await openBench();
  const [first] = SERVERS;
  const services: OwnServer["services"] = [
    { service: "wireguard", ports: [{ protocol: "udp", port: 51_820 }] },
  ];
  await saveServers(
    own.store,
    ["amsterdam1", "zurich2"].map((name) => ({ ...first!, name, services })),
  );
  const visitor = await signedUp(own, "preselected");
  const guide = await visitor.get("/member/connect/linux?server=zurich2&level=ads&via=amsterdam1");
  const [, address = ""] = /href="(\/member\/devices\?[^"]+)"/.exec(await guide.text()) ?? [];
  const markup = await (await visitor.get(address.replaceAll("&amp;", "&"))).text();
  const chosen = [...markup.matchAll(/<option value="([a-z0-9]*)" selected>/g)].map(([, value]) => value);
  assert.deepEqual(chosen, ["zurich2", "linux", "ads", "amsterdam1"]);
  const phone = await (await visitor.get("/member/connect/ios?server=amsterdam1")).text();
  assert.match(phone, /href="\/member\/devices\?server=amsterdam1"/);
  await own.close();
});

test("past the most devices the page says so instead of a form", async () => {
  const visitor = await signedUp(bench, "many");
  for (let n = 0; n < 10; n++)
    await visitor.fill(PAGE, PAGE, { "public-key": newKeyPair().publicKey, server: "amsterdam1" });
  const markup = await pageOf(visitor);
  assert.match(markup, /as many devices as it may have/);
  assert.doesNotMatch(markup, /id="add-device"/);
});

test("whoever is not logged in gets to the log-in page", async () => {
  const answer = await bench.app.request(PAGE);
  assert.equal(answer.headers.get("location"), "/log-in");
});
