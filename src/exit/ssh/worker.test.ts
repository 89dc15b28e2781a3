import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import type { ClientChannel } from "ssh2";
import { eventually, PASSWORD, startServer, USERNAME, Wire } from "../proxy/testing.ts";
import { readAll, startSsh, TestClient } from "./testing.ts";

const refusal = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "allowed",
    (error: Error) => error.message,
  );

describe("SSH tunnels", { timeout: 300_000 }, () => {
  let ssh: Awaited<ReturnType<typeof startSsh>>;
  let echo: Awaited<ReturnType<typeof startServer>>;

  before(async () => {
    ssh = await startSsh({
      resolve: async (name) =>
        name === "good.example"
          ? { ok: true, addresses: [Uint8Array.of(10, 0, 0, 1), Uint8Array.of(127, 0, 0, 1)] }
          : name === "inside.example"
            ? { ok: true, addresses: [Uint8Array.of(10, 0, 0, 1)] }
            : { ok: false, reason: "no-such-name" },
    });
    echo = await startServer((socket) => {
      socket.pipe(socket);
    });
  });
  after(() => {
    ssh.close();
    echo.close();
  });

  it("lead to an address, and to a name's addresses that are open", async () => {
    const client = await TestClient.ready(ssh.port);
    for (const host of ["127.0.0.1", "good.example", "GOOD.example."]) {
      const channel = await client.tunnel(host, echo.port);
      channel.end("to and fro");
      assert.equal(String(await readAll(channel)), "to and fro");
    }
    client.close();
    await eventually(() => ssh.authoriser.open.size === 0, "the session's end");
    const { service, username, password, address } = ssh.authoriser.attempts[0]!;
    assert.deepEqual([service, username, password, address], ["ssh", USERNAME, PASSWORD, "127.0.0.1"]);
  });

  it("begin with no exchange of keys that costs the exit much and a stranger nothing", async () => {
    const one = await TestClient.ready(ssh.port, { algorithms: { kex: ["diffie-hellman-group14-sha256"] } });
    one.close();
    for (const kex of ["diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512"] as const) {
      const client = new TestClient(ssh.port, { algorithms: { kex: [kex] } });
      assert.match(await client.outcome, /no matching key exchange/i);
      client.close();
    }
  });

  it("lead to nothing that the egress policy closes", async () => {
    const client = await TestClient.ready(ssh.port);
    for (const [host, port] of [
      ["127.0.0.1", 25],
      ["10.0.0.1", 80],
      ["169.254.169.254", 80],
      ["::1", echo.port],
      ["inside.example", 80],
      ["nowhere.example", 80],
      ["localhost", echo.port],
      ["self-test.exits.lethe.internal", 7],
      ["127.1", echo.port],
      ["", 80],
      ["127.0.0.1", 0],
    ] as const)
      assert.match(await refusal(client.tunnel(host, port)), /Channel open failure/, `${host}:${port}`);
    client.close();
  });

  it("end where the operator blocks what they lead to, and nowhere else", async () => {
    const other = await startServer((socket) => socket.pipe(socket));
    const own = await startSsh();
    const client = await TestClient.ready(own.port);
    const [blocked, open] = [
      await client.tunnel("127.0.0.1", echo.port),
      await client.tunnel("127.0.0.1", other.port),
    ];
    // A channel that nobody reads never says that it has ended.
    const closed = new Promise((resolve) => blocked.resume().once("close", resolve));
    await own.restrict({ denyPortRanges: [{ from: echo.port, to: echo.port }] });
    await closed;
    assert.match(
      await refusal(client.tunnel("127.0.0.1", echo.port)),
      /Channel open failure/,
      "by an older login",
    );
    open.end("still");
    assert.equal(String(await readAll(open)), "still");
    client.close();
    own.close();
    other.close();
  });

  it("carry all that is sent, both ways at once, however it is cut up", async () => {
    const client = await TestClient.ready(ssh.port);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 200_000 }), { minLength: 1, maxLength: 8 }),
        async (sizes) => {
          const parts = sizes.map((size) => randomBytes(size));
          const channel = await client.tunnel("127.0.0.1", echo.port);
          const back = readAll(channel);
          for (const part of parts) channel.write(part);
          channel.end();
          assert.ok(Buffer.concat(parts).equals(await back));
        },
      ),
      { numRuns: Number(process.env.FC_RUNS ?? 15) },
    );
    client.close();
  });

  it("pass on the end of one direction while the other goes on", async () => {
    const late = await startServer((socket) => {
      let asked = "";
      socket.on("data", (chunk) => {
        asked += chunk;
      });
      // Answers when it has heard everything.
      socket.on("end", () => socket.end(`heard ${asked}`));
    });
    const early = await startServer((socket) => {
      // Says all it has to say first, and goes on listening.
      socket.end("bye");
      socket.on("data", (chunk) => heard.push(String(chunk)));
    });
    const heard: string[] = [];
    const client = await TestClient.ready(ssh.port);
    const question = await client.tunnel("127.0.0.1", late.port);
    question.end("question");
    assert.equal(String(await readAll(question)), "heard question");

    const channel = await client.tunnel("127.0.0.1", early.port);
    channel.on("data", () => {});
    await once(channel, "end");
    channel.write("still here");
    await eventually(() => heard.join("") === "still here", "what is said after the end");
    client.close();
    late.close();
    early.close();
  });

  it("break off where the other side does", async () => {
    const resets = await startServer((socket) => socket.once("data", () => socket.resetAndDestroy()));
    const client = await TestClient.ready(ssh.port);
    const channel = await client.tunnel("127.0.0.1", resets.port);
    channel.on("data", () => {});
    channel.write("x");
    await once(channel, "close");
    client.close();
    resets.close();
  });

  it("reset an upload whose client vanished, so that no half of it looks like the whole", async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const sink = await startServer((socket) => {
      socket.on("data", () => {});
      socket.on("error", () => resolve("reset"));
      socket.on("end", () => resolve("clean"));
    });
    const client = await TestClient.ready(ssh.port);
    const channel = await client.tunnel("127.0.0.1", sink.port);
    channel.write("half a file");
    await new Promise((resolve) => setTimeout(resolve, 50));
    client.close();
    assert.equal(await promise, "reset");
    sink.close();
  });

  it("end at once when the session is cut", async () => {
    const client = await TestClient.ready(ssh.port);
    const channel = await client.tunnel("127.0.0.1", echo.port);
    channel.write("alive");
    await once(channel, "data");
    ssh.authoriser.cutAll();
    await client.closed;
    await eventually(() => ssh.authoriser.open.size === 0, "the session's end");
  });

  it("end within 2 s of the cut at full speed, and where the client reads nothing", async () => {
    const flooded = new Set<Socket>();
    const flood = await startServer((socket) => {
      flooded.add(socket);
      socket.on("close", () => flooded.delete(socket));
      const chunk = randomBytes(256 * 1024);
      const more = (): void => {
        while (socket.write(chunk));
      };
      socket.on("drain", more);
      more();
    });
    for (const deaf of [false, true]) {
      const client = await TestClient.ready(ssh.port);
      const channels = await Promise.all(
        Array.from({ length: 8 }, () => client.tunnel("127.0.0.1", flood.port)),
      );
      let bytes = 0;
      for (const channel of channels)
        channel.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
        });
      await eventually(() => bytes > 8e6 && flooded.size === 8, "the flood");
      const { _sock } = client.client as unknown as { _sock: Socket };
      if (deaf) _sock.pause();
      // So long that what the kernel takes is full.
      await new Promise((resolve) => setTimeout(resolve, 300));
      const cutAtMs = performance.now();
      ssh.authoriser.cutAll();
      await eventually(() => flooded.size === 0, "what the tunnels led to to end");
      _sock.resume();
      await client.closed;
      const ms = performance.now() - cutAtMs;
      // Five times over, for a machine that others use as well.
      assert.ok(ms < 5 * 2000, `${deaf ? "deaf" : "at full speed"}: ${ms} ms`);
    }
    flood.close();
  });

  it("are as many as the limit says, and give their place back", async () => {
    const few = await startSsh({ limits: { connectionsPerCredential: 3 } });
    const client = await TestClient.ready(few.port);
    const open: ClientChannel[] = [];
    for (let count = 0; count < 3; count += 1) open.push(await client.tunnel("127.0.0.1", echo.port));
    assert.match(await refusal(client.tunnel("127.0.0.1", echo.port)), /open failure/);
    open[0]!.end();
    open[0]!.on("data", () => {});
    await once(open[0]!, "close");
    await eventually(() => echo.server.listening, "a moment");
    assert.equal(await refusal(client.tunnel("127.0.0.1", echo.port)), "allowed");
    client.close();
    few.close();
  });

  it("withstand a flood of channels, and go on", async () => {
    const client = await TestClient.ready(ssh.port);
    const asked = Array.from({ length: 3000 }, () => refusal(client.tunnel("127.0.0.1", echo.port)));
    const answers = await Promise.all(asked);
    assert.equal(answers.filter((answer) => answer === "allowed").length, 100, "the test's limit");
    client.close();
    const other = await TestClient.ready(ssh.port);
    assert.equal(await refusal(other.tunnel("127.0.0.1", echo.port)), "allowed");
    other.close();
  });

  it("hold little of what is sent to a server that does not read", async () => {
    const deaf = createServer((socket) => {
      socket.pause();
      socket.on("error", () => {});
    });
    deaf.listen(0, "127.0.0.1");
    await once(deaf, "listening");
    const { port } = deaf.address() as { port: number };
    const client = await TestClient.ready(ssh.port);
    const before = process.memoryUsage().rss;
    const channels = await Promise.all(Array.from({ length: 4 }, () => client.tunnel("127.0.0.1", port)));
    // Past every window, as a client that keeps to none would: ssh2's own client is made to believe in an endless one.
    const chunk = randomBytes(32_000);
    for (const channel of channels) {
      const { outgoing } = channel as unknown as { outgoing: { window: number } };
      outgoing.window = 1e12;
    }
    let written = 0;
    for (let round = 0; round < 3000 && written < 300e6; round += 1) {
      for (const channel of channels) {
        if ((client.client as unknown as { _sock: { writableLength: number } })._sock.writableLength > 4e6)
          break;
        channel.write(chunk);
        written += chunk.length;
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    // The client's kernel and ours hold some megabytes; the rest waits where it was made.
    assert.ok(process.memoryUsage().rss - before < 250e6);
    assert.ok(written < 200e6, `${written} bytes were taken`);
    client.close();
    deaf.close();
    const other = await TestClient.ready(ssh.port);
    other.close();
  });

  it("end where nothing is carried for the idle time, while the connection stays", async () => {
    const idle = await startSsh({ limits: { idleMs: 1000 } });
    const client = await TestClient.ready(idle.port);
    const channel = await client.tunnel("127.0.0.1", echo.port);
    channel.on("data", () => {});
    await once(channel, "close");
    assert.equal(await refusal(client.tunnel("127.0.0.1", echo.port)), "allowed");
    client.close();
    idle.close();
  });
});

