import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, createServer } from "node:net";
import { after, before, describe, it } from "node:test";
import { freePorts } from "../../lib/testing.ts";
import type { Resolve } from "./resolve.ts";
import {
  FakeAuthoriser,
  PASSWORD,
  socksHandshake,
  startProxy,
  startServer,
  testSettings,
  USERNAME,
  Wire,
} from "./testing.ts";
import { createProxyWorker } from "./worker.ts";

const connects = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });

describe("a proxy worker", { timeout: 300_000 }, () => {
  it("follows new settings without dropping a tunnel", async () => {
    const authoriser = new FakeAuthoriser();
    const worker = createProxyWorker({ authoriser, log: () => {} });
    const echo = await startServer((socket) => socket.pipe(socket));
    const [first = 0, second = 0, http = 0] = await freePorts(3);
    const apply = (socks5Port: number, allow: string[]) =>
      worker.apply({
        settings: testSettings({ socks5Port, httpPort: http, egress: { allow } }),
        ownAddresses: [],
        resolvers: [],
      });
    try {
      await apply(first, ["127.0.0.0/8"]);
      const wire = new Wire(first);
      wire.send(socksHandshake(echo.port));
      await wire.take(14);

      const reports = await apply(second, []);
      assert.deepEqual(
        reports.map(({ service, port, failed }) => [service, port, failed]),
        [
          ["socks5", second, undefined],
          ["http", http, undefined],
        ],
      );
      assert.equal(await connects(first), false);
      assert.equal(await connects(http), true);
      wire.send("still");
      assert.equal(String(await wire.take(5)), "still");

      const refused = new Wire(second);
      refused.send(socksHandshake(echo.port));
      assert.equal((await refused.take(14))[5], 2);

      worker.close();
      await wire.closed();
      assert.equal(await connects(second), false);
    } finally {
      worker.close();
      echo.close();
    }
  });

  it("ends what the operator blocks while it is open, and nothing else", async () => {
    const worker = createProxyWorker({ authoriser: new FakeAuthoriser(), log: () => {} });
    const echo = await startServer((socket) => socket.pipe(socket));
    const other = await startServer((socket) => socket.pipe(socket));
    const apply = (egress: NonNullable<Parameters<typeof testSettings>[0]["egress"]>) =>
      worker.apply({ settings: testSettings({ egress }), ownAddresses: [], resolvers: [] });
    const tunnel = async (socks5: number, port: number): Promise<Wire> => {
      const wire = new Wire(socks5);
      wire.send(socksHandshake(port));
      await wire.take(14);
      return wire;
    };
    try {
      const [{ port = 0 } = {}] = await apply({});
      const [blocked, open] = [await tunnel(port, echo.port), await tunnel(port, other.port)];
      await apply({ denyPortRanges: [{ from: echo.port, to: echo.port }] });
      assert.equal(await blocked.closed(), "reset", "broken off, not ended");
      open.send("still");
      assert.equal(String(await open.take(5)), "still");
      await apply({ deny: ["127.0.0.0/8"] });
      assert.equal(await open.closed(), "reset");
    } finally {
      worker.close();
      echo.close();
      other.close();
    }
  });

  it("opens nothing that the operator blocks while a client is logging in or its name is looked up", async () => {
    const lookup = Promise.withResolvers<Awaited<ReturnType<Resolve>>>();
    const worker = createProxyWorker({
      authoriser: new FakeAuthoriser(),
      log: () => {},
      resolve: () => lookup.promise,
    });
    const echo = await startServer((socket) => socket.pipe(socket));
    const apply = (egress: NonNullable<Parameters<typeof testSettings>[0]["egress"]>) =>
      worker.apply({ settings: testSettings({ egress }), ownAddresses: [], resolvers: [] });
    const handshake = socksHandshake(echo.port);
    const request = handshake.subarray(handshake.length - 10);
    try {
      const [{ port = 0 } = {}] = await apply({});
      const [early, byName] = [new Wire(port), new Wire(port)];
      for (const wire of [early, byName]) {
        wire.send(handshake.subarray(0, handshake.length - 10));
        assert.equal((await wire.take(4)).at(-1), 0, "logged in");
      }
      byName.send(Buffer.concat([Buffer.from("\x05\x01\x00\x03\x0csome.example"), request.subarray(8)]));
      await apply({ denyPortRanges: [{ from: echo.port, to: echo.port }] });
      early.send(request);
      lookup.resolve({ ok: true, addresses: [Uint8Array.of(127, 0, 0, 1)] });
      for (const wire of [early, byName])
        assert.equal((await wire.take(10))[1], 2, "not allowed by ruleset (RFC 1928 section 6)");
    } finally {
      worker.close();
      echo.close();
    }
  });

  it("reports a port that is taken or out of reach, keeps the others, and gets it later", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const logged: unknown[] = [];
    const worker = createProxyWorker({
      authoriser: new FakeAuthoriser(),
      log: (...event) => logged.push(event),
    });
    const settings = testSettings({ socks5Port: port });
    settings.services.http = { listen: [{ address: "192.0.2.77", port: 8080 }] };
    const change = { settings, ownAddresses: [], resolvers: [] };
    try {
      const failures = async () => (await worker.apply(change)).map(({ failed }) => failed);
      assert.deepEqual(await failures(), ["EADDRINUSE", "EADDRNOTAVAIL"]);
      assert.equal(logged.length, 2);
      taken.close();
      await once(taken, "close");
      assert.deepEqual(await failures(), [undefined, "EADDRNOTAVAIL"]);
    } finally {
      worker.close();
      taken.close();
    }
  });

  it("lives through clients that break off at every point of their handshake", async () => {
    const proxy = await startProxy();
    const echo = await startServer((socket) => socket.pipe(socket));
    try {
      const handshake = socksHandshake(echo.port);
      for (let length = 0; length <= handshake.length; length += 1) {
        const wire = new Wire(proxy.socks5);
        wire.send(handshake.subarray(0, length));
        await new Promise(setImmediate);
        wire.socket.resetAndDestroy();
        const other = new Wire(proxy.http);
        other.send(`CONNECT 127.0.0.1:${echo.port} HTTP/1.1\r\n\r\n`.slice(0, 2 * length));
        other.socket.resetAndDestroy();
      }
      const wire = new Wire(proxy.socks5);
      wire.send(handshake);
      assert.equal((await wire.take(14))[5], 0);
      wire.close();
    } finally {
      proxy.close();
      echo.close();
    }
  });
});

