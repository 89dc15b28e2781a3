import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { after, afterEach, before, describe, it, mock } from "node:test";
import type { LoginAttempt } from "../authorise.ts";
import type { ProxyContext } from "./context.ts";
import { serveHttp } from "./http-server.ts";
import { createLobby } from "./lobby.ts";
import { Sweeper } from "./sweeper.ts";
import {
  eventually,
  FakeAuthoriser,
  PROXY_LOGIN,
  startProxy,
  startServer,
  USERNAME,
  Wire,
} from "./testing.ts";

/** One connection at the origin server, and what came over it. */
interface Visit {
  socket: Socket;
  text: string;
}

describe("the HTTP proxy", { timeout: 300_000 }, () => {
  let proxy: Awaited<ReturnType<typeof startProxy>>;
  let origin: Awaited<ReturnType<typeof startServer>>;
  let visits: Visit[];
  /** What the origin does with new bytes; `answerOnce` by default. */
  let react: (visit: Visit) => void;
  let wire: Wire;

  const answer = (visit: Visit, text: string): void => {
    visit.text = "";
    visit.socket.write(text, "latin1");
  };
  const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

  before(async () => {
    proxy = await startProxy();
    origin = await startServer((socket) => {
      const visit: Visit = { socket, text: "" };
      visits.push(visit);
      socket.on("data", (chunk) => {
        visit.text += chunk.toString("latin1");
        react(visit);
      });
      socket.on("end", () => socket.end());
    });
  });
  after(() => {
    proxy.close();
    origin.close();
  });
  afterEach(() => wire?.close());

  /** A new client; the origin answers each request that has no body with 200. */
  const dial = (): Wire => {
    visits = [];
    react = (visit) => {
      if (visit.text.endsWith("\r\n\r\n")) answer(visit, OK);
    };
    wire = new Wire(proxy.http);
    return wire;
  };
  const url = (path = "/"): string => `http://127.0.0.1:${origin.port}${path}`;
  const host = (): string => `Host: 127.0.0.1:${origin.port}\r\n`;
  const get = (path = "/", fields = ""): string =>
    `GET ${url(path)} HTTP/1.1\r\n${host()}${PROXY_LOGIN}${fields}\r\n`;

  it("passes a request on in origin form, without what is between client and proxy, adding nothing", async () => {
    let seen = "";
    dial();
    react = (visit) => {
      if (!visit.text.endsWith("\r\n\r\n")) return;
      seen = visit.text;
      answer(
        visit,
        `HTTP/1.1 200 Fine\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=1\r\nX-End: 2\r\nContent-Length: 2\r\n\r\nok`,
      );
    };
    wire.send(
      `GET http://127.0.0.1:${origin.port}/a?b HTTP/1.1\r\nHost: other.example\r\nUser-Agent: test\r\n${PROXY_LOGIN}` +
        "Proxy-Connection: keep-alive\r\nConnection: x-mine, keep-alive\r\nX-Mine: 1\r\nTE: trailers\r\nUpgrade: h2c\r\nCookie: é\r\n\r\n",
    );
    assert.equal(await wire.takeUntil("ok"), "HTTP/1.1 200 Fine\r\nX-End: 2\r\nContent-Length: 2\r\n\r\nok");
    assert.equal(
      seen,
      `GET /a?b HTTP/1.1\r\nHost: 127.0.0.1:${origin.port}\r\nUser-Agent: test\r\nCookie: é\r\n\r\n`,
    );
  });

  it("keeps both connections for the next request, and the client's for another server", async () => {
    const second = await startServer((socket) => {
      socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond"));
    });
    try {
      dial();
      wire.send(get());
      await wire.takeUntil("ok");
      wire.send(get());
      await wire.takeUntil("ok");
      assert.equal(visits.length, 1);
      wire.send(`GET http://127.0.0.1:${second.port}/ HTTP/1.1\r\nHost: x\r\n${PROXY_LOGIN}\r\n`);
      assert.match(await wire.takeUntil("second"), /^HTTP\/1\.1 200 OK\r\nContent-Length: 6\r\n\r\n/);
      wire.send(get());
      await wire.takeUntil("ok");
      assert.equal(visits.length, 2);
      assert.equal(proxy.authoriser.open.size, 1);
    } finally {
      second.close();
    }
    wire.close();
    await eventually(() => proxy.authoriser.open.size === 0, "the session ends");
  });

  it("answers pipelined requests one after the other", async () => {
    dial().send(Array.from({ length: 50 }, (_, at) => get(`/${at}`)).join(""));
    for (let at = 0; at < 50; at += 1) await wire.takeUntil("ok");
    assert.equal(visits.length, 1);
  });

  it("takes requests byte by byte", async () => {
    await dial().sendBytewise(Buffer.from(get()));
    assert.match(await wire.takeUntil("ok"), /^HTTP\/1\.1 200 OK/);
  });

  it("passes bodies on with a length and in chunks, both ways", async () => {
    dial();
    let seen = "";
    react = (visit) => {
      seen = visit.text;
      if (seen.endsWith("hello") || seen.endsWith("0\r\n\r\n")) {
        answer(
          visit,
          'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n3;x="y"\r\nabc\r\n0\r\nX: y\r\n\r\n',
        );
      }
    };
    wire.send(`POST ${url()} HTTP/1.1\r\n${host()}${PROXY_LOGIN}Content-Length: 5\r\n\r\nhello`);
    assert.equal(
      await wire.takeUntil("0\r\n\r\n"),
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    );
    assert.equal(seen, `POST / HTTP/1.1\r\n${host()}Content-Length: 5\r\n\r\nhello`);
    await wire.sendBytewise(
      Buffer.from(
        `POST ${url()} HTTP/1.1\r\n${host()}${PROXY_LOGIN}Transfer-Encoding: chunked\r\n\r\n2;x\r\nhe\r\n0\r\nT: r\r\n\r\n`,
      ),
    );
    await wire.takeUntil("0\r\n\r\n");
    assert.match(
      seen,
      /^POST \/ HTTP\/1\.1\r\nHost: [^\r]+\r\nTransfer-Encoding: chunked\r\n\r\n(?:1\r\nh\r\n1\r\ne|2\r\nhe)\r\n0\r\n\r\n$/,
    );
    assert.equal(visits.length, 1);
  });

  it("passes 100 on and then the answer", async () => {
    dial();
    react = (visit) => {
      if (visit.text.endsWith("\r\n\r\n")) visit.socket.write("HTTP/1.1 100 Continue\r\n\r\n");
      if (visit.text.endsWith("body")) answer(visit, OK);
    };
    wire.send(
      `PUT ${url()} HTTP/1.1\r\n${host()}${PROXY_LOGIN}Expect: 100-continue\r\nContent-Length: 4\r\n\r\n`,
    );
    assert.equal(await wire.takeUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    wire.send("body");
    assert.match(await wire.takeUntil("ok"), /^HTTP\/1\.1 200/);
  });

  it("expects no body of HEAD, 204 and 304", async () => {
    dial();
    for (const [method, response] of [
      ["HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"],
      ["GET", "HTTP/1.1 204 No Content\r\n\r\n"],
      ["GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"],
    ] as const) {
      react = (visit) => visit.text.endsWith("\r\n\r\n") && answer(visit, response);
      wire.send(get().replace("GET", method));
      assert.equal(await wire.takeUntil("\r\n\r\n"), response);
    }
    assert.equal(visits.length, 1);
  });

  it("passes an answer without a length on until its end, and ends with it", async () => {
    dial();
    react = (visit) => {
      answer(visit, "HTTP/1.0 200 OK\r\n\r\nuntil the end");
      visit.socket.end();
    };
    wire.send(get());
    assert.equal(await wire.takeAll(), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end");
    assert.equal(await wire.closed(), "clean");
  });

  it("breaks off where the server does, so that half an answer is not taken for the whole", async () => {
    for (const head of [
      "Content-Length: 100\r\n\r\nhalf",
      "Transfer-Encoding: chunked\r\n\r\n64\r\nhalf",
      "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ]) {
      dial();
      react = (visit) => {
        answer(visit, `HTTP/1.1 200 OK\r\n${head}`);
        visit.socket.end();
      };
      wire.send(get());
      assert.equal(await wire.closed(), "reset", head);
    }
    dial();
    react = (visit) => {
      answer(visit, "HTTP/1.1 200 OK\r\n\r\nhalf");
      setTimeout(() => visit.socket.resetAndDestroy(), 20);
    };
    wire.send(get());
    assert.equal(await wire.closed(), "reset");
  });

  it("gives an HTTP/1.0 client no chunks, and closes", async () => {
    dial();
    react = (visit) =>
      answer(visit, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n");
    wire.send(`GET ${url()} HTTP/1.0\r\n${PROXY_LOGIN}\r\n`);
    assert.equal(await wire.takeAll(), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc");
  });

  it("tries again where a kept connection was closed under the request", async () => {
    dial().send(get());
    await wire.takeUntil("ok");
    react = (visit) => {
      if (visit === visits[0]) visit.socket.destroy();
      else answer(visit, OK);
    };
    wire.send(get());
    assert.match(await wire.takeUntil("ok"), /^HTTP\/1\.1 200/);
    assert.equal(visits.length, 2);
  });

  const TOTAL = 64_000_000;
  /** Writes up to `total`, as fast as it is taken; gives how much was when nothing more is. */
  const pump = async (
    socket: Socket,
    { piece = Buffer.alloc(64_000), total = TOTAL, quietMs = 150 } = {},
  ): Promise<number> => {
    let written = 0;
    const more = (): void => {
      while (written < total) {
        written += piece.length;
        if (!socket.write(piece)) return;
      }
    };
    socket.on("drain", more);
    more();
    for (let before = -1; before !== written && written < total; ) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, quietMs));
    }
    return written;
  };

  it("holds little of an answer that the client does not read, and of a body that the server does not", async () => {
    dial();
    react = () => {};
    wire.send(get());
    await eventually(() => visits.length === 1, "the request is there");
    wire.socket.pause();
    visits[0]!.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${TOTAL}\r\n\r\n`);
    assert.ok((await pump(visits[0]!.socket)) < TOTAL);
    wire.close();

    dial();
    react = ({ socket }) => socket.pause();
    wire.send(`PUT ${url()} HTTP/1.1\r\n${host()}${PROXY_LOGIN}Content-Length: ${TOTAL}\r\n\r\n`);
    await eventually(() => visits.length === 1, "the request is there");
    assert.ok((await pump(wire.socket)) < TOTAL);
  });

  it("holds little of answers that only announce the answer", async () => {
    dial();
    react = () => {};
    wire.send(get());
    await eventually(() => visits.length === 1, "the request is there");
    wire.socket.pause();
    const early = Buffer.from(`HTTP/1.1 103 Early Hints\r\nLink: <${"a".repeat(16_000)}>\r\n\r\n`);
    assert.ok((await pump(visits[0]!.socket, { piece: early })) < TOTAL);
  });

  const closed = (fields = ""): string =>
    `GET http://10.0.0.1/ HTTP/1.1\r\nHost: x\r\n${PROXY_LOGIN}${fields}\r\n`;

  it("reads little more than it answers, and answers little more than is read", async () => {
    const total = 16_000_000;
    // Before a login, too.
    for (const request of [closed(), "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"]) {
      dial();
      wire.socket.pause();
      const written = await pump(wire.socket, {
        piece: Buffer.from(request.repeat(600)),
        total,
        quietMs: 1000,
      });
      wire.close();
      assert.ok(written < total);
    }
  });

  it("goes on where it stopped when its answers are read at last", async () => {
    dial();
    const requests = 20_000;
    wire.send(closed());
    await wire.takeUntil("blocked.\n");
    wire.socket.pause();
    wire.socket.removeAllListeners("data");
    let ends = 0;
    let last = "";
    wire.socket.on("data", (chunk: Buffer) => {
      const text = last + chunk.toString("latin1");
      ends += text.split("blocked.\n").length - 1;
      last = text.slice(-8);
    });
    wire.send(closed().repeat(requests - 1)).send(closed("A: b\r\n"));
    await new Promise((resolve) => setTimeout(resolve, 300));
    wire.socket.resume();
    await eventually(() => ends >= requests, "all answers");
    assert.equal(ends, requests);
  });

  it("gives a slow client the last of an answer, however long he takes to read it", async () => {
    const sweeper = new Sweeper();
    const lobby = createLobby({ sweeper, limit: 9 });
    /** Takes nothing until it is told to. */
    let taking = false;
    let given = 0;
    let held = (): void => {};
    const client = new Duplex({
      read: () => {},
      write: (chunk: Buffer, _encoding, done) => {
        const take = (): void => {
          given += chunk.length;
          done();
        };
        if (taking) take();
        else held = take;
      },
    });
    const open: ProxyContext["open"] = (hostText, port) => {
      const socket = connect(port, hostText);
      return {
        opened: once(socket, "connect").then(() => ({ ok: true, socket }) as const),
        abort: () => socket.destroy(),
      };
    };
    const limits = { handshakeMs: 60_000, idleMs: 60_000 };
    const context = { authoriser: proxy.authoriser, open, lobby, sweeper, limits } as unknown as ProxyContext;
    visits = [];
    react = (visit) => {
      visit.socket.end(`HTTP/1.0 200 OK\r\n\r\n${"x".repeat(100_000)}`);
    };
    serveHttp(client as unknown as Socket, context);
    client.push(get());
    await eventually(() => client.writableEnded, "the answer's end");
    const nowMs = performance.now();
    const clock = mock.method(performance, "now", () => nowMs + 5000);
    sweeper.sweep();
    clock.mock.restore();
    assert.equal(client.destroyed, false);
    taking = true;
    held();
    await eventually(() => client.writableFinished, "all that was held");
    assert.ok(given > 100_000);
    sweeper.close();
    client.destroy();
  });

  it("does not wait for a body that the client has ended in the middle while it was logged in", async () => {
    const asked = mock.method(proxy.authoriser, "login", async (attempt: LoginAttempt) => {
      await new Promise((resolve) => setTimeout(resolve, 200));
      return FakeAuthoriser.prototype.login.call(proxy.authoriser, attempt);
    });
    dial().send(`POST ${url()} HTTP/1.1\r\n${host()}${PROXY_LOGIN}Content-Length: 9\r\n\r\nhalf`);
    wire.end();
    await wire.closed();
    asked.mock.restore();
  });

  it("takes up a long body that came while it was logged in, and goes on reading it", async () => {
    dial().send(get());
    await wire.takeUntil("ok");
    const asked = mock.method(proxy.authoriser, "login", async (attempt: LoginAttempt) => {
      await new Promise((resolve) => setTimeout(resolve, 200));
      return FakeAuthoriser.prototype.login.call(proxy.authoriser, attempt);
    });
    let came = 0;
    react = (visit) => {
      came += visit.text.length;
      visit.text = "";
      if (came > 1_000_000) answer(visit, OK);
    };
    // Another spelling of the same login: it is asked for, and the server's connection is kept.
    const again = PROXY_LOGIN.replace("Basic", "basic");
    wire.send(
      `PUT ${url()} HTTP/1.1\r\n${host()}${again}Content-Length: 1000000\r\n\r\n${"x".repeat(1_000_000)}`,
    );
    assert.match(await wire.takeUntil("ok"), /^HTTP\/1\.1 200/);
    assert.equal(visits.length, 1);
    asked.mock.restore();
  });

  it("half an answer that the session's end cuts off is not taken for the whole", async () => {
    dial();
    react = (visit) => answer(visit, "HTTP/1.1 200 OK\r\n\r\nhalf");
    wire.send(get());
    await wire.takeUntil("half");
    proxy.authoriser.cutAll();
    assert.equal(await wire.closed(), "reset");
  });

  it("tunnels by CONNECT, with what was sent ahead", async () => {
    dial();
    react = (visit) => answer(visit, visit.text.toUpperCase());
    wire.send(`CONNECT 127.0.0.1:${origin.port} HTTP/1.1\r\n${host()}${PROXY_LOGIN}\r\nahead`);
    assert.equal(await wire.takeUntil("\r\n\r\n"), "HTTP/1.1 200 Connection established\r\n\r\n");
    assert.equal(await wire.takeUntil("AHEAD"), "AHEAD");
    proxy.authoriser.cutAll();
    await wire.closed();
    await eventually(() => proxy.authoriser.open.size === 0, "the session ends");
  });

  const statusOf = async (bytes: string): Promise<string> => {
    dial().send(bytes);
    return (await wire.takeUntil("\r\n\r\n")).slice(9, 12);
  };

  it("asks for a login, and takes it on the same connection", async () => {
    dial().send(get().replace(PROXY_LOGIN, ""));
    const head = await wire.takeUntil("\r\n\r\n");
    assert.match(
      head,
      /^HTTP\/1\.1 407 [\s\S]*\r\nProxy-Authenticate: Basic realm="[^"]+", charset="UTF-8"\r\n/,
    );
    assert.match(await wire.takeUntil("\n"), /login/);
    wire.send(get());
    assert.match(await wire.takeUntil("ok"), /^HTTP\/1\.1 200/);
    // Every request needs it, also where an earlier one had it.
    wire.send(get().replace(PROXY_LOGIN, ""));
    assert.match(await wire.takeUntil("\r\n\r\n"), / 407 /);
    assert.equal(visits.length, 1);
    assert.doesNotMatch(visits[0]!.text, /Authorization/i);
  });

  it("says why a login is refused", async () => {
    const as = (password: string): string =>
      get().replace(
        PROXY_LOGIN,
        `Proxy-Authorization: Basic ${Buffer.from(`${USERNAME}:${password}`).toString("base64")}\r\n`,
      );
    assert.equal(await statusOf(as("wrong")), "407");
    assert.match(await wire.takeUntil("\n"), /username or the password is wrong/);
    assert.equal(await statusOf(as("refuse:expired")), "407");
    assert.match(await wire.takeUntil("\n"), /paid time is over/);
    assert.equal(await statusOf(as("refuse:slow-down")), "429");
    assert.equal(await statusOf(as("refuse:too-many")), "429");
    assert.equal(await statusOf(as("refuse:unavailable")), "503");
    assert.equal(await statusOf(as("x".repeat(10_000))), "407");
    assert.equal(await statusOf(as("x".repeat(100_000))), "431");
    assert.equal(await statusOf(get().replace(PROXY_LOGIN, PROXY_LOGIN + PROXY_LOGIN)), "407");
    assert.equal(visits.length, 0);
  });

  it("answers bad requests clearly, and lets none of them through", async () => {
    for (const [request, status] of [
      [
        `POST ${url()} HTTP/1.1\r\n${host()}${PROXY_LOGIN}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
        "400",
      ],
      [
        `POST ${url()} HTTP/1.1\r\n${host()}${PROXY_LOGIN}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc`,
        "400",
      ],
      [get("/", "A: b\r\n c\r\n"), "400"],
      [get("/", "A : b\r\n"), "400"],
      [get("/", "A: b\nC: d\r\n"), "400"],
      [get("/", "A: b\0\r\n"), "400"],
      [get("/", `A: ${"b".repeat(40_000)}\r\n`), "431"],
      [get("/", "A: b\r\n".repeat(300)), "431"],
      [get().replace("HTTP/1.1", "HTTP/3.0"), "505"],
      [`GET / HTTP/1.1\r\n${host()}\r\n`, "400"],
      [`GET https://a.example/ HTTP/1.1\r\n${host()}${PROXY_LOGIN}\r\n`, "400"],
      [`GET http://u:p@a.example/ HTTP/1.1\r\n${host()}${PROXY_LOGIN}\r\n`, "400"],
      [`CONNECT a.example HTTP/1.1\r\n${host()}${PROXY_LOGIN}\r\n`, "400"],
      [
        `CONNECT 127.0.0.1:${origin.port} HTTP/1.1\r\n${host()}${PROXY_LOGIN}Content-Length: 3\r\n\r\nabc`,
        "400",
      ],
      [get().replace("GET", "TRACE"), "405"],
      ["\x16\x03\x01\x02\0\x01", "400"],
      ["\x05\x01\x02\n", "400"],
    ] as const) {
      assert.equal(await statusOf(request), status, JSON.stringify(request.slice(0, 60)));
      wire.close();
    }
    assert.equal(visits.length, 0);
  });

  it("answers a body that is not chunked as it says, and breaks off towards the server", async () => {
    dial();
    react = () => {};
    wire.send(`POST ${url()} HTTP/1.1\r\n${host()}${PROXY_LOGIN}Transfer-Encoding: chunked\r\n\r\n`);
    await eventually(() => visits.length === 1, "the request is there");
    const ended = once(visits[0]!.socket, "close");
    wire.send("3\nabc\r\n0\r\n\r\n");
    assert.match(await wire.takeUntil("\r\n\r\n"), /^HTTP\/1\.1 400 /);
    await ended;
  });

  it("closes behind an answer that came before the request was whole", async () => {
    dial().send(`POST ${url()} HTTP/1.1\r\n${host()}${PROXY_LOGIN}Content-Length: 100\r\n\r\n`);
    assert.match(await wire.takeAll(), /^HTTP\/1\.1 200 OK/);
  });

  it("says what is wrong with a destination, naming neither it nor the client", async () => {
    const gone = await startServer(() => {});
    gone.close();
    const to = (target: string): string => `GET http://${target}/ HTTP/1.1\r\nHost: x\r\n${PROXY_LOGIN}\r\n`;
    for (const [target, status, text] of [
      ["10.0.0.1", "403", /This destination is closed/],
      ["[::ffff:10.0.0.1]", "403", /closed/],
      ["2130706433", "403", /closed/],
      ["127.0.0.1:25", "403", /closed/],
      ["localhost", "403", /closed/],
      ["nowhere.example", "502", /no such host name/],
      [`127.0.0.1:${gone.port}`, "502", /refused the connection/],
    ] as const) {
      assert.equal(await statusOf(to(target)), status, target);
      const body = await wire.takeUntil("\n");
      assert.match(body, text);
      assert.doesNotMatch(body, /127\.0\.0\.1|10\.0\.0\.1|nowhere|2130706433/);
      // The connection stays good for the next request.
      wire.send(get());
      assert.match(await wire.takeUntil("ok"), /^HTTP\/1\.1 200/);
    }
    assert.equal(await statusOf(`CONNECT 10.0.0.1:443 HTTP/1.1\r\nHost: x\r\n${PROXY_LOGIN}\r\n`), "403");
  });

  it("answers for a server that answers nonsense, nothing, or asks for the proxy's login", async () => {
    for (const [response, status] of [
      ["SSH-2.0-x\r\n\r\n", "502"],
      ["HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "502"],
      ["HTTP/1.1 407 Login\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n", "502"],
      ["HTTP/1.1 101 Switching Protocols\r\n\r\n", "502"],
      ["", "502"],
    ] as const) {
      dial();
      react = (visit) => visit.socket.end(response, "latin1");
      wire.send(get());
      const head = await wire.takeUntil("\r\n\r\n");
      assert.equal(head.slice(9, 12), status, response);
      assert.doesNotMatch(head, /Proxy-Authenticate/);
    }
  });

  it("never takes a server's extra bytes for the next answer", async () => {
    dial();
    react = (visit) =>
      visit.text.endsWith("\r\n\r\n") &&
      answer(visit, visits.length === 1 ? `${OK}HTTP/1.1 200 Smuggled\r\nContent-Length: 0\r\n\r\n` : OK);
    wire.send(get()).send(get());
    assert.match(await wire.takeUntil("ok"), /^HTTP\/1\.1 200 OK/);
    assert.match(await wire.takeUntil("ok"), /^HTTP\/1\.1 200 OK/);
    assert.equal(visits.length, 2);
  });
});

it("an HTTP head has so much time, and an idle connection its own", async () => {
  const proxy = await startProxy({ limits: { handshakeMs: 1500, idleMs: 60_000 } });
  const origin = await startServer((socket) => {
    socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  });
  const silent = new Wire(proxy.http);
  const slow = new Wire(proxy.http);
  const member = new Wire(proxy.http);
  const dripping = setInterval(() => slow.send("A"), 40);
  try {
    member.send(`GET http://127.0.0.1:${origin.port}/ HTTP/1.1\r\nHost: x\r\n${PROXY_LOGIN}\r\n`);
    await member.takeUntil("ok");
    await silent.closed();
    assert.match(await slow.takeAll(), /^HTTP\/1\.1 408 /);
    // Past the time of a handshake, an admitted connection still serves.
    member.send(`GET http://127.0.0.1:${origin.port}/ HTTP/1.1\r\nHost: x\r\n${PROXY_LOGIN}\r\n`);
    await member.takeUntil("ok");
    member.send("GET");
    assert.match(await member.takeAll(), /^HTTP\/1\.1 408 /);
  } finally {
    clearInterval(dripping);
    proxy.close();
    origin.close();
  }
});
