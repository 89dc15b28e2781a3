import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { ServerView } from "../control/servers.ts";
import { type Ask, askControl } from "./ask.ts";
import { type AdminBench, type Operator, openAdminBench, operatorOf } from "./testkit.ts";

describe("an operator, of servers,", () => {
  let bench: AdminBench;
  let operator: Operator;
  before(async () => {
    bench = await openAdminBench();
    operator = await operatorOf(bench);
  });
  after(() => bench.close());

  it("adds, drains and removes servers, and is told what is wrong", async () => {
    const fields = {
      name: "london1",
      city: "London",
      countryCode: "GB",
      addresses: "203.0.113.7, 2001:db8::7",
      bandwidth: "500",
    };
    const added = await operator.fill("servers", "servers", fields);
    assert.match(added.text, /join london1 [a-z2-7]{16}/);
    assert.deepEqual(bench.fleet.named("london1")?.addresses, ["203.0.113.7", "2001:db8::7"]);
    const again = await operator.fill("servers", "servers", { ...fields, city: "<b>&" });
    assert.equal(again.status, 422);
    assert.match(again.text, /of that name already/);
    assert.match(again.text, /value="&lt;b&gt;&amp;"/, "what was typed is still there");
    await operator.fill("servers", "server", { name: "amsterdam1", action: "drain" });
    assert.equal(bench.fleet.named("amsterdam1")?.draining, true);
    assert.match(
      await operator.text("overview"),
      /amsterdam1<\/a>: <span class="badge warn">no news yet; draining/,
    );
    assert.match(await operator.text("server?name=amsterdam1"), /Take new logins again/);
    const block = (action: string, what: string) =>
      operator.fill("servers", "server", { name: "amsterdam1", action, what });
    await block("block", "6660-6669");
    await block("block", "203.0.113.0/24");
    assert.deepEqual(bench.fleet.named("amsterdam1")?.blocked, {
      ports: [{ from: 6660, to: 6669 }],
      ranges: ["203.0.113.0/24"],
    });
    assert.match((await block("unblock", "6660-6669")).text, /Not blocked any more/);
    assert.deepEqual(bench.fleet.named("amsterdam1")?.blocked.ports, []);
    for (const what of ["0", "9-8", "65536", "nonsense", "0.0.0.0/0"])
      assert.equal((await block("block", what)).status, 422, what);
    const unsure = await operator.fill("servers", "server", { name: "london1", action: "remove" });
    assert.equal(unsure.status, 422);
    assert.ok(bench.fleet.named("london1"));
    const removed = await operator.fill("servers", "server", {
      name: "london1",
      action: "remove",
      sure: "yes",
    });
    assert.match(removed.text, /out of the fleet/);
    assert.equal(bench.fleet.named("london1"), undefined);
    for (const action of ["add", "../accounts/delete", "constructor"])
      assert.equal(
        (await operator.fill("servers", "server", { name: "amsterdam1", action })).status,
        422,
        action,
      );
  });

  it("renames a server, which keeps its key; another's name and an office's own machine are refused", async () => {
    await operator.fill("servers", "servers", {
      name: "leeds1",
      city: "Leeds",
      countryCode: "GB",
      addresses: "203.0.113.9",
      bandwidth: "500",
    });
    const rename = (name: string, newName: string) =>
      operator.fill("servers", "server", { name, action: "rename", newName });
    for (const wrong of ["", "Leeds 2", "amsterdam1", "<b>x</b>", "london1-g2"]) {
      const refused = await rename("leeds1", wrong);
      assert.equal(refused.status, 422, wrong);
      assert.match(refused.text, /<h1>leeds1<\/h1>/);
      assert.doesNotMatch(refused.text, /<b>x/);
    }
    assert.match(
      (await rename("leeds1", "<i>")).text,
      /name="newName"[^>]*value="&lt;i&gt;"/,
      "it can be mended",
    );
    const done = await rename("leeds1", "london2");
    assert.match(done.text, /It was called leeds1, and is called london2 from now on\./);
    assert.match(done.text, /<h1>london2<\/h1>/);
    assert.equal(bench.fleet.named("leeds1"), undefined);
    assert.equal(bench.fleet.named("london2")?.linkName, "leeds1", "its key is as it was");
    const own = await operator.text("server?name=amsterdam1");
    assert.doesNotMatch(own, /newName/);
    const refused = await rename("amsterdam1", "oslo1");
    assert.equal(refused.status, 422);
    assert.match(refused.text, /an office&#39;s own machine/);
    assert.ok(bench.fleet.named("amsterdam1"));
    assert.match((await rename("nosuch1", "oslo1")).text, /no server of that name/);
    await bench.fleet.remove("london2");
  });

  it("sees services by their names, and no button that would be refused: an office's own machine that runs stays", async () => {
    assert.match(
      await operator.text("server?name=amsterdam1"),
      /<h3>Remove<\/h3>/,
      "one that is silent may go",
    );
    const real = askControl(bench.control);
    const ask: Ask = async <Answer>(method: "GET" | "POST", path: string, body?: object) => {
      const answer = await real<Answer>(method, path, body);
      const { servers } = (answer.ok ? answer.value : {}) as { servers?: ServerView[] };
      for (const server of servers ?? []) {
        server.news = "up";
        server.services = [{ service: "stealth-tls", healthy: true }];
      }
      return answer;
    };
    const running = await openAdminBench({ ask });
    const page = await (await operatorOf(running)).text("server?name=amsterdam1");
    assert.doesNotMatch(page, /<h3>Remove<\/h3>/);
    assert.match(page, /OpenVPN in TLS: works/);
    await running.close();
  });
});