describe("curl", { timeout: 300_000 }, () => {
  let proxy: Awaited<ReturnType<typeof startProxy>>;
  const site = createHttpServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => response.end(`${request.method} ${request.url} ${body}`));
  });
  let base: string;

  before(async () => {
    proxy = await startProxy({
      resolve: async (name) =>
        name === "site.example"
          ? { ok: true, addresses: [Uint8Array.of(127, 0, 0, 1)] }
          : { ok: false, reason: "no-such-name" },
    });
    site.listen(0, "127.0.0.1");
    await once(site, "listening");
    base = `http://site.example:${(site.address() as AddressInfo).port}`;
  });
  after(() => {
    proxy.close();
    site.closeAllConnections();
    site.close();
  });

  /** Its output and exit code; the login goes through a file on standard input, as curl(1) offers. */
  const curl = (args: string[], login = `${USERNAME}:${PASSWORD}`): Promise<{ code: number; out: string }> =>
    new Promise((resolve) => {
      const all = ["--silent", "--max-time", "20", "--noproxy", "", "--config", "-", ...args];
      const child = execFile("curl", all, (error, out) => {
        resolve({ code: typeof error?.code === "number" ? error.code : 0, out });
      });
      child.stdin!.end(`proxy-user = "${login}"\n`);
    });

  it("gets through SOCKS5", async () => {
    const socks5 = ["--socks5-hostname", `127.0.0.1:${proxy.socks5}`];
    assert.deepEqual(await curl([...socks5, `${base}/a`, "-d", "x"]), { code: 0, out: "POST /a x" });
    // 97: CURLE_PROXY.
    assert.equal((await curl([...socks5, `${base}/a`], `${USERNAME}:wrong`)).code, 97);
    assert.equal((await curl([...socks5, "http://10.0.0.1/"])).code, 97);
  });

  it("gets through the HTTP proxy, forwarded and by CONNECT, also where it waits to be asked for a login", async () => {
    const http = ["--proxy", `http://127.0.0.1:${proxy.http}`];
    assert.deepEqual(await curl([...http, `${base}/a`, `${base}/b`]), { code: 0, out: "GET /a GET /b " });
    assert.deepEqual(await curl([...http, "--proxytunnel", `${base}/a`]), { code: 0, out: "GET /a " });
    assert.deepEqual(await curl([...http, "--proxy-anyauth", `${base}/a`]), { code: 0, out: "GET /a " });
    assert.deepEqual(await curl([...http, "-H", "Transfer-Encoding: chunked", "-d", "x", `${base}/a`]), {
      code: 0,
      out: "POST /a x",
    });
    const refused = await curl([...http, "--write-out", "%{http_code}", `${base}/a`], `${USERNAME}:wrong`);
    assert.match(refused.out, /password is wrong.*\n407$/);
    const closed = await curl([...http, "--write-out", "%{http_code}", "http://10.0.0.1/"]);
    assert.match(closed.out, /^This destination is closed.*\n403$/);
  });
});
