import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { saveServers } from "../../fleet/servers.ts";
import { FakeClock } from "../../lib/clock.ts";
import { type Bench, openBench, PASSWORD, SERVERS } from "../testkit.ts";

const clock = new FakeClock();
let bench: Bench;
before(async () => {
  bench = await openBench({}, clock);
});
after(() => bench.close());

interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any of the API's shapes, held against what is expected
  body: any;
}

async function call(method: string, path: string, body?: unknown, token?: string): Promise<Answer> {
  const answer = await bench.app.request(path, {
    method,
    headers: {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  const json = answer.headers.get("content-type")?.startsWith("application/json") === true;
  return { status: answer.status, headers: answer.headers, body: json ? JSON.parse(text) : text };
}

async function signUp(name: string, more: object = {}): Promise<string> {
  const { status, body } = await call("POST", "/api/v1/accounts", { name, password: PASSWORD, ...more });
  assert.equal(status, 201);
  return body.token;
}

const voucher = async () => (await bench.vouchers.create({ days: 30, count: 1 }))[0]!;

test("an account from sign-up to deletion", async () => {
  const token = await signUp("robot", { voucher: await voucher() });
  const account = await call("GET", "/api/v1/account", undefined, token);
  assert.deepEqual(account.body, {
    name: "robot",
    email: null,
    emailVerified: false,
    renews: false,
    paidUntil: "2030-01-31T00:00:00.000Z",
    active: true,
    terminated: false,
    deleteAfter: "2030-03-02T00:00:00.000Z",
  });
  assert.equal(account.headers.get("cache-control"), "no-store");

  const first = await call("GET", "/api/v1/account/credentials", undefined, token);
  assert.match(first.body.vpnUsername, /^[a-z2-7]{12}$/);
  const renewed = await call("POST", "/api/v1/account/credentials/renew", undefined, token);
  assert.notEqual(renewed.body.vpnUsername, first.body.vpnUsername);

  const email = await call(
    "PUT",
    "/api/v1/account/email",
    { password: PASSWORD, email: "r@example.org" },
    token,
  );
  assert.equal(email.body.email, "r@example.org");
  const none = await call("PUT", "/api/v1/account/email", { password: PASSWORD, email: null }, token);
  assert.equal(none.body.email, null);

  const profile = await call("GET", "/api/v1/account/openvpn/amsterdam1", undefined, token);
  assert.equal(profile.headers.get("content-type"), "application/x-openvpn-profile");
  assert.match(profile.body, /^client\n/);
  const without = (name: string) => call("GET", `/api/v1/account/openvpn/${name}`, undefined, token);
  assert.equal((await without("nowhere1")).status, 404);
  assert.equal((await without("nowhere1")).body.error.message, "There is no server of that name.");
  assert.equal((await without("reykjavik1")).body.error.code, "not-offered");

  const everything = await call("GET", "/api/v1/account/export", undefined, token);
  assert.ok(everything.body.stored.some((entry: { value: unknown }) => entry.value === "robot"));

  assert.equal(
    (await call("POST", "/api/v1/account/deletion", { password: "wrong wrong" }, token)).status,
    422,
  );
  assert.equal((await call("POST", "/api/v1/account/deletion", { password: PASSWORD }, token)).status, 204);
  assert.equal((await call("GET", "/api/v1/account", undefined, token)).status, 401);
});

test("a voucher sent twice is told to be counted already, and is nobody else's", async () => {
  const token = await signUp("payer");
  const code = await voucher();
  const [one, two] = await Promise.all(
    [1, 2].map(() => call("POST", "/api/v1/account/vouchers", { voucher: code }, token)),
  );
  assert.deepEqual([one!.body.alreadyCounted, two!.body.alreadyCounted].sort(), [false, true]);
  assert.equal(one!.body.paidUntil, two!.body.paidUntil);
  const other = await call("POST", "/api/v1/account/vouchers", { voucher: code }, await signUp("late"));
  assert.equal(other.status, 422);
  assert.equal(other.body.error.code, "voucher-used");
});

test("a new password ends every token but the one that comes with it", async () => {
  const old = await signUp("rotor");
  const log = await call("POST", "/api/v1/tokens", { name: "rotor", password: PASSWORD });
  assert.equal(log.status, 201);
  const changed = await call(
    "PUT",
    "/api/v1/account/password",
    { oldPassword: PASSWORD, newPassword: "a newer password" },
    old,
  );
  assert.equal(changed.status, 200);
  for (const token of [old, log.body.token]) {
    assert.equal((await call("GET", "/api/v1/account", undefined, token)).status, 401);
  }
  assert.equal((await call("GET", "/api/v1/account", undefined, changed.body.token)).status, 200);
  clock.advance(24 * 3600 * 1000);
  assert.equal((await call("GET", "/api/v1/account", undefined, changed.body.token)).status, 401);
});

test("what cannot be taken has a code, and no answer repeats a value", async () => {
  const cases: [string, unknown, number, string][] = [
    ["/api/v1/accounts", { name: "a\u0000b", password: PASSWORD }, 422, "name-invalid"],
    ["/api/v1/accounts", { name: "long", password: "do-not-repeat".repeat(1000) }, 422, "password-long"],
    ["/api/v1/accounts", { name: "long", password: "do-not" }, 422, "password-short"],
    [
      "/api/v1/accounts",
      { name: "long", password: PASSWORD, voucher: "do-not-repeat" },
      422,
      "voucher-unknown",
    ],
    ["/api/v1/tokens", { name: "nobody", password: "do-not-repeat" }, 422, "login-wrong"],
    ["/api/v1/tokens", { name: "nobody" }, 400, "not-understood"],
    ["/api/v1/tokens", { name: ["do-not-repeat"], password: 7 }, 400, "not-understood"],
    ["/api/v1/tokens", "{do-not-repeat", 400, "not-understood"],
    ["/api/v1/tokens", { name: "x".repeat(70_000), password: "do-not-repeat" }, 413, "too-large"],
  ];
  for (const [path, body, status, code] of cases) {
    const answer = await call("POST", path, body);
    assert.equal(answer.status, status, code);
    assert.equal(answer.body.error.code, code);
    assert.ok(!JSON.stringify(answer.body).includes("do-not-repeat"));
  }
  const form = await bench.app.request("/api/v1/tokens", {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: "name=nobody&password=do-not-repeat",
  });
  assert.equal(form.status, 415);
  const wrongMethod = await call("DELETE", "/api/v1/servers");
  assert.equal(wrongMethod.status, 405);
  assert.equal(wrongMethod.body.error.code, "method-not-allowed");
  assert.equal((await call("GET", "/api/nowhere")).body.error.code, "not-found");
});

test("every address of an account wants a bearer token, and a cookie is none", async () => {
  const token = await signUp("cookie");
  const routes = bench.app.routes.filter(
    ({ method, path }) => method !== "ALL" && /^\/api\/v1\/account(\/|$)/.test(path),
  );
  assert.ok(routes.length >= 9);
  for (const { method, path } of routes) {
    for (const headers of [{}, { cookie: `session=${token}` }, { authorization: "Bearer x" }]) {
      const answer = await bench.app.request(path.replace(":server", "amsterdam1"), { method, headers });
      assert.equal(answer.status, 401, `${method} ${path}`);
      assert.equal(answer.headers.get("www-authenticate"), "Bearer");
    }
  }
});

test("the OpenAPI document names every route of the API, and all that it refers to is in it", async () => {
  const { body: document } = await call("GET", "/api/openapi.json");
  assert.equal(document.openapi, "3.1.0");
  const documented = Object.entries(document.paths as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const served = bench.app.routes
    .filter(
      ({ method, path }) =>
        method !== "ALL" &&
        /^\/(api|www|downloads)\//.test(path) &&
        path !== "/api/openapi.json" &&
        path !== "/www/relays/all",
    )
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`);
  assert.deepEqual(documented.sort(), [...new Set(served)].sort());

  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(
    (m) => m[1]!,
  );
  assert.ok(references.length > 10);
  for (const name of references) assert.ok(Object.hasOwn(document.components.schemas, name), name);
  assert.deepEqual(document.components.securitySchemes, { bearer: { type: "http", scheme: "bearer" } });
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const operation of Object.values(
      methods as Record<string, { security?: unknown; responses: object }>,
    )) {
      assert.equal(operation.security !== undefined, /^\/api\/v1\/account(\/|$)/.test(path), path);
      assert.ok(Object.values(operation.responses).every((response) => "description" in response));
    }
  }
});

test("the feeds have the shapes that existing clients read", async () => {
  const before = await call("GET", "/api/traffic.json");
  assert.deepEqual(before.body, {});
  const slot = Math.floor(clock.now() / 300_000) - 1;
  const services = [{ service: "socks5" as const, healthy: true }];
  const taken = await bench.status.accept({
    kind: "totals",
    protocol: 2,
    server: "amsterdam1",
    slot,
    inPercent: 12,
    outPercent: 15,
    services,
  });
  assert.ok(taken.ok);
  // Public answers are kept for a second.
  clock.advance(1000);
  const traffic = await call("GET", "/api/traffic.json");
  assert.deepEqual(traffic.body, {
    "amsterdam1.example.net": {
      timestamp: (slot + 1) * 300,
      bandwidth_in: 120_000,
      bandwidth_out: 150_000,
      bandwidth_max: 1_000_000,
    },
  });
  assert.equal(traffic.headers.get("access-control-allow-origin"), "*");
  const locations = await call("GET", "/api/serverlocations.json");
  assert.deepEqual(locations.body["reykjavik1.example.net"], {
    city: "Reykjavík",
    city_short: "reykjavik",
    country: "Iceland",
    country_short: "is",
    lati: "64.15",
    longi: "-21.94",
  });
  const ips = await call("GET", "/api/serverips");
  assert.equal(
    ips.body,
    "amsterdam1.example.net\t192.0.2.10,2001:db8::10\nreykjavik1.example.net\t192.0.2.20\n",
  );
  assert.match(ips.headers.get("content-type")!, /^text\/plain/);

  const { body } = await call("GET", "/api/v1/servers");
  assert.equal(body.servers.length, 2);
  assert.equal(body.servers[0].loadPercent, 15);
  assert.equal(body.servers[1].asOf, null);
});

test("servers with OpenVPN have Mullvad's shape, without fields of what is not offered", async () => {
  const { body } = await call("GET", "/www/relays/all/");
  assert.deepEqual(body, [
    {
      hostname: "amsterdam1",
      fqdn: "amsterdam1.example.net",
      country_code: "nl",
      country_name: "Netherlands",
      city_code: "amsterdam",
      city_name: "Amsterdam",
      active: false,
      ipv4_addr_in: "192.0.2.10",
      ipv6_addr_in: "2001:db8::10",
      network_port_speed: 1,
      type: "openvpn",
      status_messages: [{ message: "OpenVPN does not work at the moment", timestamp: "" }],
    },
  ]);
  assert.deepEqual((await call("GET", "/www/relays/all")).body, body);
});

test("servers are recommended that work: by load, by service, by country, by group", async () => {
  const minute = Math.floor(clock.now() / 60_000);
  const tell = (server: string, working: string[]) =>
    bench.status.accept({
      kind: "health",
      protocol: 2,
      server,
      minute,
      release: "",
      services: ["openvpn", "socks5", "http"].map((service) => ({
        service,
        healthy: working.includes(service),
      })),
    });
  await tell("amsterdam1", ["openvpn", "socks5"]);
  await tell("reykjavik1", ["socks5"]);
  clock.advance(1000);
  const named = async (query: string) => {
    const { body } = await call("GET", `/api/v1/servers/recommended${query}`);
    return body.servers.map(({ server }: { server: string }) => server);
  };
  // What fails is left out of what is recommended, and a server with a failure comes last.
  assert.deepEqual(await named(""), ["reykjavik1", "amsterdam1"]);
  assert.deepEqual(await named("?limit=1"), ["reykjavik1"]);
  assert.deepEqual(await named("?service=http"), []);
  assert.deepEqual(await named("?service=openvpn"), ["amsterdam1"]);
  assert.deepEqual(await named("?country=is"), ["reykjavik1"]);
  assert.deepEqual(await named("?group=amsterdam"), ["amsterdam1"]);
  const { body } = await call("GET", "/api/v1/servers/recommended?country=NL");
  assert.deepEqual(
    body.servers[0].services.map(({ service }: { service: string }) => service),
    ["openvpn", "socks5"],
  );
  for (const query of ["?limit=0", "?limit=x", "?country=Iceland", "?service=ftp"])
    assert.equal((await call("GET", `/api/v1/servers/recommended${query}`)).status, 400, query);
});

test("servers can be asked for as on the page, one by itself with its day and month, and by groups", async () => {
  const asked = await call("GET", "/api/v1/servers?country=IS&state=up&sort=load");
  assert.deepEqual(
    asked.body.servers.map(({ server, groups }: { server: string; groups: string[] }) => [server, groups]),
    [["reykjavik1", ["reykjavik"]]],
  );
  const one = await call("GET", "/api/v1/servers/amsterdam1");
  assert.equal(one.body.day.length, 288);
  assert.deepEqual(
    one.body.hours.map(({ inPercent }: { inPercent: number }) => inPercent),
    [12],
  );
  const unknown = await call("GET", "/api/v1/servers/nowhere1");
  assert.equal(unknown.status, 404);
  assert.deepEqual(unknown.body.error, {
    code: "server-unknown",
    message: "There is no server of that name.",
  });
  assert.deepEqual((await call("GET", "/api/v1/groups")).body, {
    groups: [
      { group: "amsterdam", servers: ["amsterdam1"] },
      { group: "reykjavik", servers: ["reykjavik1"] },
    ],
  });
});

test("every OpenVPN profile comes in one zip, under the names that existing clients read", async () => {
  const answer = await bench.app.request(
    "/downloads/openvpn/get?system=linux&scope=server&filetype=zip&protocol=tcp",
  );
  assert.equal(answer.headers.get("content-type"), "application/zip");
  assert.match(answer.headers.get("content-disposition")!, /filename="openvpn-server-linux-tcp\.zip"/);
  const zip = Buffer.from(await answer.arrayBuffer()).toString("latin1");
  assert.ok(zip.startsWith("PK") && zip.includes("Amsterdam1.conf") && zip.includes("1194 tcp"));
  assert.ok(!zip.includes("Reykjavik1"), "a server without OpenVPN");
  const groups = await bench.app.request("/downloads/openvpn/get?system=windows&scope=group");
  assert.ok(
    Buffer.from(await groups.arrayBuffer())
      .toString("latin1")
      .includes("Amsterdam.ovpn"),
  );
  for (const query of ["system=amiga", "filetype=rar", "protocol=icmp", "scope=all"])
    assert.equal((await call("GET", `/downloads/openvpn/get?${query}`)).status, 400, query);
});

test("a proxy configuration for all servers or a group's names those whose proxies work, and no way past them", async () => {
  const ways = async (file: string) =>
    /return "(PROXY|SOCKS5)[^"]*"/.exec((await call("GET", `/proxy/${file}.pac`)).body)?.[0];
  assert.match((await ways("recommended"))!, /SOCKS5 (amsterdam1|reykjavik1)\.example\.net:1080; SOCKS5/);
  assert.equal(await ways("reykjavik"), 'return "SOCKS5 reykjavik1.example.net:1080; PROXY 127.0.0.1:9"');
  // Its own file names all that it has, whether or not it works now.
  assert.equal(
    await ways("amsterdam1"),
    'return "PROXY amsterdam1.example.net:3128; SOCKS5 amsterdam1.example.net:1080"',
  );
  assert.equal((await call("GET", "/proxy/nowhere.pac")).status, 404);
  // When nothing is known to work, the file still leads nobody past the proxies.
  clock.advance(3_600_000);
  assert.match((await ways("recommended"))!, /PROXY amsterdam1\.example\.net:3128/);
});

test("without a server the feeds are empty and not broken", async () => {
  await saveServers(bench.store, []);
  clock.advance(6000);
  assert.equal((await call("GET", "/api/serverips")).body, "");
  assert.equal((await call("GET", "/api/ssh-fingerprints-rsa")).body, "");
  assert.deepEqual((await call("GET", "/api/serverlocations.json")).body, {});
  assert.equal((await call("GET", "/status")).status, 200);
  await saveServers(bench.store, SERVERS);
});

test("every kind of file for one server, and a zip of all for a system", async () => {
  clock.advance(6000);
  const token = await signUp("filer");
  const file = (path: string, as?: string) => call("GET", `/api/v1/account/profiles/${path}`, undefined, as);
  const one = await file("openvpn/amsterdam1?system=linux&protocol=tcp", token);
  assert.equal(one.status, 200);
  assert.equal(one.headers.get("content-disposition"), 'attachment; filename="amsterdam1.conf"');
  assert.ok(one.body.includes("1194 tcp"));
  const several = await file("openvpn-guarded/amsterdam1", token);
  assert.equal(
    several.headers.get("content-disposition"),
    'attachment; filename="amsterdam1-openvpn-guarded.zip"',
  );
  assert.match((await file("ssh/amsterdam1", token)).body, /^user [a-z2-7]{12}$/m);
  assert.equal((await file("openvpn/nowhere1", token)).status, 404);
  assert.equal((await file("openvpn/nowhere1", token)).body.error.code, "server-unknown");
  assert.equal((await file("nothing/amsterdam1", token)).status, 400);
  assert.equal((await file("openvpn/amsterdam1?level=some", token)).status, 400);
  assert.equal((await file("openvpn/amsterdam1")).status, 401);

  for (const system of ["windows", "macos", "ios", "android", "linux", "router"]) {
    const answer = await bench.app.request(`/downloads/all/get?system=${system}&level=adult`);
    assert.equal(answer.status, 200, system);
    assert.equal(
      answer.headers.get("content-disposition"),
      `attachment; filename="Example-Collective-${system}.zip"`,
    );
    const zip = Buffer.from(await answer.arrayBuffer()).toString("latin1");
    assert.ok(zip.includes("README.txt") && zip.includes("adult content and gambling"), system);
    assert.ok(zip.includes("/amsterdam1."), system);
    // For everybody: no member's name in it.
    assert.ok(!/^user /m.test(zip), system);
  }
  assert.equal((await call("GET", "/downloads/all/get")).status, 400);
  assert.equal((await call("GET", "/downloads/all/get?system=amiga")).status, 400);
});
