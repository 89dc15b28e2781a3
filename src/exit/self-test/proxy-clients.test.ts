import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { systemClock, toMinutes } from "../../lib/clock.ts";
import { passwordDigest, recordingLog, until } from "../../link/testing.ts";
import { authoriseServer } from "../keeper/authorise-server.ts";
import { Sessions } from "../keeper/sessions.ts";
import type { ListeningReport } from "../messages.ts";
import { startServer, testSettings, Wire } from "../proxy/testing.ts";
import { type SelfTestLogin, SelfTestLogins } from "./logins.ts";
import { httpProxyWorks, socks5Works } from "./proxy-clients.ts";
import { SELF_TEST_NAME, SELF_TEST_PORT, SelfTestTarget, selfTestTargetPath } from "./target.ts";

const MEMBER = { username: "abcdefghijkl", password: "secret" };
const TIMEOUT_MS = 5000;

/** The keeper's part here, and a proxy in a process of its own, as the exit runs it. */
describe("the proxies' self-test", { timeout: 300_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-selftest-"));
  const authoriseSocket = join(folder, "authorise.sock");
  const target = new SelfTestTarget();
  const logins = new SelfTestLogins();
  const { log } = recordingLog();
  const sessions = new Sessions({
    source: {
      authorise: (username) =>
        username === MEMBER.username
          ? { digest: passwordDigest(MEMBER.password), until: toMinutes(Date.now()) + 60 }
          : undefined,
    },
    timeMs: () => Date.now(),
    clock: systemClock,
    log,
    selfTest: (attempt) => logins.admit(attempt),
  });
  const server = authoriseServer({ path: authoriseSocket, authoriser: sessions, log });
  let proxy: ChildProcess;
  let ports: { socks5: number; http: number };
  let echo: Awaited<ReturnType<typeof startServer>>;

  before(async () => {
    await target.start(selfTestTargetPath(authoriseSocket));
    await server.start();
    echo = await startServer((socket) => socket.pipe(socket));
    const account = { uid: process.getuid!(), gid: process.getgid!() };
    // The child stays the user of this test, whoever that is: as root it would have to become somebody else.
    proxy = fork(join(import.meta.dirname, "proxy.fixture.ts"), { stdio: ["ignore", 2, 2, "ipc"] });
    proxy.send({ type: "start", authoriseSocket, account });
    proxy.send({ type: "settings", settings: testSettings({}), ownAddresses: [], resolvers: [] });
    const [{ services }] = (await once(proxy, "message")) as [{ services: ListeningReport[] }];
    const port = (name: string) => services.find(({ service }) => service === name)!.port;
    ports = { socks5: port("socks5"), http: port("http") };
  });
  after(async () => {
    proxy.kill("SIGKILL");
    echo.close();
    target.close();
    await server.close();
    rmSync(folder, { recursive: true });
  });

  const clients = { socks5: socks5Works, http: httpProxyWorks };
  type Service = keyof typeof clients;

  const begin = (service: Service, address = "127.0.0.1") =>
    logins.begin({ service, addresses: [address], uses: 100 });

  async function works(service: Service, changes: { port?: number; timeoutMs?: number } = {}) {
    const { login, end } = begin(service);
    const port = changes.port ?? ports[service];
    const timeoutMs = changes.timeoutMs ?? TIMEOUT_MS;
    const passed = await clients[service]({ address: "127.0.0.1", port, login, target, timeoutMs });
    end();
    return passed;
  }

  for (const service of ["socks5", "http"] as const) {
    test(`${service}: well, hanging, and well again`, async () => {
      assert.equal(await works(service), true);
      proxy.kill("SIGSTOP");
      const startedMs = performance.now();
      assert.equal(await works(service, { timeoutMs: 500 }), false);
      const tookMs = performance.now() - startedMs;
      assert.ok(tookMs < 5000, `${tookMs} ms`);
      proxy.kill("SIGCONT");
      assert.equal(await works(service), true);
    });

    test(`${service}: whoever has taken the port, and whatever it answers, is not the service`, async () => {
      const answers: ((socket: Socket) => void)[] = [
        (socket) => socket.destroy(),
        (socket) => socket.end("SSH-2.0-other\r\n"),
        (socket) => socket.pipe(socket),
        (socket) => socket.write(Buffer.alloc(100_000)),
        // Says yes to everything, and leads nowhere.
        (socket) => socket.write(Buffer.of(5, 2, 1, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...Buffer.alloc(32, 7))),
        (socket) => socket.write(`HTTP/1.1 200 OK\r\n\r\n${"x".repeat(32)}`),
        (socket) => socket.write("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"),
      ];
      for (const answer of answers) {
        const other = await startServer(answer);
        assert.equal(await works(service, { port: other.port, timeoutMs: 1000 }), false);
        other.close();
      }
      const free = createServer().listen(0, "127.0.0.1");
      await once(free, "listening");
      const { port } = free.address() as AddressInfo;
      free.close();
      await once(free, "close");
      assert.equal(await works(service, { port }), false);
    });
  }

  const basic = ({ username, password }: SelfTestLogin) =>
    `Proxy-Authorization: Basic ${Buffer.from(`${username}:${password}`).toString("base64")}\r\n`;
  const statusOf = async (request: string): Promise<number> => {
    const wire = new Wire(ports.http);
    const head = await wire.send(request).takeUntil("\r\n");
    wire.close();
    return Number(head.split(" ")[1]);
  };
  const connectStatus = (login: SelfTestLogin, host: string, port: number) =>
    statusOf(`CONNECT ${host}:${port} HTTP/1.1\r\nHost: x\r\n${basic(login)}\r\n`);
  const getStatus = (login: SelfTestLogin, host: string, port: number) =>
    statusOf(`GET http://${host}:${port}/ HTTP/1.1\r\nHost: ${host}\r\n${basic(login)}\r\n`);
  /** The status of the login and, where it was good, the reply to the request. */
  const socksReplies = async (login: SelfTestLogin, host: string, port: number): Promise<number[]> => {
    const wire = new Wire(ports.socks5);
    const text = (value: string) => [value.length, ...Buffer.from(value)];
    wire.send(Buffer.of(5, 1, 2, 1, ...text(login.username), ...text(login.password)));
    const [, , , status] = await wire.take(4);
    wire.send(Buffer.of(5, 1, 0, 3, ...text(host), port >> 8, port & 255));
    const replies = status === 0 ? [status, (await wire.take(2))[1]!] : [status!];
    wire.close();
    return replies;
  };

  test("its login leads to the target and nowhere else, and a member's leads everywhere but there", async () => {
    const socks = begin("socks5");
    const { login, end } = begin("http");
    assert.deepEqual(await socksReplies(socks.login, SELF_TEST_NAME, SELF_TEST_PORT), [0, 0]);
    assert.equal(await connectStatus(login, SELF_TEST_NAME, SELF_TEST_PORT), 200);
    for (const [host, port] of [
      ["127.0.0.1", echo.port],
      ["site.example", 80],
      [SELF_TEST_NAME, 80],
      [`${SELF_TEST_NAME}.`, SELF_TEST_PORT],
    ] as const) {
      assert.deepEqual(await socksReplies(socks.login, host, port), [0, 2], host);
      assert.equal(await connectStatus(login, host, port), 403, host);
      assert.equal(await getStatus(login, host, port), 403, host);
    }
    assert.equal(await getStatus(login, SELF_TEST_NAME, SELF_TEST_PORT), 403);
    assert.equal(await connectStatus(socks.login, SELF_TEST_NAME, SELF_TEST_PORT), 407, "another service's");
    end();
    socks.end();
    assert.deepEqual(await socksReplies(MEMBER, "127.0.0.1", echo.port), [0, 0]);
    assert.equal(await connectStatus(MEMBER, "127.0.0.1", echo.port), 200);
    assert.deepEqual(await socksReplies(MEMBER, SELF_TEST_NAME, SELF_TEST_PORT), [0, 2]);
    assert.equal(await connectStatus(MEMBER, SELF_TEST_NAME, SELF_TEST_PORT), 403);
  });

  test("a connection that was a member's does not lead on once it logs in as the test", async () => {
    const { login, end } = begin("http");
    const origin = await startServer((socket) =>
      socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")),
    );
    const request = (who: SelfTestLogin) =>
      `GET http://127.0.0.1:${origin.port}/ HTTP/1.1\r\nHost: 127.0.0.1\r\n${basic(who)}\r\n`;
    const wire = new Wire(ports.http);
    assert.match(await wire.send(request(MEMBER)).takeUntil("\r\n\r\n"), /^HTTP\/1\.1 200/);
    assert.match(await wire.send(request(login)).takeUntil("\r\n\r\n"), /^HTTP\/1\.1 403/);
    wire.close();
    origin.close();
    end();
  });

  test("its login is nobody's after the round, and from any address but the one that was asked", async () => {
    const over = begin("http");
    over.end();
    assert.equal(await connectStatus(over.login, SELF_TEST_NAME, SELF_TEST_PORT), 407);
    const socksOver = begin("socks5");
    socksOver.end();
    assert.deepEqual(await socksReplies(socksOver.login, SELF_TEST_NAME, SELF_TEST_PORT), [1]);
    const elsewhere = begin("http", "192.0.2.1");
    assert.equal(await connectStatus(elsewhere.login, SELF_TEST_NAME, SELF_TEST_PORT), 407);
    elsewhere.end();
  });

  test("its sessions count nowhere and end with the round", async () => {
    await until(() => sessions.size === 0, "the member's of before have gone");
    const { login, end } = begin("http");
    const wire = new Wire(ports.http);
    const connect = `CONNECT ${SELF_TEST_NAME}:${SELF_TEST_PORT} HTTP/1.1\r\nHost: x\r\n${basic(login)}\r\n`;
    await wire.send(connect).takeUntil("\r\n\r\n");
    assert.equal(sessions.size, 0);
    end();
    await wire.closed();
  });

  test("a draining exit refuses new logins in each protocol's words, keeps who is online, and still passes its test", async () => {
    const online = new Wire(ports.socks5);
    const text = (value: string) => [value.length, ...Buffer.from(value)];
    online.send(
      Buffer.of(
        ...[5, 1, 2, 1, ...text(MEMBER.username), ...text(MEMBER.password)],
        ...[5, 1, 0, 1, 127, 0, 0, 1, echo.port >> 8, echo.port & 255],
      ),
    );
    await online.take(14);
    sessions.setDraining(true);
    // 1: general SOCKS server failure, RFC 1928 section 6.
    assert.deepEqual(await socksReplies(MEMBER, "127.0.0.1", echo.port), [0, 1]);
    const refused = new Wire(ports.http);
    refused.send(
      `CONNECT 127.0.0.1:${echo.port} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${basic(MEMBER)}\r\n`,
    );
    assert.match(await refused.takeAll(), /^HTTP\/1\.1 503 .*Retry-After: 60.*Choose another server/s);
    assert.equal(await connectStatus({ ...MEMBER, password: "wrong" }, "127.0.0.1", echo.port), 407);
    assert.equal(await works("socks5"), true);
    assert.equal(await works("http"), true);
    online.send("still here");
    assert.equal(String(await online.take(10)), "still here");
    sessions.setDraining(false);
    assert.equal(await connectStatus(MEMBER, "127.0.0.1", echo.port), 200);
    online.close();
    await until(() => sessions.size === 0, "all have gone");
  });
});