describe("an SSH client's login", { timeout: 300_000 }, () => {
  let ssh: Awaited<ReturnType<typeof startSsh>>;
  before(async () => {
    ssh = await startSsh();
  });
  after(() => ssh.close());

  it("is by password, or by the question for it", async () => {
    (await TestClient.ready(ssh.port)).close();
    const asked = new TestClient(ssh.port, {
      password: "",
      tryKeyboard: true,
      authHandler: ["keyboard-interactive"],
    });
    asked.client.on("keyboard-interactive", (_name, _instructions, _language, [prompt], finish) => {
      assert.deepEqual(prompt, { prompt: "Password: ", echo: false });
      finish([PASSWORD]);
    });
    assert.equal(await asked.outcome, "ready");
    asked.close();
  });

  it("is refused with words, where another password would not help", async () => {
    for (const [reason, words] of [
      ["unknown", /^All configured authentication methods failed$/],
      ["expired", /^The paid time of this account is over\. \| The paid time of this account is over\.$/],
      ["too-many", /too many sessions on this server: end one first\. \| .*too many sessions/],
      ["slow-down", /^Too many wrong passwords lately: try again in some minutes\./],
      ["draining", /^This server takes no new sessions: choose another one\./],
      ["unavailable", /^Logins cannot be checked at the moment: try again soon\./],
    ] as const) {
      const client = new TestClient(ssh.port, { password: `refuse:${reason}` });
      assert.match(await client.outcome, words);
      client.close();
    }
    assert.equal(ssh.authoriser.open.size, 0);
  });

  it("may be tried six times in a connection", async () => {
    const before = ssh.authoriser.attempts.length;
    let tries = 0;
    const client = new TestClient(ssh.port, {
      authHandler: (_left, _partial, next) => {
        tries += 1;
        next({ type: "password", username: USERNAME, password: `wrong ${tries}` });
      },
    });
    assert.match(await client.outcome, /Too many tries/);
    assert.equal(ssh.authoriser.attempts.length - before, 6);
    client.close();
  });

  it("is over after the handshake's time, also where every byte comes late", async () => {
    const hasty = await startSsh({ limits: { handshakeMs: 500 } });
    const wire = new Wire(hasty.port);
    wire.send("SSH-2.0-");
    await wire.closed();
    hasty.close();
  });

  it("leads nowhere without: no tunnel before it", async () => {
    const client = new TestClient(ssh.port, { authHandler: () => {} });
    await once(client.client, "handshake");
    const { _protocol, _chanMgr } = client.client as unknown as {
      _protocol: { directTcpip(...args: unknown[]): void };
      _chanMgr: { add(callback: unknown): number };
    };
    const refused = new Promise((resolve) => {
      const id = _chanMgr.add((error: Error | undefined) => resolve(error?.message ?? "allowed"));
      _protocol.directTcpip(id, 1e6, 3e4, {
        srcIP: "127.0.0.1",
        srcPort: 1,
        dstIP: "127.0.0.1",
        dstPort: 80,
      });
    });
    assert.match(String(await refused), /open failure/);
    client.close();
  });
});

