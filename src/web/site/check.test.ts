import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Bench, openBench } from "../testkit.ts";

let bench: Bench;
let from = "198.51.100.7";
const seen = new Map<string, string[]>();
const TOKEN = "abcdefghijklmnopqrstuvwxyz";
before(async () => {
  bench = await openBench({
    clientAddress: () => from,
    check: {
      ownServer: "amsterdam1",
      origins: { ipv4: "https://v4.example.net", ipv6: "https://v6.example.net" },
      page: "https://vpn.example.net",
      stun: ["192.0.2.10:3478", "[2001:db8::10]:3478"],
      dns: {
        name: "seen.example.net",
        issue: () => {
          seen.set(TOKEN, []);
          return TOKEN;
        },
        seen: (token) => seen.get(token),
      },
    },
  });
});
after(() => bench.close());

const get = async (path: string, host = "vpn.example.net") =>
  bench.app.request(`http://${host}${path}`, { headers: { host } });
const ask = async (origin: string) =>
  bench.app.request("http://v6.example.net/check/address", { headers: { host: "v6.example.net", origin } });
const json = async (address: string) => {
  from = address;
  return (await get("/checkip/json")).json();
};
const AMSTERDAM = {
  VPN: true,
  TOR: false,
  IP: "192.0.2.10",
  DNS: "amsterdam1.example.net",
  CITY: "Amsterdam",
  COUNTRY: "Netherlands",
};

test("an exit's address gets its name and place; another's is told as it is", async () => {
  assert.deepEqual(await json("192.0.2.10"), AMSTERDAM);
  assert.deepEqual(await json("::ffff:192.0.2.10"), AMSTERDAM);
  assert.deepEqual(await json("2001:DB8:0::10"), { ...AMSTERDAM, IP: "2001:db8::10" });
  assert.deepEqual(await json("198.51.100.7"), {
    VPN: false,
    TOR: false,
    IP: "198.51.100.7",
    DNS: "",
    CITY: "",
    COUNTRY: "",
  });
});

test("a member whose exit is the office's own machine is seen as any other website sees him", async () => {
  for (const inside of ["10.66.16.9", "10.96.0.5"]) assert.deepEqual(await json(inside), AMSTERDAM);
  assert.deepEqual(await json("fd6c:6574:6865:a000::5"), { ...AMSTERDAM, IP: "2001:db8::10" });
  const page = await (await get("/check")).text();
  assert.match(page, /<p><strong>Yes, by IPv6:<\/strong> websites see our server in Amsterdam/);
  assert.match(page, /data-address="https:\/\/v4\.example\.net\/check\/address" data-inside="yes"/);
  assert.ok(!page.includes("fd6c:"));
});

test("what came by one version of IP is no word on the other: that is asked for at its own name, and until then not claimed", async () => {
  from = "192.0.2.10";
  const answer = await get("/check");
  const page = await answer.text();
  const shown = page.replaceAll(/<template[^>]*>.*?<\/template>/gs, "");
  assert.match(shown, /<strong>Yes, by IPv4:<\/strong>.*By IPv6: see below/);
  assert.doesNotMatch(shown, /<strong>Yes:/);
  assert.match(
    shown,
    /<dt>By IPv6<\/dt>.*data-address="https:\/\/v6\.example\.net\/check\/address" data-inside="no"/,
  );
  assert.match(shown, /<a href="https:\/\/v6\.example\.net\/check">open this page by IPv6<\/a>/);
  assert.match(
    answer.headers.get("content-security-policy")!,
    /connect-src 'self' https:\/\/v6\.example\.net;/,
  );
  from = "2001:db8::10";
  const other = await get("/check");
  assert.match(
    await other.text(),
    /<strong>Yes, by IPv6:<\/strong>.*data-address="https:\/\/v4\.example\.net\/check\/address"/s,
  );
  assert.match(
    other.headers.get("content-security-policy")!,
    /connect-src 'self' https:\/\/v4\.example\.net;/,
  );
  // Whoever is not behind a server is told so whatever the other version shows.
  from = "198.51.100.7";
  const bare = await (await get("/check")).text();
  assert.ok(bare.includes("you come here directly") && !bare.includes("data-address"));
});

