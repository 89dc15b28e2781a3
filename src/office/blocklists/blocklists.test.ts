import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Blocklist } from "../../lib/blocklist.ts";
import { FakeClock } from "../../lib/clock.ts";
import { type BlocklistSources, Blocklists } from "./blocklists.ts";

function world(t: { after(end: () => void): void }) {
  const folder = mkdtempSync(join(tmpdir(), "lethe-blocklists-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const clock = new FakeClock(Date.UTC(2030, 0, 1));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const open = (sources: Partial<BlocklistSources>, get?: typeof fetch) =>
    new Blocklists({
      folder: join(folder, "made"),
      sources: { ads: [], malware: [], adult: [], ...sources },
      clock,
      ...(get !== undefined && { fetch: get }),
    });
  return { folder, file, open, clock };
}

function text(lists: Blocklists, list: Blocklist): string {
  const { sha256, bytes } = lists.settings()![list]!;
  const content = Buffer.from(lists.chunk(sha256, 0)!);
  assert.equal(content.length, bytes);
  assert.equal(createHash("sha256").update(content).digest("hex"), sha256);
  assert.deepEqual(Buffer.from(lists.chunk(sha256, 3)!), content.subarray(3));
  return content.toString();
}

test("a list holds each name once, none below another, and none that a level before it has", async (t) => {
  const { file, open } = world(t);
  const lists = open({
    ads: [
      file("a", "b.example\nx.b.example\na.example\na.example\ndeep.bad.example\n"),
      file("h", "0.0.0.0 c.example"),
    ],
    malware: [file("m", "bad.example\na.example\ny.c.example\nonly.example\n")],
  });
  assert.equal(lists.settings(), undefined, "none before they were read");
  await lists.renew();
  assert.equal(text(lists, "ads"), "a.example\nb.example\nc.example\ndeep.bad.example\n");
  assert.equal(text(lists, "malware"), "bad.example\nonly.example\n");
  assert.deepEqual(Object.keys(lists.settings()!), ["ads", "malware"]);
  assert.deepEqual(
    lists.view().map(({ list, names, renewed }) => [list, names, renewed]),
    [
      ["ads", 4, 1_893_456_000],
      ["malware", 2, 1_893_456_000],
    ],
  );
});

test("a list whose source fails stays as it was, and the operator is told why; the others are renewed", async (t) => {
  const { folder, file, open } = world(t);
  const sources = {
    ads: [file("a", "a.example\n"), file("b", "b.example\n")],
    malware: [file("m", "m.example\n")],
  };
  const lists = open(sources);
  await lists.renew();
  rmSync(join(folder, "b"));
  file("a", "new.example\n");
  file("m", "n.example\n");
  const told = await lists.renew();
  assert.deepEqual(
    told.map(({ list, problem }) => [list, problem]),
    [
      ["ads", undefined],
      ["ads", "cannot be read: it does not exist"],
      ["malware", undefined],
    ],
  );
  assert.equal(text(lists, "ads"), "a.example\nb.example\n");
  assert.equal(text(lists, "malware"), "n.example\n");
  file("b", "<html>\n<body>Sorry!</body>\n");
  assert.equal((await lists.renew())[1]!.problem, "holds not a single name");
});

test("another start has them as they were; sources that lethe.toml no longer names go, new ones are waited for", async (t) => {
  const { folder, file, open } = world(t);
  const [a, m] = [file("a", "a.example\n"), file("m", "m.example\n")];
  await open({ ads: [a], malware: [m] }).renew();
  const again = open({ ads: [a], malware: [m] });
  assert.ok(!again.outdated);
  assert.equal(text(again, "malware"), "m.example\n");
  const less = open({ malware: [m] });
  assert.ok(less.outdated);
  assert.deepEqual(Object.keys(less.settings()!), ["malware"]);
  await less.renew();
  assert.ok(!less.outdated);
  assert.equal(readdirSync(join(folder, "made")).length, 3, "nothing old is left");
  assert.equal(less.chunk("0".repeat(64), 0), undefined);
});

test("an address is read over TLS alone, and what it answers is told", async (t) => {
  const { open } = world(t);
  const answer = (body: string, status = 200, url = "https://lists.example/ads") =>
    Object.defineProperty(new Response(body, { status }), "url", { value: url });
  const told = async (get: () => Promise<Response>) => {
    const lists = open({ ads: ["https://lists.example/ads"] }, get as typeof fetch);
    return [(await lists.renew())[0]!.problem, lists.settings() !== undefined];
  };
  assert.deepEqual(await told(async () => answer("ads.example\n")), [undefined, true]);
  assert.deepEqual(await told(async () => answer("ads.example\n", 404)), ["answers 404", true]);
  assert.deepEqual(await told(() => Promise.reject(new Error("no"))), ["does not answer", true]);
  const plain = async () => answer("ads.example\n", 200, "http://lists.example/ads");
  assert.deepEqual(await told(plain), ["leads to an address without TLS", true]);
});

test("a list of nothing but what others have is a level all the same", async (t) => {
  const { file, open } = world(t);
  const lists = open({ ads: [file("a", "a.example\n")], adult: [file("x", "a.example\n")] });
  await lists.renew();
  assert.equal(text(lists, "adult"), "empty.invalid\n");
});
