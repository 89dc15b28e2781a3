import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { ExitDoor } from "../options.ts";
import { openBench } from "../testkit.ts";

const folder = mkdtempSync(join(tmpdir(), "lethe-exits-"));
after(() => rmSync(folder, { recursive: true }));
const bundle = join(folder, "bundle");
const content = Buffer.from("x".repeat(300_000));
writeFileSync(bundle, content);

const heard: { body: unknown; address: string }[] = [];
const exits: ExitDoor = {
  enrol: async (body, address) => {
    heard.push({ body, address });
    const { word } = (body ?? {}) as { word?: string };
    return word === "good"
      ? { ok: true, value: { server: "london1" } }
      : { ok: false, error: word ?? "malformed" };
  },
  file: (path) =>
    path === "/exit/bundle-1.mjs"
      ? { file: bundle, bytes: content.length, contentType: "text/plain; charset=utf-8" }
      : undefined,
};
async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!(await holds())) assert.ok(performance.now() < deadline, "not within 30 s");
}

const post = (body: string) => ({
  method: "POST",
  body,
  headers: { "content-type": "application/json", "sec-fetch-site": "cross-site" },
});

test("a server enrols without cookie or form token, and is told in a word why it may not", async () => {
  const bench = await openBench({ exits });
  const answer = await bench.app.request("/enrol", post('{"word":"good"}'));
  assert.equal(answer.status, 200);
  assert.deepEqual(await answer.json(), { server: "london1" });
  assert.deepEqual(heard.at(-1), { body: { word: "good" }, address: "198.51.100.7" });
  assert.equal(answer.headers.get("cache-control"), "no-store");
  assert.deepEqual(answer.headers.getSetCookie(), []);
  for (const [body, status, error] of [
    ['{"word":"expired"}', 403, "expired"],
    ['{"word":"slow-down"}', 429, "slow-down"],
    ["no json", 403, "malformed"],
    ["", 403, "malformed"],
  ] as const) {
    const refused = await bench.app.request("/enrol", post(body));
    assert.equal(refused.status, status);
    assert.deepEqual(await refused.json(), { error });
  }
  const large = await bench.app.request("/enrol", post("x".repeat(70_000)));
  assert.equal(large.status, 413);
  assert.equal((await bench.app.request("/enrol")).status, 405);
  assert.deepEqual(bench.logged, []);
  await bench.close();
});

test("the exit's program comes whole, may be kept for good, and nothing else is there", async () => {
  const bench = await openBench({ exits });
  const answer = await bench.app.request("/exit/bundle-1.mjs");
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("content-length"), String(content.length));
  assert.match(answer.headers.get("cache-control") ?? "", /immutable/);
  assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
  assert.deepEqual(answer.headers.getSetCookie(), []);
  const bytes = Buffer.from(await answer.arrayBuffer());
  assert.equal(
    createHash("sha256").update(bytes).digest("hex"),
    createHash("sha256").update(content).digest("hex"),
  );
  const head = await bench.app.request("/exit/bundle-1.mjs", { method: "HEAD" });
  assert.equal(head.headers.get("content-length"), String(content.length));
  for (const path of ["/exit/bundle-2.mjs", "/exit/..%2Fbundle", "/exit/", "/exit/a/b"])
    assert.equal((await bench.app.request(path)).status, 404, path);
  await bench.close();
});

test("one visitor cannot have hundreds of files opened at once; when they are through there is room again", async () => {
  const bench = await openBench({ exits });
  const ask = () => bench.app.request("/exit/bundle-1.mjs");
  const answers = await Promise.all(Array.from({ length: 30 }, ask));
  const good = answers.filter(({ status }) => status === 200);
  assert.equal(good.length, 8);
  const refused = answers.find(({ status }) => status === 503)!;
  assert.equal(refused.headers.get("retry-after"), "5");
  assert.equal(refused.headers.get("cache-control"), "no-store");
  // Read to the end, or given up.
  await good[0]!.arrayBuffer();
  for (const answer of good.slice(1)) await answer.body!.cancel();
  await until(async () => {
    const answer = await ask();
    await answer.arrayBuffer();
    return answer.status === 200;
  });
  await bench.close();
});

test("a site that no server can join has neither", async () => {
  const bench = await openBench();
  assert.equal((await bench.app.request("/enrol", post("{}"))).status, 404);
  assert.equal((await bench.app.request("/exit/bundle-1.mjs")).status, 404);
  await bench.close();
});
