import assert from "node:assert/strict";
import { once } from "node:events";
import type { Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { after, before, describe, it, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { connect as connectSecure } from "node:tls";
import { selfSigned } from "../certificates/testing.ts";
import { openBench } from "../web/testkit.ts";
import { secureContext, secureSiteServer, siteServer } from "./site-server.ts";

describe("the site's server and visitors who take their time", () => {
  let server: Server;
  const page = "x".repeat(60_000);

  before(async () => {
    const limits = { headMs: 300, requestMs: 600, idleMs: 600, checkEveryMs: 50 };
    server = siteServer(
      async (request) => {
        await request.text();
        return new Response(page);
      },
      { limits },
    );
    await once(server.listen(0, "127.0.0.1"), "listening");
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  async function visitor(): Promise<Socket> {
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
    socket.on("error", () => {});
    await once(socket, "connect");
    return socket;
  }

  /** However it ends: a server that closes while we write resets the connection, which is an error of ours. */
  const closed = (socket: Socket) => new Promise((resolve) => socket.resume().once("close", resolve));
  const goneWithin = { timeout: 300_000 };

  it("lets go who says nothing", goneWithin, async () => {
    const socket = await visitor();
    await closed(socket);
  });

  it("lets go who sends the head a byte at a time", goneWithin, async (t) => {
    const socket = await visitor();
    socket.write("GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ");
    const drip = setInterval(() => socket.write("a"), 50);
    t.after(() => clearInterval(drip));
    await closed(socket);
  });

  it("lets go who sends the body a byte at a time", goneWithin, async (t) => {
    const socket = await visitor();
    socket.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n");
    const drip = setInterval(() => socket.write("a"), 50);
    t.after(() => clearInterval(drip));
    await closed(socket);
  });

  it("lets go who asks for much and reads nothing", goneWithin, async () => {
    const seen = once(server, "connection");
    const mute = await visitor();
    const [accepted] = (await seen) as [Socket];
    mute.pause();
    mute.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(300));
    await once(accepted, "close");
    mute.destroy();
  });

  it("answers who asks", goneWithin, async () => {
    const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    assert.equal(await answer.text(), page);
  });
});

test("one network has a share of the connections, and gets it back; the operator's proxies have all of them", async () => {
  const pair = selfSigned(["localhost"]);
  for (const kind of ["http", "https", "proxy"] as const) {
    const ownProxies = () => kind === "proxy";
    const answer = () => new Response("here");
    const options = { networkMost: 3, ownProxies };
    const secure = secureSiteServer(answer, options);
    secure.setSecureContext(secureContext(pair));
    const server = kind === "https" ? secure : siteServer(answer, options);
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    const open: Socket[] = [];
    /** What a visitor is told who comes now. */
    const comes = async (): Promise<string> => {
      const socket =
        kind === "https"
          ? connectSecure({ port, host: "127.0.0.1", rejectUnauthorized: false })
          : connect(port, "127.0.0.1");
      open.push(socket);
      socket.on("error", () => {});
      socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
      const told = await new Promise<string>((resolve) => {
        socket.once("data", (data) => resolve(String(data)));
        socket.once("close", () => resolve(""));
      });
      return told.split("\r\n")[0]!;
    };
    try {
      for (let count = 0; count < 3; count++) assert.equal(await comes(), "HTTP/1.1 200 OK", kind);
      assert.equal(await comes(), kind === "proxy" ? "HTTP/1.1 200 OK" : "", kind);
      const [first] = open;
      first!.destroy();
      const deadline = Date.now() + 20_000;
      while ((await comes()) === "" && Date.now() < deadline) await setTimeout(20);
      assert.ok(Date.now() < deadline, `${kind}: the place of who has gone is free`);
    } finally {
      for (const socket of open) socket.destroy();
      server.close();
      server.closeAllConnections();
    }
  }
});

test("a visitor who goes in the middle of sending leaves no line in the journal", async () => {
  const bench = await openBench();
  const server = siteServer(bench.app.fetch);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const request = (head: string) =>
    `${head}\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 300\r\n\r\n{`;
  for (const path of ["/log-in", "/api/v1/tokens"]) {
    const head = request(`POST ${path} HTTP/1.1`).replace(
      "application/json",
      path === "/log-in" ? "application/x-www-form-urlencoded" : "application/json",
    );
    const arrived = once(server, "request");
    const socket = connect(port, "127.0.0.1", () => socket.write(head));
    await arrived;
    socket.destroy();
  }
  // Whoever asks after them is answered after them.
  await fetch(`http://127.0.0.1:${port}/`).then((answer) => answer.text());
  server.closeAllConnections();
  await once(server.close(), "close");
  assert.deepEqual(bench.logged, []);
  await bench.close();
});

test("a connection's thousand requests are not all worked on; those in turn come through, to the last that it may send", async () => {
  let asked = 0;
  const server = siteServer(() => {
    asked++;
    return new Response("page");
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  try {
    const { port } = server.address() as AddressInfo;
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000));
    let said = "";
    for await (const bytes of socket) {
      said += bytes;
      if (said.split("HTTP/1.1 503").length > 900) break;
    }
    assert.ok(asked > 0 && asked <= 100, `${asked} requests`);
    const before = asked;
    for (let i = 0; i < 150; i++)
      assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "page");
    assert.equal(asked, before + 150);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
