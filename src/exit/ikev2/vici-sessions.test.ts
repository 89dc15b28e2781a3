import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { systemClock } from "../../lib/clock.ts";
import { FrameReader, frame } from "../../lib/frames.ts";
import { ntHash } from "../../lib/nt-hash.ts";
import type { Admission, KeeperAuthoriser } from "../authorise.ts";
import { LiveSession } from "../live-session.ts";
import { challengeHash, challengeResponse } from "./mschapv2.ts";
import type { Ikev2Question } from "./radius-server.ts";
import { decodeVici, encodeVici, textOf, type ViciMessage } from "./vici-message.ts";
import { ViciSessions } from "./vici-sessions.ts";

/** strongSwan's end: remembers what was asked, and says what a test wants. */
class FakeStrongswan {
  readonly commands: { name: string; id: string | undefined; force: boolean }[] = [];
  /** Told when asked for all SAs. */
  present: ViciMessage[] = [];
  #sockets = new Set<Socket>();
  #server: Server;

  constructor(path: string) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => {});
      const reader = new FrameReader(1_000_000, (payload) => this.#take(socket, payload));
      socket.on("data", (chunk: Buffer) => reader.push(chunk));
    });
    this.#server.listen(path);
  }

  say(event: string, message: ViciMessage): void {
    for (const socket of this.#sockets)
      socket.write(frame(Buffer.from([7, event.length]), Buffer.from(event), encodeVici(message)));
  }

  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.drop();
    this.#server.close();
  }

  #take(socket: Socket, payload: Buffer): void {
    if (payload[0] === 3) return void socket.write(frame(Buffer.from([5])));
    const name = payload.subarray(2, 2 + payload[1]!).toString();
    const message = decodeVici(payload.subarray(2 + payload[1]!));
    this.commands.push({ name, id: textOf(message, "ike-id"), force: textOf(message, "force") === "yes" });
    if (name === "list-sas") for (const sa of this.present) this.say("list-sa", { "lethe-0": sa });
    socket.write(frame(Buffer.from([1]), encodeVici(name === "terminate" ? { success: "yes" } : {})));
  }
}

const sa = (id: number, name: string): ViciMessage => ({
  uniqueid: String(id),
  state: "ESTABLISHED",
  "remote-host": "192.0.2.7",
  "remote-id": name,
});

const folder = mkdtempSync(join(tmpdir(), "lethe-vici-"));
let path: string;
let strongswan: FakeStrongswan;
let sessions: ViciSessions;
let open: Set<LiveSession>;
let readmits: string[];
let readmission: () => Admission;

function begin(): LiveSession {
  const session: LiveSession = new LiveSession(() => open.delete(session));
  open.add(session);
  return session;
}

const authoriser: Pick<KeeperAuthoriser, "challenge" | "readmit"> = {
  async challenge(attempt, verify) {
    const proof = verify({ digest: randomBytes(32), ntHash: ntHash(`of ${attempt.username}`) });
    return proof === undefined
      ? { admitted: false, reason: "unknown" }
      : { admitted: true, session: begin(), proof };
  },
  async readmit({ username }) {
    readmits.push(username);
    return readmission();
  },
};

function question(ikeId: number, username: string, password = `of ${username}`): Ikev2Question {
  const [authenticatorChallenge, peerChallenge] = [randomBytes(16), randomBytes(16)];
  const challenge = challengeHash({ authenticatorChallenge, peerChallenge, username });
  const ntResponse = challengeResponse(challenge, ntHash(password));
  return { ikeId, username, address: "192.0.2.7", authenticatorChallenge, peerChallenge, ntResponse };
}

