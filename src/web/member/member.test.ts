import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type OwnServer, saveServers } from "../../fleet/servers.ts";
import { FakeClock } from "../../lib/clock.ts";
import { type Bench, openBench, PASSWORD, SERVERS, signedUp, Visitor } from "../testkit.ts";

const clock = new FakeClock();
let bench: Bench;
before(async () => {
  bench = await openBench({}, clock);
});
after(() => bench.close());

const voucher = async () => (await bench.vouchers.create({ days: 30, count: 1 }))[0]!;
const textOf = async (answer: Response | Promise<Response>) => (await answer).text();

test("from sign-up with a voucher to the VPN credentials and the OpenVPN profile", async () => {
  const visitor = await signedUp(bench, "otter", { voucher: await voucher() });
  const home = await textOf(visitor.get("/member"));
  assert.match(home, /Paid until <time datetime="2030-01-31T00:00Z">/);
  assert.match(home, /30 days left/);

  const account = (await bench.accounts.byName("otter"))!;
  const { username, password } = await bench.accounts.vpnCredentials(account.id);
  assert.ok(!home.includes(username) && !home.includes(password));
  const shown = await visitor.fill("/member", "/member/credentials");
  assert.equal(shown.headers.get("cache-control"), "no-store");
  const page = await shown.text();
  assert.ok(page.includes(username) && page.includes(password));

  const profile = await visitor.get("/member/openvpn/amsterdam1.ovpn");
  assert.equal(profile.headers.get("content-disposition"), 'attachment; filename="amsterdam1.ovpn"');
  assert.match(await profile.text(), /^client\n/);
  assert.equal((await visitor.get("/member/openvpn/amsterdam1.conf")).status, 200);
  assert.equal((await visitor.get("/member/openvpn/nowhere1.ovpn")).status, 404);
});

test("a sign-up form sent twice leads to the same account, with or without a voucher", async () => {
  for (const [name, extra] of [
    ["twice1", {}],
    ["twice2", { voucher: await voucher() }],
  ] as const) {
    const visitor = new Visitor(bench.app);
    const page = await textOf(visitor.get("/sign-up"));
    const token = /name="token" value="([^"]+)"/.exec(page)![1]!;
    const fields = { token, name, password: PASSWORD, ...extra };
    const answers = await Promise.all([visitor.post("/sign-up", fields), visitor.post("/sign-up", fields)]);
    for (const answer of answers) {
      assert.equal(answer.status, 303);
      assert.match(answer.headers.get("location")!, /^\/member/);
    }
    assert.match(await textOf(visitor.get("/member")), new RegExp(`Hello, ${name}`));
  }
});

test("somebody else's taken name is told, and what was typed stays but for the password", async () => {
  await signedUp(bench, "taken");
  const visitor = new Visitor(bench.app);
  const answer = await visitor.fill("/sign-up", "/sign-up", {
    name: "taken",
    password: "another password",
    email: "me@example.org",
  });
  assert.equal(answer.status, 422);
  const page = await answer.text();
  assert.match(page, /This username is taken/);
  assert.match(page, /value="me@example.org"/);
  assert.ok(!page.includes("another password"));
});

test("names and passwords that cannot be taken are told in words", async () => {
  const cases: [Record<string, string>, RegExp][] = [
    [{ name: "a\u0000\u001b[31mb", password: PASSWORD }, /3 to 40 characters/],
    [{ name: "ab", password: PASSWORD }, /3 to 40 characters/],
    [{ name: "fresh", password: "x".repeat(10_000) }, /too long: 1,024 characters at most/],
    [{ name: "fresh", password: "short" }, /too short: 10 characters or more/],
    [{ name: "fresh-fresh-fresh", password: "fresh-fresh-fresh" }, /must not be the username/],
    [{ name: "fresh", password: PASSWORD, email: "no address" }, /not an e-mail address/],
    [{ name: "fresh", password: PASSWORD, voucher: "aaaaa-aaaaa-aaaaa-aaaaa" }, /no such voucher/],
  ];
  for (const [fields, expected] of cases) {
    const answer = await new Visitor(bench.app).fill("/sign-up", "/sign-up", fields);
    assert.equal(answer.status, 422);
    assert.match(await answer.text(), expected);
  }
  assert.equal(await bench.accounts.byName("fresh"), undefined);
});

