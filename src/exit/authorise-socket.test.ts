import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { FrameReader, frame } from "../lib/frames.ts";
import { recordingLog, until } from "../link/testing.ts";
import type { Admission, Authoriser, LoginAttempt } from "./authorise.ts";
import { AuthoriseClient } from "./authorise-client.ts";
import { MAX_MESSAGES, readToKeeper, readToProxy } from "./authorise-wire.ts";
import { authoriseServer } from "./keeper/authorise-server.ts";
import { LiveSession } from "./live-session.ts";

const folder = mkdtempSync(join(tmpdir(), "lethe-authorise-"));
after(() => rmSync(folder, { recursive: true }));
let sockets = 0;

const attempt = (change: Partial<LoginAttempt> = {}): LoginAttempt => ({
  service: "socks5",
  username: "abcdefghijkl",
  password: "right",
  address: "192.0.2.7",
  ...change,
});

/** Lets in who says "right"; keeps the sessions it gave out. */
class PasswordIsRight implements Authoriser {
  live = new Set<LiveSession>();
  attempts: LoginAttempt[] = [];
  answer: ((attempt: LoginAttempt) => Promise<Admission>) | undefined;

  async login(attempt: LoginAttempt): Promise<Admission> {
    this.attempts.push(attempt);
    if (this.answer) return this.answer(attempt);
    if (attempt.password !== "right") return { admitted: false, reason: "unknown" };
    const session: LiveSession = new LiveSession(() => this.live.delete(session));
    this.live.add(session);
    return { admitted: true, session };
  }
}

async function world() {
  const path = join(folder, `socket${sockets++}`);
  const authoriser = new PasswordIsRight();
  const { log, reasons } = recordingLog();
  const newServer = () => authoriseServer({ path, authoriser, log });
  const server = newServer();
  await server.start();
  const client = new AuthoriseClient({ path });
  client.start();
  await until(() => client.connected, "connected");
  return {
    path,
    authoriser,
    server,
    newServer,
    client,
    refusals: () => reasons("proxy-message-refused"),
    async [Symbol.asyncDispose]() {
      client.close();
      await server.close();
    },
  };
}

test("a login is answered, with everything that the proxy knows", async () => {
  await using it = await world();
  assert.ok((await it.client.login(attempt())).admitted);
  assert.deepEqual(it.authoriser.attempts, [attempt()]);
  assert.deepEqual(await it.client.login(attempt({ password: "wrong" })), {
    admitted: false,
    reason: "unknown",
  });
});

test("names and passwords come through as they are, whatever characters they are of", async () => {
  await using it = await world();
  await fc.assert(
    fc.asyncProperty(
      fc.string({ maxLength: 100 }),
      fc.string({ maxLength: 100 }),
      async (username, password) => {
        it.authoriser.attempts = [];
        await it.client.login(attempt({ username, password }));
        assert.deepEqual(it.authoriser.attempts, [attempt({ username, password })]);
      },
    ),
    { numRuns: 50 },
  );
});

test("a thousand logins at once each get their own answer", async () => {
  await using it = await world();
  const answers = await Promise.all(
    Array.from({ length: 1000 }, (_, i) =>
      it.client.login(attempt({ password: i % 3 === 0 ? "right" : "wrong" })),
    ),
  );
  for (const [i, answer] of answers.entries()) assert.equal(answer.admitted, i % 3 === 0);
  assert.equal(it.authoriser.live.size, 334);
});

test("the longest logins, as many as go into one frame, stay below the frame's cap", async () => {
  await using it = await world();
  const longest = attempt({ username: "\u0001".repeat(128), password: "\u0001".repeat(1024) });
  const answers = await Promise.all(Array.from({ length: MAX_MESSAGES + 1 }, () => it.client.login(longest)));
  assert.ok(answers.every((answer) => !answer.admitted && answer.reason === "unknown"));
  assert.equal(it.authoriser.attempts.length, MAX_MESSAGES + 1);
});

