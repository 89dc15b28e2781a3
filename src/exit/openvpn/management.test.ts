import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { systemClock } from "../../lib/clock.ts";
import type { Admission, Authoriser, LoginAttempt, Refusal } from "../authorise.ts";
import { attachManagement, type ManagementLink } from "./management.ts";

/** OpenVPN's end of a management socket: what it was told, and a way to say things. */
class Engine {
  readonly path: string;
  said: string[] = [];
  clients = "";
  #server: Server;
  socket: Socket | undefined;

  constructor(path: string) {
    this.path = path;
    this.#server = createServer((socket) => {
      this.socket = socket;
      socket.on("error", () => {});
      socket.on("data", (bytes) => {
        for (const line of bytes.toString().split("\n").filter(Boolean)) {
          this.said.push(line);
          if (line === "status 2") socket.write(`${HEADER}${this.clients}END\r\n`);
        }
      });
    });
  }
  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(this.path, resolve));
  }
  say(text: string): void {
    this.socket!.write(text.replaceAll("\n", "\r\n"));
  }
  asks(kind: string, cid: number, username: string, password: string): void {
    this.say(
      `>CLIENT:${kind},${cid},1\n>CLIENT:ENV,username=${username}\n>CLIENT:ENV,password=${password}\n`,
    );
    this.say(">CLIENT:ENV,untrusted_ip=192.0.2.2\n>CLIENT:ENV,END\n");
  }
  close(): void {
    this.socket?.destroy();
    this.#server.close();
  }
}

const HEADER = "HEADER,CLIENT_LIST,Common Name,Real Address,Virtual Address,Username,Client ID\r\n";

/** Lets the names of `good` in with the password "right"; `cut` ends a name's sessions. */
class Door implements Authoriser {
  good = new Set(["member"]);
  refusal: Refusal = "unknown";
  attempts: LoginAttempt[] = [];
  readmitted: string[] = [];
  readmission: Refusal | undefined;
  open = 0;
  #cuts: (() => void)[] = [];

  #admit(): Admission {
    this.open++;
    let callback: (() => void) | undefined;
    let over = false;
    const close = (): void => {
      if (!over) this.open--;
      over = true;
    };
    this.#cuts.push(() => {
      if (over) return;
      close();
      callback?.();
    });
    const onCut = (run: () => void): void => {
      callback = run;
    };
    return { admitted: true, session: { close, onCut } };
  }
  async login(attempt: LoginAttempt): Promise<Admission> {
    this.attempts.push(attempt);
    const right = this.good.has(attempt.username) && attempt.password === "right";
    return right ? this.#admit() : { admitted: false, reason: this.refusal };
  }
  async readmit({ username }: { username: string }): Promise<Admission> {
    this.readmitted.push(username);
    if (this.readmission !== undefined) return { admitted: false, reason: this.readmission };
    return this.good.has(username) ? this.#admit() : { admitted: false, reason: "unknown" };
  }
  cut(): void {
    for (const cut of this.#cuts.splice(0)) cut();
  }
}

let folder: string;
let engine: Engine;
let door: Door;
let link: ManagementLink;