describe("what SSH refuses", { timeout: 300_000 }, () => {
  let ssh: Awaited<ReturnType<typeof startSsh>>;
  let client: TestClient;
  before(async () => {
    ssh = await startSsh();
    client = await TestClient.ready(ssh.port, { strictVendor: false });
  });
  after(() => {
    client.close();
    ssh.close();
  });
  const asked = (ask: (done: (error?: Error | null) => void) => void): Promise<string> =>
    new Promise((resolve) => ask((error) => resolve(error?.message ?? "allowed")));

  it("shells, commands, subsystems, files and X11", async () => {
    const { client: ssh2 } = client;
    assert.match(await asked((done) => ssh2.shell(done)), /open failure/);
    assert.match(await asked((done) => ssh2.exec("id", done)), /open failure/);
    assert.match(await asked((done) => ssh2.exec("id", { x11: true }, done)), /open failure/);
    assert.match(await asked((done) => ssh2.subsys("netconf", done)), /open failure/);
    assert.match(await asked((done) => ssh2.sftp(done)), /open failure/);
  });

  it("ways back, and socket files either way", async () => {
    const { client: ssh2 } = client;
    assert.match(await asked((done) => ssh2.forwardIn("127.0.0.1", 0, done)), /Unable to bind/);
    assert.match(await asked((done) => ssh2.unforwardIn("127.0.0.1", 1, done)), /Unable to unbind/);
    assert.match(await asked((done) => ssh2.openssh_forwardInStreamLocal("/tmp/x", done)), /Unable to bind/);
    assert.match(await asked((done) => ssh2.openssh_forwardOutStreamLocal("/tmp/x", done)), /open failure/);
  });

  it("every channel type and request that it does not know", async () => {
    const types = [
      "x11",
      "auth-agent@openssh.com",
      "forwarded-tcpip",
      "tun@openssh.com",
      "",
      "\0",
      "é".repeat(100),
    ];
    const { client: ssh2 } = client;
    for (const type of types) {
      const name = Buffer.from(type);
      const payload = Buffer.concat([
        Buffer.of(90),
        uint32(name.length),
        name,
        uint32(7),
        uint32(1e6),
        uint32(3e4),
      ]);
      sendRaw(ssh2, payload);
    }
    // RFC 4254 section 4: a global request of an unknown name, with and without a wish for an answer.
    for (const wants of [0, 1])
      sendRaw(ssh2, Buffer.concat([Buffer.of(80), uint32(4), Buffer.from("what"), Buffer.of(wants)]));
    // To a channel that there is none of: data, EOF, close, a request.
    for (const type of [93, 94, 96, 97, 98])
      sendRaw(ssh2, Buffer.concat([Buffer.of(type), uint32(99), uint32(4), uint32(0)]));
    await new Promise((resolve) => setTimeout(resolve, 100));
    const other = await TestClient.ready(ssh.port);
    other.close();
  });

  it("bytes that are no SSH: the connection ends, and nothing else", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.boolean(), async (noise, named) => {
        const wire = new Wire(ssh.port);
        if (named) wire.send("SSH-2.0-noise\r\n");
        wire.send(noise);
        await new Promise(setImmediate);
        wire.socket.resetAndDestroy();
      }),
      { numRuns: Number(process.env.FC_RUNS ?? 100) },
    );
    const old = new Wire(ssh.port);
    old.send("SSH-1.5-old\r\n");
    await old.closed();
    const web = new Wire(ssh.port);
    web.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await web.closed();
    (await TestClient.ready(ssh.port)).close();
  });

  it("an endless exchange of keys: the client waits for each, and its tunnels go on", async (t) => {
    const echo = await startServer((socket) => socket.pipe(socket));
    const busy = await TestClient.ready(ssh.port);
    t.after(() => {
      busy.close();
      echo.close();
    });
    const channel = await busy.tunnel("127.0.0.1", echo.port);
    const { client: ssh2 } = busy;
    const { _protocol } = ssh2 as unknown as { _protocol: { rekey(): void } };
    let times = 0;
    ssh2.on("handshake", () => {
      times += 1;
      _protocol.rekey();
    });
    const beganMs = performance.now();
    _protocol.rekey();
    await eventually(() => times >= 10, "the first at once");
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const after = times;
    const most = 22 + (performance.now() - beganMs) / 1000;
    assert.ok(after <= most, `${after} times where 20 at once and one a second since make ${most}`);
    await eventually(() => times > after, "one more, in its turn");
    channel.write("still there");
    const [answer] = (await once(channel, "data")) as [Buffer];
    assert.equal(String(answer), "still there");
  });

  it("an exchange of keys that is begun and never ended, while much comes for the client", async (t) => {
    let takenBytes = 0;
    const spring = await startServer((socket) => {
      const part = Buffer.alloc(256 * 1024);
      const pour = (): void => {
        if (socket.destroyed || takenBytes > 400_000_000) return;
        socket.write(part, (error) => {
          if (error) return;
          takenBytes += part.length;
          pour();
        });
      };
      socket.once("data", pour);
    });
    const stalling = await TestClient.ready(ssh.port);
    t.after(() => {
      stalling.close();
      spring.close();
    });
    const channel = await stalling.tunnel("127.0.0.1", spring.port);
    const { _protocol, _sock } = stalling.client as unknown as {
      _protocol: { rekey(): void; channelWindowAdjust(channel: number, bytes: number): void };
      _sock: Socket;
    };
    const { id } = (channel as unknown as { outgoing: { id: number } }).outgoing;
    _protocol.channelWindowAdjust(id, 0x7000_0000);
    channel.write("go");
    _protocol.rekey();
    // Takes everything, and goes on with nothing.
    _sock.removeAllListeners("data").resume();
    let before = -1;
    while (takenBytes !== before || takenBytes === 0) {
      before = takenBytes;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    // The kernel's buffers on the way hold some.
    assert.ok(takenBytes < 100_000_000, `${takenBytes} bytes`);
  });

  it("is read byte by byte just as well", async () => {
    const target = await startServer((socket) => socket.end("whole"));
    // A wire between that lets one byte through at a time.
    const between = createServer((near) => {
      const far = new Wire(ssh.port).socket;
      near.on("data", (chunk: Buffer) => {
        for (const byte of chunk) far.write(Uint8Array.of(byte));
      });
      far.on("data", (chunk: Buffer) => near.write(chunk));
      near.on("error", () => far.destroy());
      near.on("close", () => far.destroy());
    });
    between.listen(0, "127.0.0.1");
    await once(between, "listening");
    const slow = await TestClient.ready((between.address() as { port: number }).port);
    const channel = await slow.tunnel("127.0.0.1", target.port);
    assert.equal(String(await readAll(channel)), "whole");
    slow.close();
    between.close();
    target.close();
  });
});

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

/** Any payload as a packet of the client's, encrypted like its own. */
function sendRaw(client: object, payload: Buffer): void {
  const { _protocol } = client as {
    _protocol: {
      _packetRW: {
        write: { allocStart: number; alloc(size: number): Buffer; finalize(packet: Buffer): Buffer };
      };
      _cipher: { encrypt(packet: Buffer): void };
    };
  };
  const { write } = _protocol._packetRW;
  const packet = write.alloc(payload.length);
  payload.copy(packet, write.allocStart);
  _protocol._cipher.encrypt(write.finalize(packet));
}