test("a voucher sent twice at once counts once, and both answers say that it counts", async () => {
  const visitor = await signedUp(bench, "clicker");
  const other = await signedUp(bench, "other");
  const code = await voucher();
  const page = await textOf(visitor.get("/member"));
  const token = /action="\/member\/voucher"><input type="hidden" name="token" value="([^"]+)"/.exec(
    page,
  )![1]!;
  const answers = await Promise.all(
    [1, 2].map(() => visitor.post("/member/voucher", { token, voucher: code.toUpperCase() })),
  );
  assert.deepEqual(answers.map((answer) => answer.headers.get("location")).sort(), [
    "/member?done=voucher",
    "/member?done=voucher-again",
  ]);
  assert.match(await textOf(visitor.get("/member?done=voucher-again")), /already counted on this account/);
  assert.match(await textOf(visitor.get("/member")), /30 days left/);
  assert.match(
    await textOf(other.fill("/member", "/member/voucher", { voucher: code })),
    /has been used already/,
  );
});

test("a new password ends every other session, and this one goes on", async () => {
  const here = await signedUp(bench, "changer");
  const there = new Visitor(bench.app);
  await there.fill("/log-in", "/log-in", { name: "changer", password: PASSWORD });
  assert.equal((await there.get("/member")).status, 200);
  const account = (await bench.accounts.byName("changer"))!;
  const before = await bench.accounts.vpnCredentials(account.id);

  const wrong = await here.fill("/member/settings", "/member/password", {
    old: "not this one",
    new: "a new password",
  });
  assert.equal(wrong.status, 422);
  assert.match(await wrong.text(), /not the account&#39;s password/);

  const answer = await here.fill("/member/settings", "/member/password", {
    old: PASSWORD,
    new: "a new password",
    "renew-vpn": "yes",
  });
  assert.equal(answer.headers.get("location"), "/member/settings?done=password-vpn");
  assert.equal((await here.get("/member")).status, 200);
  assert.equal((await there.get("/member")).headers.get("location"), "/log-in?why=ended");
  assert.notDeepEqual(await bench.accounts.vpnCredentials(account.id), before);
});

test("the e-mail address is set, shown, and deleted", async () => {
  const visitor = await signedUp(bench, "mailer");
  const set = await visitor.fill("/member/settings", "/member/email", {
    password: PASSWORD,
    email: "m@example.org",
  });
  assert.equal(set.headers.get("location"), "/member/settings?done=email");
  assert.match(await textOf(visitor.get("/member/settings")), /Stored: <strong>m@example.org/);
  await visitor.fill("/member/settings", "/member/email", { password: PASSWORD, email: "" });
  assert.equal((await bench.accounts.byName("mailer"))!.email, undefined);
});

test("new VPN credentials are shown at once and replace the old", async () => {
  const visitor = await signedUp(bench, "renewer");
  const account = (await bench.accounts.byName("renewer"))!;
  const before = await bench.accounts.vpnCredentials(account.id);
  const shown = await textOf(visitor.fill("/member", "/member/credentials"));
  const token = /name="token" value="([^"]+)"/.exec(shown)![1]!;
  const page = await textOf(visitor.post("/member/credentials/renew", { token }));
  const now = await bench.accounts.vpnCredentials(account.id);
  assert.notEqual(now.username, before.username);
  assert.ok(page.includes(now.username) && page.includes(now.password) && !page.includes(before.password));
});

test("the export holds everything that is stored", async () => {
  const visitor = await signedUp(bench, "exporter", { email: "x@example.org" });
  const answer = await visitor.fill("/member/settings", "/member/export");
  const everything = (await answer.json()) as { stored: { column: string; value: unknown }[] };
  const storedAs = (column: string) => everything.stored.find((entry) => entry.column === column)?.value;
  assert.equal(storedAs("name"), "exporter");
  assert.equal(storedAs("email"), "x@example.org");
});