test("the page's script is told the address that it asks from, at any name of the site's", async () => {
  for (const [address, ours] of [
    ["2001:db8::10", "Amsterdam, Netherlands (amsterdam1)"],
    ["2001:db8:ffff::7", undefined],
  ] as const) {
    from = address;
    const answer = await ask("https://vpn.example.net");
    assert.deepEqual(await answer.json(), { address, ...(ours !== undefined && { ours }) });
    assert.equal(answer.headers.get("access-control-allow-origin"), "https://vpn.example.net");
    assert.equal(answer.headers.get("cache-control"), "no-store");
    for (const other of ["https://elsewhere.example", "https://vpn.example.net.elsewhere.example", "null"])
      assert.equal((await ask(other)).headers.get("access-control-allow-origin"), null, other);
  }
});

test("behind a proxy that nobody told of nothing is claimed", async () => {
  const answer = (await json("127.0.0.1")) as typeof AMSTERDAM;
  assert.deepEqual([answer.VPN, answer.IP], [false, ""]);
  assert.match(await (await get("/check")).text(), /cannot be told here/);
  const page = await (await get("/check")).text();
  assert.match(page, /<dt>Server<\/dt><dd>not known<\/dd>/);
});

test("the other shapes have a line of names first, and clients' columns", async () => {
  from = "192.0.2.10";
  const csv = await (await get("/checkip/csv")).text();
  assert.equal(
    csv,
    "IP,DNS,VPN,TOR,COUNTRY,CITY\n192.0.2.10,amsterdam1.example.net,true,false,Netherlands,Amsterdam\n",
  );
  assert.equal(csv.split(",")[7], "true", "as a known client reads it");
  assert.equal(await (await get("/checkip/tsv")).text(), csv.replaceAll(",", "\t"));
  assert.match(
    await (await get("/checkip/xml")).text(),
    /^<\?xml version="1.0" encoding="UTF-8"\?>\n<root>\n {3}<IP>192\.0\.2\.10<\/IP>\n/,
  );
});

test("a host name checkip.… has the same, and the rest of the site beside it", async () => {
  from = "192.0.2.10";
  const answer = await get("/json", "checkip.example.net");
  assert.deepEqual(await answer.json(), AMSTERDAM);
  assert.equal(answer.headers.get("cache-control"), "no-store");
  assert.match(await (await get("/", "checkip.example.net")).text(), /Am I protected\?<\/h1>/);
  assert.equal((await get("/json")).status, 404);
  const host = "checkip.example.net";
  const head = await bench.app.request(`http://${host}/json`, { method: "HEAD", headers: { host } });
  assert.equal(head.status, 200);
  assert.equal((await get("/robots.txt", "checkip.example.net")).status, 200);
});

test("the page has a name looked up, which its policy allows as a picture and nothing else", async () => {
  from = "192.0.2.10";
  const answer = await get("/check");
  const policy = answer.headers.get("content-security-policy") ?? "";
  assert.match(policy, /img-src 'self' https:\/\/\*\.seen\.example\.net;/);
  assert.match(policy, /connect-src 'self' https:\/\/v6\.example\.net;/);
  assert.match(policy, /script-src 'self';/);
  assert.ok((await answer.text()).includes(`<img class="unseen" src="https://${TOKEN}.seen.example.net/"`));
  const ordinary = (await get("/status")).headers.get("content-security-policy") ?? "";
  assert.ok(!ordinary.includes("seen.example.net"));
});

test("who asked is shown by name where it is ours", async () => {
  seen.set(TOKEN, ["192.0.2.10", "203.0.113.53"]);
  const answer = await (await get(`/check/seen?test=${TOKEN}`)).json();
  assert.deepEqual(answer, {
    resolvers: [
      { address: "192.0.2.10", ours: "Amsterdam, Netherlands (amsterdam1)" },
      { address: "203.0.113.53" },
    ],
  });
  const page = await (await get(`/check?test=${TOKEN}`)).text();
  assert.match(page, /203\.0\.113\.53<\/code>: none of our servers/);
  assert.ok(!page.includes("<img"), "no second test");
  assert.equal((await get("/check/seen?test=unknown")).status, 404);
  assert.match(await (await get("/check?test=%3Cscript%3E")).text(), /too old to tell/);
});

test("nothing of it is logged, and an address is in no other answer", async () => {
  assert.deepEqual(bench.logged, []);
});
