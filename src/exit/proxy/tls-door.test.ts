import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { connect, type TLSSocket } from "node:tls";
import { selfSigned } from "../../certificates/testing.ts";
import {
  eventually,
  FakeAuthoriser,
  PASSWORD,
  PROXY_LOGIN,
  socksHandshake,
  startServer,
  testSettings,
  USERNAME,
  Wire,
} from "./testing.ts";
import { createProxyWorker } from "./worker.ts";

const NAME = "london1.example.net";
const pair = selfSigned([NAME]);
const settings = testSettings({});
const places = { listen: [{ address: "127.0.0.1", port: 0 }] };
settings.services = { socks5Tls: places, https: places };

describe("the proxies over TLS", { timeout: 300_000 }, () => {
  const authoriser = new FakeAuthoriser();
  const worker = createProxyWorker({
    authoriser,
    log: () => {},
    resolve: async () => ({ ok: true, addresses: [Uint8Array.of(127, 0, 0, 1)] }),
  });
  const folder = mkdtempSync(join(tmpdir(), "lethe-tls-"));
  const ca = join(folder, "ca.pem");
  let ports: { socks5: number; https: number };
  let echo: Awaited<ReturnType<typeof startServer>>;
  const site = createHttpServer((_request, response) => response.end("the page"));
  const open = new Set<TLSSocket>();

  before(async () => {
    writeFileSync(ca, pair.certificate);
    const reports = await worker.apply({ settings, ownAddresses: [], resolvers: [], pair });
    const [socks5, https] = reports.map(({ port }) => port);
    assert.deepEqual(
      reports.map(({ service, failed }) => [service, failed]),
      [
        ["socks5-tls", undefined],
        ["https", undefined],
      ],
    );
    ports = { socks5: socks5!, https: https! };
    echo = await startServer((socket) => socket.pipe(socket));
    site.listen(0, "127.0.0.1");
    await once(site, "listening");
  });
  after(() => {
    for (const socket of open) socket.destroy();
    worker.close();
    echo.close();
    site.close();
    rmSync(folder, { recursive: true });
  });

  const dial = async (port: number, more: object = {}): Promise<TLSSocket> => {
    const place = { host: "127.0.0.1", port, servername: NAME, ca: pair.certificate, allowHalfOpen: true };
    const socket = connect({ ...place, ...more });
    open.add(socket);
    await once(socket, "secureConnect");
    return socket;
  };
  const taken = (socket: TLSSocket, length: number): Promise<Buffer> =>
    new Promise((resolve) => {
      let held = Buffer.alloc(0);
      socket.on("data", function more(chunk: Buffer) {
        held = Buffer.concat([held, chunk]);
        if (held.length < length) return;
        socket.off("data", more);
        resolve(held);
      });
    });
  const curl = (...args: string[]): Promise<{ code: number; stdout: string }> =>
    new Promise((resolve) =>
      execFile("curl", ["-sS", "--max-time", "20", ...args], (error, stdout) =>
        resolve({ code: error === null ? 0 : Number(error.code), stdout }),
      ),
    );

  it("SOCKS5 inside TLS carries bytes, byte by byte too, and each side's end", async () => {
    const client = await dial(ports.socks5);
    for (const byte of socksHandshake(echo.port)) {
      client.write(Uint8Array.of(byte));
      await new Promise(setImmediate);
    }
    assert.equal((await taken(client, 14)).toString("hex"), "0502010005000001000000000000");
    client.end("last words");
    assert.equal(String(await taken(client, 10)), "last words");
    await eventually(() => client.readableEnded || client.destroyed, "the other side's end");
    assert.equal(authoriser.attempts.at(-1)?.service, "socks5-tls");
    assert.equal(authoriser.attempts.at(-1)?.address, "127.0.0.1");
  });

  it("a browser's HTTP proxy inside TLS: tunnels, chosen HTTP/1.1, and the login asked for", async () => {
    const client = await dial(ports.https, { ALPNProtocols: ["h2", "http/1.1"] });
    assert.equal(client.alpnProtocol, "http/1.1");
    client.write(`CONNECT 127.0.0.1:${echo.port} HTTP/1.1\r\nHost: x\r\n\r\n`);
    assert.match(String(await taken(client, 12)), /^HTTP\/1\.1 407/);
    const again = await dial(ports.https);
    again.write(`CONNECT 127.0.0.1:${echo.port} HTTP/1.1\r\nHost: x\r\n${PROXY_LOGIN}\r\n`);
    assert.match(String(await taken(again, 39)), /^HTTP\/1\.1 200/);
    again.write("x".repeat(500_000));
    assert.equal((await taken(again, 500_000)).length, 500_000);
    assert.equal(authoriser.attempts.at(-1)?.service, "https");
  });

  it("a server that breaks off is not passed on as an end: curl knows half of a page from the whole", async () => {
    let breaks = false;
    const bare = await startServer((socket) => {
      socket.once("data", () => {
        // Without a length the page is as long as the connection (RFC 9112 section 6.3).
        socket.write("HTTP/1.1 200 OK\r\n\r\nhalf", () => {
          if (breaks) setTimeout(() => socket.resetAndDestroy(), 100);
          else socket.end(" and half");
        });
      });
    });
    const fetched = () =>
      curl(
        ...["--proxy-cacert", ca, "--resolve", `${NAME}:${ports.https}:127.0.0.1`, "--proxytunnel"],
        ...["--proxy", `https://${USERNAME}:${PASSWORD}@${NAME}:${ports.https}`],
        `http://127.0.0.1:${bare.port}/`,
      );
    assert.deepEqual(await fetched(), { code: 0, stdout: "half and half" });
    breaks = true;
    assert.equal((await fetched()).code, 56);
    bare.close();
  });

  it("curl reaches a page through an HTTPS proxy whose certificate it has checked", async () => {
    const target = `http://site.example:${(site.address() as AddressInfo).port}/`;
    const through = ["--proxy-cacert", ca, "--resolve", `${NAME}:${ports.https}:127.0.0.1`];
    const proxy = `https://${USERNAME}:${PASSWORD}@${NAME}:${ports.https}`;
    assert.deepEqual(await curl(...through, "--proxy", proxy, target), { code: 0, stdout: "the page" });
    assert.deepEqual(await curl(...through, "--proxytunnel", "--proxy", proxy, target), {
      code: 0,
      stdout: "the page",
    });
    // 60: the peer's certificate cannot be checked with what curl knows.
    assert.equal(
      (await curl("--resolve", `${NAME}:${ports.https}:127.0.0.1`, "--proxy", proxy, target)).code,
      60,
    );
    const wrong = `https://${USERNAME}:wrong@${NAME}:${ports.https}`;
    assert.equal((await curl(...through, "--proxytunnel", "--proxy", wrong, target)).code, 56);
  });

  it("what is no TLS, and TLS that is too old, ends before the proxy hears of it", async () => {
    const before = authoriser.attempts.length;
    for (const bytes of [
      "GET / HTTP/1.1\r\n\r\n",
      "\x05\x03\x00\x01\x02",
      "\x16\x03\x01\xff\xff",
      "\0".repeat(70_000),
    ]) {
      const wire = new Wire(ports.https);
      wire.send(bytes);
      if (bytes.startsWith("GET")) await wire.closed();
      wire.close();
    }
    const old = connect({
      host: "127.0.0.1",
      port: ports.https,
      maxVersion: "TLSv1.1",
      minVersion: "TLSv1",
      ciphers: "DEFAULT@SECLEVEL=0",
      rejectUnauthorized: false,
    });
    const [error] = await once(old, "error");
    assert.match(String(error), /alert|version|reset|EPROTO/i);
    assert.equal(authoriser.attempts.length, before);
    (await dial(ports.https)).destroy();
  });

  it("no session is resumed, and none is handed out sealed", async () => {
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"]) {
      const socket = await dial(ports.https, { maxVersion });
      let session: Buffer | undefined;
      socket.on("session", (given) => {
        session = given;
      });
      socket.write("GET / HTTP/1.1\r\n\r\n");
      await once(socket, "data");
      if (maxVersion === "TLSv1.2") assert.equal(socket.getTLSTicket(), undefined);
      socket.destroy();
      const again = await dial(ports.https, { maxVersion, ...(session && { session }) });
      assert.equal(again.isSessionReused(), false, maxVersion);
      again.destroy();
    }
  });

  it("a handshake that is not finished in time ends", async () => {
    const hasty = createProxyWorker({ authoriser, log: () => {} });
    const limits = { ...settings.limits, handshakeMs: 300 };
    const [report] = await hasty.apply({
      settings: { ...settings, limits },
      ownAddresses: [],
      resolvers: [],
      pair,
    });
    const wire = new Wire(report!.port);
    await wire.closed();
    hasty.close();
  });

  it("another certificate is shown to new clients, and a live one goes on; without one nobody listens", async () => {
    const live = await dial(ports.socks5);
    live.write(socksHandshake(echo.port));
    await taken(live, 14);
    const renewed = selfSigned([NAME, "another.example.net"]);
    const [socks5] = await worker.apply({ settings, ownAddresses: [], resolvers: [], pair: renewed });
    assert.equal(socks5?.port, ports.socks5);
    const newer = await dial(ports.socks5, { ca: renewed.certificate });
    assert.match(newer.getPeerCertificate().subjectaltname ?? "", /another/);
    live.write("still");
    assert.equal(String(await taken(live, 5)), "still");

    const none = await worker.apply({ settings, ownAddresses: [], resolvers: [] });
    assert.deepEqual(
      none.map(({ service, failed }) => [service, failed]),
      [
        ["socks5-tls", "no-certificate"],
        ["https", "no-certificate"],
      ],
    );
    const wire = new Wire(ports.socks5);
    await wire.closed();
    live.write("more!");
    assert.equal(String(await taken(live, 5)), "more!");
    const broken = { certificate: "no certificate", key: pair.key };
    const refused = await worker.apply({ settings, ownAddresses: [], resolvers: [], pair: broken });
    assert.equal(refused[0]?.failed, "no-certificate");
  });
});