test("deleting takes the password, and a second click meets the same page", async () => {
  const visitor = await signedUp(bench, "leaver");
  const page = await textOf(visitor.get("/member/settings"));
  const token = /name="token" value="([^"]+)"/.exec(page)![1]!;
  assert.equal((await visitor.post("/member/delete", { token, password: "wrong wrong wrong" })).status, 422);
  const twice = new Visitor(bench.app);
  for (const [name, value] of visitor.cookies) twice.cookies.set(name, value);
  for (const each of [visitor, twice]) {
    const answer = await each.post("/member/delete", { token, password: PASSWORD });
    assert.equal(answer.headers.get("location"), "/account-gone");
  }
  assert.equal(await bench.accounts.byName("leaver"), undefined);
  assert.ok(![...visitor.cookies.keys()].includes("session"));
});

test("an account without paid time, run out, or ended by the operator is told so", async () => {
  const visitor = await signedUp(bench, "unpaid");
  assert.match(await textOf(visitor.get("/member")), /No paid time yet/);
  await bench.vouchers.redeem((await bench.accounts.byName("unpaid"))!.id, await voucher());
  await bench.accounts.terminate("unpaid");
  assert.match(await textOf(visitor.get("/member")), /operator has ended this account/);
  const refused = await visitor.fill("/member", "/member/voucher", { voucher: await voucher() });
  assert.match(await refused.text(), /takes no more vouchers/);
});

test("of many servers the page to get connected shows the best, or those asked for; a group has a profile", async () => {
  const many: OwnServer[] = Array.from({ length: 300 }, (_, index) => ({
    ...SERVERS[0]!,
    name: `town${String.fromCharCode(97 + (index % 25))}${1 + Math.floor(index / 25)}`,
    city: `Town ${index % 25}`,
    countryCode: index % 25 === 7 ? "IS" : "NL",
    groups: index % 100 === 5 ? ["archive"] : [],
  }));
  const bench = await openBench();
  await saveServers(bench.store, many);
  bench.status.serversChanged();
  for (const { name } of many)
    await bench.status.accept({
      kind: "health",
      protocol: 2,
      server: name,
      minute: Math.floor(bench.options.clock.now() / 60_000),
      release: "",
      services: [{ service: "openvpn", healthy: true }],
    });
  const visitor = await signedUp(bench, "river-otter");
  const page = await (await visitor.get("/member/connect")).text();
  assert.ok(Buffer.byteLength(page) < 80_000, String(Buffer.byteLength(page)));
  assert.ok(page.includes("The 20 best of 300 servers now"));
  const asked = await (await visitor.get("/member/connect?country=IS")).text();
  assert.ok(
    asked.includes("12 of the 12 servers that are like that") && asked.includes("Download townh10.ovpn"),
  );
  assert.ok(asked.includes("Any of townh") && asked.includes("Download townh.ovpn"));
  assert.ok(
    (await (await visitor.get("/member/connect?city=nowhere")).text()).includes("No server is like that"),
  );

  const profile = async (file: string) => {
    const answer = await visitor.get(`/member/openvpn/${file}`);
    return answer.status === 200
      ? (await answer.text()).split("\n").filter((line) => line.startsWith("remote "))
      : answer.status;
  };
  assert.equal(((await profile("townh.ovpn")) as string[]).length, 12);
  assert.deepEqual(await profile("archive.conf?protocol=tcp"), [
    "remote townf1.example.net 1194 tcp",
    "remote townf5.example.net 1194 tcp",
    "remote townf9.example.net 1194 tcp",
  ]);
  assert.equal(await profile("town99.ovpn"), 404);
  // Without a log-in there is none.
  assert.equal((await new Visitor(bench.app).get("/member/openvpn/townh.ovpn")).status, 303);
  await bench.close();
});