const until = async (condition: () => boolean): Promise<void> => {
  const endMs = performance.now() + 30_000;
  while (!condition()) {
    assert.ok(performance.now() < endMs, `waited in vain; said so far: ${engine.said.join(" | ")}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};
const told = (line: string): Promise<void> => until(() => engine.said.includes(line));

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "lethe-management-"));
  engine = new Engine(join(folder, "m.sock"));
  door = new Door();
  await engine.listen();
});
afterEach(() => {
  link.close();
  engine.close();
  rmSync(folder, { recursive: true });
});
const attach = async (graceMs = 50): Promise<void> => {
  link = attachManagement({
    path: engine.path,
    authoriser: door,
    clock: systemClock,
    log: () => {},
    graceMs,
  });
  await until(() => link.attached && engine.said.includes("status 2"));
};

test("a right password is let in, with the client's address passed to the authoriser", async () => {
  await attach();
  engine.asks("CONNECT", 3, "member", "right");
  await told("client-auth-nt 3 1");
  assert.deepEqual(door.attempts, [
    { service: "openvpn", username: "member", password: "right", address: "192.0.2.2" },
  ]);
  assert.equal(door.open, 1);
});

test("each refusal reaches the client in words", async () => {
  await attach();
  const words: [Refusal, string][] = [
    ["unknown", "Wrong VPN username or password"],
    ["expired", "Your paid time is over. Extend it in the member area"],
    ["too-many", "Too many sessions with this VPN username on this server. End one elsewhere"],
    ["slow-down", "TEMP[backoff 30]:Too many wrong passwords. Try again in a minute"],
    ["draining", "TEMP[backoff 30,advance remote]:This server takes no new logins. Choose another server"],
    [
      "unavailable",
      "TEMP[backoff 5]:This server cannot check logins now. Try again in a minute, or choose another server",
    ],
  ];
  for (const [index, [refusal, text]] of words.entries()) {
    door.refusal = refusal;
    engine.asks("CONNECT", index, "member", "wrong");
    await told(`client-deny ${index} 1 "refused" "${text}"`);
  }
  assert.equal(door.open, 0);
});

test("names and passwords with odd bytes reach the authoriser as they are, and no command", async () => {
  await attach();
  engine.asks("CONNECT", 1, 'x" "y\tclient-kill 9', "p".repeat(10_000));
  await told('client-deny 1 1 "refused" "Wrong VPN username or password"');
  assert.equal(door.attempts[0]?.username, 'x" "y\tclient-kill 9');
  assert.equal(door.attempts[0]?.password.length, 10_000);
  engine.asks("CONNECT", 2, "member", "p".repeat(100_000));
  await told('client-deny 2 1 "refused" "Wrong VPN username or password"');
  assert.equal(door.attempts.length, 1, "a password past every limit is not even asked about");
  assert.equal(link.refusedLines, 1);
  assert.ok(engine.said.every((line) => !line.startsWith("client-kill")));
});

test("a cut stops the client, and throws it out when it stays", async () => {
  await attach();
  engine.asks("CONNECT", 3, "member", "right");
  await told("client-auth-nt 3 1");
  door.cut();
  await told("client-kill 3 HALT");
  await told("kill member");
});

/** Long enough that on a busy machine what a client does comes before its end. */
const LONG_GRACE_MS = 1000;
const WELL_BEHIND_GRACE_MS = 1300;

test("a client that went by itself is not thrown out by its name", async () => {
  await attach(LONG_GRACE_MS);
  engine.asks("CONNECT", 3, "member", "right");
  await told("client-auth-nt 3 1");
  door.cut();
  await told("client-kill 3 HALT");
  engine.say(">CLIENT:DISCONNECT,3\n>CLIENT:ENV,bytes_sent=1\n>CLIENT:ENV,END\n");
  await new Promise((resolve) => setTimeout(resolve, WELL_BEHIND_GRACE_MS));
  assert.ok(!engine.said.includes("kill member"));
});

test("who comes again at once after a cut hears the refusal, and is not thrown out before", async () => {
  await attach(LONG_GRACE_MS);
  engine.asks("CONNECT", 3, "member", "right");
  await told("client-auth-nt 3 1");
  door.cut();
  await told("client-kill 3 HALT");
  engine.asks("CONNECT", 4, "member", "wrong");
  await told('client-deny 4 1 "refused" "Wrong VPN username or password"');
  await new Promise((resolve) => setTimeout(resolve, WELL_BEHIND_GRACE_MS));
  assert.ok(!engine.said.includes("kill member"));
});

test("a disconnect gives the session back", async () => {
  await attach();
  engine.asks("CONNECT", 3, "member", "right");
  await told("client-auth-nt 3 1");
  engine.say(">CLIENT:DISCONNECT,3\n>CLIENT:ENV,END\n");
  await until(() => door.open === 0);
});

test("a renewal of keys asks again: a clear no ends the client, a throttle does not", async () => {
  await attach();
  engine.asks("CONNECT", 3, "member", "right");
  await told("client-auth-nt 3 1");
  engine.said = [];
  door.refusal = "slow-down";
  engine.asks("REAUTH", 3, "member", "wrong");
  await told("client-auth-nt 3 1");
  engine.asks("REAUTH", 3, "member", "right");
  // Beside the second look at who is there, whenever that comes.
  await until(() => engine.said.filter((line) => line === "client-auth-nt 3 1").length === 2);
  assert.equal(door.open, 1, "the new session takes the old one's place");
  door.refusal = "expired";
  engine.asks("REAUTH", 3, "member", "wrong");
  await told("client-kill 3 HALT");
  assert.equal(door.open, 0);
});

test("clients that were there before are taken back by name or ended, and who waits is told to come again", async () => {
  door.good.add("other");
  engine.clients =
    "CLIENT_LIST,member,192.0.2.2:1,10.66.0.2,member,3\r\nCLIENT_LIST,gone,192.0.2.3:1,10.66.0.3,gone,4\r\nCLIENT_LIST,UNDEF,192.0.2.4:1,,UNDEF,5\r\n";
  await attach();
  await told("client-kill 4 HALT");
  await told("client-kill 5");
  assert.deepEqual(door.readmitted, ["member", "gone"]);
  assert.equal(door.open, 1);
  assert.ok(!engine.said.some((line) => line.startsWith("client-kill 3")));
  door.cut();
  await told("client-kill 3 HALT");
});

test("without a roster a client from before waits, and is asked about again", async () => {
  door.readmission = "unavailable";
  engine.clients = "CLIENT_LIST,member,192.0.2.2:1,10.66.0.2,member,3\r\n";
  await attach();
  await until(() => door.readmitted.length >= 2);
  door.readmission = undefined;
  await until(() => door.open === 1);
  assert.ok(!engine.said.some((line) => line.startsWith("client-kill")));
});

test("a lost engine gives all sessions back, and is connected to again", async () => {
  await attach();
  engine.asks("CONNECT", 3, "member", "right");
  await told("client-auth-nt 3 1");
  engine.said = [];
  engine.clients = "CLIENT_LIST,member,192.0.2.2:1,10.66.0.2,member,3\r\n";
  engine.socket!.destroy();
  await until(() => door.open === 0);
  await told("status 2");
  await until(() => door.open === 1);
  assert.deepEqual(door.readmitted, ["member"], "the same client id is asked about anew");
});

test("an admission that comes after the client has gone is given back", async () => {
  await attach();
  const held = Promise.withResolvers<void>();
  const login = door.login.bind(door);
  door.login = async (attempt) => {
    await held.promise;
    return login(attempt);
  };
  engine.asks("CONNECT", 3, "member", "right");
  engine.say(">CLIENT:DISCONNECT,3\n>CLIENT:ENV,END\n>CLIENT:ESTABLISHED,9\n>CLIENT:ENV,END\n");
  await new Promise((resolve) => setTimeout(resolve, 50));
  held.resolve();
  await until(() => door.attempts.length === 1 && door.open === 0);
  assert.ok(!engine.said.some((line) => line.startsWith("client-auth")));
});