async function until(what: string, is: () => boolean): Promise<void> {
  for (let tries = 0; tries < 6000; tries++) {
    if (is()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.fail(`in vain: ${what}`);
}

let count = 0;
beforeEach(async () => {
  path = join(folder, `${++count}.sock`);
  open = new Set();
  readmits = [];
  readmission = () => ({ admitted: true, session: begin() });
  strongswan = new FakeStrongswan(path);
});
afterEach(() => {
  sessions.close();
  strongswan.close();
});
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

async function attached(): Promise<void> {
  sessions = new ViciSessions({ path, authoriser, clock: systemClock, graceMs: 20 });
  await until(
    "attached",
    () => sessions.attached && strongswan.commands.some(({ name }) => name === "list-sas"),
  );
}

test("a right answer is admitted with its proof, a wrong one is not", async () => {
  await attached();
  const right = await sessions.decide(question(1, "nemo"));
  assert.ok(right.admitted && /^S=[0-9A-F]{40}$/.test(right.proof.authenticatorResponse));
  assert.deepEqual(await sessions.decide(question(2, "nemo", "another")), {
    admitted: false,
    reason: "unknown",
  });
  assert.equal(open.size, 1);
});

test("a session ends when strongSwan says so, and keeps its place over a rekeying", async () => {
  await attached();
  await sessions.decide(question(1, "nemo"));
  strongswan.say("ike-updown", { up: "yes", "lethe-0": sa(1, "nemo") });
  strongswan.say("ike-rekey", { "lethe-0": { old: sa(1, "nemo"), new: sa(9, "nemo") } });
  strongswan.say("ike-updown", { "lethe-0": sa(1, "nemo") });
  strongswan.say("ike-updown", { up: "yes", "lethe-0": sa(20, "other") });
  await until("events", () => readmits.includes("other"));
  assert.equal(open.size, 2, "the old number's end means nothing any more");
  strongswan.say("ike-updown", { "lethe-0": sa(9, "nemo") });
  await until("the end", () => open.size === 1);
});

test("a cut is told to strongSwan by number, and forced where the client does not go", async () => {
  await attached();
  await sessions.decide(question(7, "nemo"));
  strongswan.say("ike-updown", { up: "yes", "lethe-0": sa(7, "nemo") });
  [...open][0]!.cut();
  const terminated = () => strongswan.commands.filter(({ name }) => name === "terminate");
  await until("both", () => terminated().length === 2);
  assert.deepEqual(
    terminated().map(({ id, force }) => [id, force]),
    [
      ["7", false],
      ["7", true],
    ],
  );
});

test("who asks for more addresses inside the tunnel than a device needs is ended", async () => {
  await attached();
  const [few, many] = [2, 3].map((addresses) =>
    Array.from({ length: addresses }, (_, index) => `10.66.144.${index}`),
  );
  for (const id of [1, 2]) {
    await sessions.decide(question(id, `n${id}`));
    strongswan.say("ike-updown", { up: "yes", "lethe-0": sa(id, `n${id}`) });
  }
  strongswan.say("child-updown", { up: "yes", "lethe-0": { ...sa(1, "n1"), "remote-vips": few } });
  strongswan.say("child-updown", { up: "yes", "lethe-0": { ...sa(2, "n2"), "remote-vips": many } });
  await until("the end", () => strongswan.commands.some(({ name }) => name === "terminate"));
  assert.equal(open.size, 1);
  assert.ok(strongswan.commands.every(({ name, id }) => name !== "terminate" || id === "2"));
  // Nor is one that is gone taken for one that has come.
  strongswan.say("ike-updown", { "lethe-0": sa(1, "n1") });
  strongswan.say("child-updown", { "lethe-0": sa(1, "n1") });
  await until("gone", () => open.size === 0);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(readmits, []);
});

test("a client that goes by itself when it is told is not forced", async () => {
  await attached();
  await sessions.decide(question(7, "nemo"));
  [...open][0]!.cut();
  strongswan.say("ike-updown", { "lethe-0": sa(7, "nemo") });
  await new Promise((resolve) => setTimeout(resolve, 80));
  assert.deepEqual(
    strongswan.commands.filter(({ name }) => name === "terminate").map(({ force }) => force),
    [false],
  );
});

test("clients of an earlier life are taken back by name, asked for until somebody can say, or ended", async () => {
  strongswan.present = [sa(3, "PC\\Nemo"), sa(4, "ned")];
  let asked = 0;
  readmission = () =>
    ++asked < 5 ? { admitted: false, reason: "unavailable" } : { admitted: true, session: begin() };
  await attached();
  await until("both", () => open.size === 2);
  assert.deepEqual([...new Set(readmits)].sort(), ["ned", "nemo"]);
  readmission = () => ({ admitted: false, reason: "expired" });
  strongswan.say("ike-updown", { up: "yes", "lethe-0": sa(5, "gone") });
  await until("the end", () => strongswan.commands.some(({ id }) => id === "5"));
});

test("while strongSwan cannot be reached nobody is let in, and no session stands for anybody", async () => {
  await attached();
  await sessions.decide(question(1, "nemo"));
  strongswan.drop();
  await until("lost", () => !sessions.attached || open.size === 0);
  assert.equal(open.size, 0);
  strongswan.close();
  await until("lost", () => !sessions.attached);
  assert.deepEqual(await sessions.decide(question(2, "nemo")), { admitted: false, reason: "unavailable" });
});