test("a name or password longer than any is refused without being sent", async () => {
  await using it = await world();
  for (const change of [{ password: "x".repeat(10_000) }, { username: "x".repeat(10_000) }]) {
    assert.deepEqual(await it.client.login(attempt(change)), { admitted: false, reason: "unknown" });
  }
  assert.equal(it.authoriser.attempts.length, 0);
});

test("closing a session tells the keeper", async () => {
  await using it = await world();
  const admission = await it.client.login(attempt());
  assert.ok(admission.admitted);
  admission.session.close();
  admission.session.close();
  await until(() => it.authoriser.live.size === 0, "closed at the keeper");
});

test("a cut at the keeper reaches the session, and only that one", async () => {
  await using it = await world();
  const one = await it.client.login(attempt());
  const other = await it.client.login(attempt());
  assert.ok(one.admitted && other.admitted);
  const cuts: string[] = [];
  one.session.onCut(() => cuts.push("one"));
  other.session.onCut(() => cuts.push("other"));
  [...it.authoriser.live][0]!.cut();
  await until(() => cuts.length > 0, "cut");
  assert.deepEqual(cuts, ["one"]);
  assert.equal(it.authoriser.live.size, 1);
});

test("a cut before anybody listens is told to who listens", async () => {
  await using it = await world();
  const admission = await it.client.login(attempt());
  assert.ok(admission.admitted);
  [...it.authoriser.live][0]!.cut();
  await it.client.login(attempt({ password: "wrong" }));
  let cut = false;
  admission.session.onCut(() => {
    cut = true;
  });
  assert.ok(cut);
});

test("the keeper lost: logins under way and new ones are unavailable at once, sessions end, and it is found again", async () => {
  await using it = await world();
  const live = await it.client.login(attempt());
  assert.ok(live.admitted);
  let cut = false;
  live.session.onCut(() => {
    cut = true;
  });
  it.authoriser.answer = () => new Promise(() => {});
  const waiting = it.client.login(attempt());
  await until(() => it.authoriser.attempts.length === 2, "asked");
  const start = performance.now();
  await it.server.close();
  assert.deepEqual(await waiting, { admitted: false, reason: "unavailable" });
  await until(() => cut, "the live session ends");
  assert.deepEqual(await it.client.login(attempt()), { admitted: false, reason: "unavailable" });
  const tookMs = performance.now() - start;
  assert.ok(tookMs < 20_000, `${tookMs} ms`);

  it.authoriser.answer = undefined;
  const again = it.newServer();
  await again.start();
  await until(() => it.client.connected, "connected again");
  assert.ok((await it.client.login(attempt())).admitted);
  it.client.close();
  await again.close();
});

test("a proxy lost: the keeper closes its sessions, the other's stay", async () => {
  await using it = await world();
  const other = new AuthoriseClient({ path: it.path });
  other.start();
  await until(() => other.connected, "connected");
  await it.client.login(attempt());
  await other.login(attempt());
  assert.equal(it.authoriser.live.size, 2);
  other.close();
  await until(() => it.authoriser.live.size === 1, "closed");
});

test("an authoriser that fails makes the login unavailable", async () => {
  await using it = await world();
  it.authoriser.answer = () => Promise.reject(new Error("inside"));
  assert.deepEqual(await it.client.login(attempt()), { admitted: false, reason: "unavailable" });
});

