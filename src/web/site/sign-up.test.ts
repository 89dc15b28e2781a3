import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Bench, openBench, signedUp, Visitor } from "../testkit.ts";
import { WORDING } from "../wording.ts";

describe("the form of the sign-up", () => {
  let bench: Bench;
  before(async () => {
    bench = await openBench();
    await signedUp(bench, "somebody");
  });
  after(() => bench.close());

  const sent = async (typed: Record<string, string>) => {
    const answer = await new Visitor(bench.app).fill("/sign-up", "/sign-up", typed);
    return { status: answer.status, page: await answer.text() };
  };
  /** The fields that the page marks, and those that its summary leads to. */
  const marked = (page: string) =>
    [...page.matchAll(/<input id="(\w+)"[^>]*aria-invalid="true"/g)].map(([, id]) => id);
  const linked = (page: string) => [...page.matchAll(/<li><a href="#(\w+)">/g)].map(([, id]) => id);

  it("says all that is wrong at once, beside each field and with links to them", async () => {
    const { status, page } = await sent({ name: "a b", password: "short", email: "nobody", voucher: "none" });
    assert.equal(status, 422);
    const all = ["name", "password", "email", "voucher"];
    assert.deepEqual([marked(page), linked(page)], [all, all]);
    assert.match(page, /<div class="notice bad" role="alert">/);
    for (const code of ["name-invalid", "password-short", "email-invalid", "voucher-unknown"] as const)
      assert.equal(page.split(WORDING[code]).length, 3, `${code}: in the summary and beside its field`);
    for (const id of all)
      assert.match(page, new RegExp(`aria-describedby="[^"]*${id}-error"[^>]*aria-invalid="true"`));
    // What was typed stands there again, but for the password.
    assert.ok(page.includes('value="nobody"') && !page.includes(`value="short"`));
  });

  it("a name that is taken is said beside a password that is too short", async () => {
    const { page } = await sent({ name: "Somebody", password: "short" });
    assert.deepEqual(marked(page), ["name", "password"]);
    assert.deepEqual(marked((await sent({ name: "Somebody", password: "another horse battery" })).page), [
      "name",
    ]);
  });

  it("with a voucher that is none nobody learns which names are taken", async () => {
    const { page } = await sent({ name: "somebody", password: "short", voucher: "aaaaa-aaaaa-aaaaa-aaaaa" });
    assert.deepEqual(marked(page), ["password", "voucher"]);
  });

  it("names that are taken are counted whatever else is wrong", async () => {
    const own = await openBench();
    await signedUp(own, "somebody");
    const statuses = new Set<number>();
    for (let tries = 0; tries < 40; tries += 1)
      statuses.add(
        (await new Visitor(own.app).fill("/sign-up", "/sign-up", { name: "somebody", password: "short" }))
          .status,
      );
    await own.close();
    assert.ok(statuses.has(429));
  });
});