test("each system has a page with three steps for each client, and files for the server, level and first hop chosen there", async () => {
  const bench = await openBench();
  const visitor = await signedUp(bench, "river-otter");
  for (const system of ["windows", "macos", "ios", "android", "linux", "router"]) {
    const answer = await visitor.get(`/member/connect/${system}?server=amsterdam1&level=ads`);
    assert.equal(answer.status, 200, system);
    const page = await answer.text();
    assert.equal(page.split('<ol class="steps">').length - 1, page.split('class="panel guide"').length - 1);
    assert.equal(
      page.split("<li><svg").length - 1,
      3 * (page.split('class="panel guide"').length - 1),
      system,
    );
    const files = [...page.matchAll(/href="(\/member\/profiles\/[^"]+)"/g)].map(([, found]) => found!);
    assert.ok(files.length > 1, system);
    for (const file of files) {
      assert.ok(file.includes("level=ads"), file);
      const sent = await visitor.get(file.replaceAll("&amp;", "&"));
      assert.equal(sent.status, 200, file);
      assert.match(
        sent.headers.get("content-disposition") ?? "",
        /^attachment; filename="amsterdam1[a-z0-9.-]+"$/,
      );
    }
    // A plain proxy is never shown without saying what it is.
    assert.equal(page.includes("/proxy/amsterdam1.pac"), page.includes("relays, does not encrypt"), system);
    // And beside it the one that picks by load.
    assert.equal(
      page.includes("/proxy/amsterdam1.pac"),
      page.includes("/proxy/recommended.pac?plain"),
      system,
    );
  }
  const linux = await (await visitor.get("/member/connect/linux?server=amsterdam1&level=ads")).text();
  assert.ok(
    linux.includes("nmcli connection modify amsterdam1 ipv4.dns 10.66.255.2 ipv4.ignore-auto-dns yes"),
  );
  const text = async (path: string) => (await visitor.get(`/member/connect/${path}`)).text();
  assert.match(
    await (await visitor.get("/member/connect")).text(),
    /the least loaded.*http:\/\/localhost\/proxy\/recommended\.pac/s,
  );
  for (const [system, commands] of [
    ["linux", ["stunnel amsterdam1-stunnel.conf", "sudo openvpn --config amsterdam1.conf"]],
    ["macos", ["stunnel amsterdam1-stunnel.conf"]],
    ["linux", ["sudo sh amsterdam1-obfs4.sh"]],
    ["macos", ["sudo sh amsterdam1-obfs4.sh"]],
  ] as const)
    for (const command of commands)
      assert.ok((await text(`${system}?server=amsterdam1`)).includes(`<code>${command}</code>`), command);
  assert.ok((await text("macos?server=amsterdam1")).includes("then open amsterdam1.ovpn with Tunnelblick"));
  assert.match(linux, /no files of IKEv2 for Linux/);
  assert.doesNotMatch(linux, /There is no server of the name/);
  assert.match(await text("linux?server=nosuch"), /There is no server of the name .* is for [a-z]+1\./);
  assert.match(await text("linux?server=amsterdam1&via=nosuch"), /through one server alone/);
  const hops = await (await visitor.get("/member/connect/linux?server=amsterdam1&via=reykjavik1")).text();
  assert.ok(hops.includes("via=reykjavik1") && hops.includes("Two hops"));
  assert.ok(!hops.includes("SSH tunnel") && !hops.includes("/proxy/"));
  const ssh = await (await visitor.get("/member/profiles/ssh/amsterdam1?system=linux")).text();
  assert.match(ssh, /^user [a-z2-7]{12}$/m);
  for (const path of [
    "/member/connect/plan9",
    "/member/profiles/openvpn/nowhere1",
    "/member/profiles/nothing/amsterdam1",
    "/member/profiles/openvpn/amsterdam1?level=all",
    "/member/profiles/wireguard/amsterdam1",
    "/member/profiles/ssh/amsterdam1?via=reykjavik1",
  ])
    assert.equal((await visitor.get(path)).status, 404, path);
  assert.equal((await new Visitor(bench.app).get("/member/profiles/openvpn/amsterdam1")).status, 303);
  await bench.close();
});