const json = (value: unknown) => frame(Buffer.from(JSON.stringify(value)));
const nonsense: Record<string, Buffer> = {
  "no JSON": frame(Buffer.from("{")),
  "an object": json({}),
  "a message that is no list": json([1]),
  "an unknown kind": json([[7, 1]]),
  "no id": json([[2]]),
  "an id that is no whole number": json([[2, 1.5]]),
  "a login without a password": json([[1, 1, "socks5", "abcdefghijkl"]]),
  "slots given back without a number": json([[3, 99]]),
  "slots given back by halves": json([[3, 99, 0.5]]),
  "no slots given back": json([[3, 99, 0]]),
  "slots taken by giving back less than none": json([[3, 99, -5]]),
  "slots given back that were never lent": json([[3, 99, 1]]),
  "slots of a login that is still being decided": json([
    [1, 1, "socks5", "abcdefghijkl", "right", "192.0.2.7"],
    [3, 1, 1],
  ]),
  "an unknown service": json([[1, 1, "ftp", "abcdefghijkl", "right", "192.0.2.7"]]),
  "one id for two sessions": json([
    [1, 1, "socks5", "abcdefghijkl", "right", "192.0.2.7"],
    [1, 1, "socks5", "abcdefghijkl", "right", "192.0.2.7"],
  ]),
  "a frame without end": Buffer.from("ffffffff00", "hex"),
};
for (const [what, bytes] of Object.entries(nonsense)) {
  test(`${what} from a proxy ends that proxy's connection and sessions; the keeper goes on`, async () => {
    await using it = await world();
    const socket = connect(it.path);
    socket.on("error", () => {});
    socket.resume();
    socket.write(json([[1, 99, "socks5", "abcdefghijkl", "right", "192.0.2.7"]]));
    await until(() => it.authoriser.live.size === 1, "its session");
    socket.write(bytes);
    await new Promise((resolve) => socket.on("close", resolve));
    await until(() => it.authoriser.live.size === 0, "its sessions end");
    assert.deepEqual(it.refusals(), ["malformed"]);
    assert.ok((await it.client.login(attempt())).admitted);
  });
}

test("slots of a session that has just been cut may still be given back", async () => {
  await using it = await world();
  const socket = connect(it.path);
  socket.on("error", () => {});
  socket.resume();
  socket.write(
    json([
      [3, 5, 3],
      [1, 6, "socks5", "abcdefghijkl", "right", "192.0.2.7"],
    ]),
  );
  await until(() => it.authoriser.live.size === 1, "its session");
  assert.deepEqual(it.refusals(), []);
  socket.destroy();
});

test("a lease of a size that no keeper grants is nonsense to the proxy", () => {
  const read = (slots: unknown) => readToProxy(Buffer.from(JSON.stringify([[1, 5, slots]])));
  assert.deepEqual(read(32), [{ kind: "admitted", id: 5, slots: 32 }]);
  for (const slots of [0, -1, 1.5, "32", 1025, 1e300, {}]) assert.equal(read(slots), undefined);
});

test("no bytes whatever make a reader throw", () => {
  const messages = fc.array(
    fc.array(fc.oneof(fc.integer({ min: 0, max: 4 }), fc.string(), fc.constant("socks5"))),
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        messages.map((value) => Buffer.from(JSON.stringify(value))),
      ),
      (bytes) => {
        readToKeeper(Buffer.from(bytes));
        readToProxy(Buffer.from(bytes));
      },
    ),
  );
});

test("a login that comes in byte by byte is answered", async () => {
  await using it = await world();
  const socket = connect(it.path);
  const answers: string[] = [];
  const reader = new FrameReader(1000, (payload) => answers.push(payload.toString()));
  socket.on("data", (chunk) => reader.push(chunk));
  for (const byte of json([[1, 5, "http", "abcdefghijkl", "right", "2001:db8::1"]])) {
    socket.write(Buffer.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => answers.length === 1, "answer");
  assert.deepEqual(answers, ["[[1,5]]"]);
  socket.destroy();
});

test("a keeper that talks nonsense is left, and tried again", async () => {
  const path = join(folder, "mad");
  let connections = 0;
  const mad = createServer((socket) => {
    connections += 1;
    socket.on("error", () => {});
    socket.write(frame(Buffer.from("[[9,9]]")));
  });
  await new Promise<void>((resolve) => mad.listen(path, resolve));
  const client = new AuthoriseClient({ path });
  client.start();
  await until(() => connections >= 2, "a second try");
  client.close();
  await new Promise((resolve) => mad.close(resolve));
});
