import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { PASSWORD, signedUp } from "../testkit.ts";
import { type AdminBench, type Operator, openAdminBench, operatorOf, PAGES } from "./testkit.ts";

describe("an operator who is in", () => {
  let bench: AdminBench;
  let operator: Operator;
  before(async () => {
    bench = await openAdminBench();
    operator = await operatorOf(bench);
  });
  after(() => bench.close());

  it("sees each page whole, with the token in every form and no link that leads elsewhere", async () => {
    for (const page of PAGES) {
      const answer = await operator.get(page);
      assert.equal(answer.status, 200, page);
      const text = await answer.text();
      const forms = text.split("<form ").slice(1);
      for (const form of forms)
        assert.match(form, /method="post"[\s\S]*name="token" value="[\w-]{22}"/, page);
      assert.doesNotMatch(text, /(href|action)="(https?:)?\/\/|undefined|\[object/, page);
    }
    assert.match(await operator.text("overview"), /Certificate \(link\): It is over\./);
  });

  it("renews the blocklists, and is told which source could not be read", async () => {
    assert.match(await operator.text("blocklists"), /There are none/);
    const lists = [
      { list: "ads", sources: ["/etc/hosts.ads"], names: 1200, renewed: 1_700_000_000 },
      { list: "malware", sources: ["https://lists.example/<m>"] },
    ] as const;
    let renewals = 0;
    let problem: string | undefined = "does not answer";
    const withLists = await openAdminBench({
      blocklists: {
        view: () => [...lists],
        renew: async () => {
          renewals += 1;
          if (renewals === 3) throw new Error("the disk is full");
          return [
            { list: "ads", source: "/etc/hosts.ads", found: 1300, skipped: 2 },
            { list: "malware", source: "https://lists.example/<m>", found: 0, skipped: 0, problem },
          ];
        },
      },
    });
    const other = await operatorOf(withLists);
    const page = await other.text("blocklists");
    assert.match(page, /Adverts and trackers/);
    assert.match(page, /1,200/);
    assert.match(page, /https:\/\/lists\.example\/&lt;m&gt;/);
    assert.equal(renewals, 0, "who only looks renews nothing");
    const renew = () => other.fill("blocklists", "blocklists", {});
    const half = await renew();
    assert.match(half.text, /role="alert"><p>1 of 2 sources could not be read/);
    assert.doesNotMatch(half.text, /All was read again/);
    assert.match(half.text, /does not answer<\/span> “Malware” stays as it was/);
    assert.match(half.text, /1,300 names; 2 lines that block no name passed over/);
    problem = undefined;
    assert.match((await renew()).text, /All was read again/);
    assert.match((await renew()).text, /role="alert"><p>The office could not do that/);
    await withLists.close();
  });

  it("announces with Markdown that carries no markup of its own, and takes it away", async () => {
    const text = "**Work** on <script>alert(1)</script> [here](javascript:alert(1)).";
    const posted = await operator.fill("announcements", "announcements", {
      action: "post",
      title: "<i>Tonight</i>",
      text,
      days: "",
    });
    assert.match(posted.text, /<h2>&lt;i&gt;Tonight&lt;\/i&gt;<\/h2>/);
    assert.match(posted.text, /<strong>Work<\/strong>/);
    assert.doesNotMatch(posted.text, /<script>|href="javascript/);
    const refused = await operator.fill("announcements", "announcements", {
      action: "post",
      title: "x",
      text,
      days: "-1",
    });
    assert.equal(refused.status, 422);
    assert.match(refused.text, /value="-1"/);
    const [announcement] = await bench.announcements.list();
    await operator.fill("announcements", "announcements", { action: "remove", id: announcement!.id });
    assert.deepEqual(await bench.announcements.list(), []);
  });

  it("says which ways to pay are not set up, whatever their switch says", async () => {
    const rows = (await operator.text("switches")).split("<li>");
    const row = (title: string) => rows.find((each) => each.includes(`<span>${title} `))!;
    assert.match(row("Monero"), /not set up in lethe\.toml/);
    for (const title of ["Cash by mail", "Gift card", "New accounts"])
      assert.doesNotMatch(row(title), /not set up/);
  });

  it("switches the sign-up off and on", async () => {
    const off = await operator.fill("switches", "switches", { name: "sign-up", on: "no" });
    assert.match(off.text, /New accounts: off\./);
    assert.equal((await bench.app.request("http://localhost/sign-up")).status, 403);
    const api = await bench.app.request("http://localhost/api/v1/accounts", {
      method: "POST",
      body: JSON.stringify({ name: "late-one", password: PASSWORD }),
      headers: { "content-type": "application/json" },
    });
    assert.equal(api.status, 403);
    assert.equal(await bench.accounts.byName("late-one"), undefined);
    await operator.fill("switches", "switches", { name: "sign-up", on: "yes" });
    await signedUp(bench, "late-one");
    assert.equal((await operator.fill("switches", "switches", { name: "keys", on: "no" })).status, 422);
  });
});
