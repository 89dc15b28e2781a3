import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { encode, type Packet, streamEncode } from "dns-packet";
import { ForkedChild } from "../../lib/forked-child.ts";
import { freePorts } from "../../lib/testing.ts";
import { type CheckSeen, type CheckStart, readCheckSeen } from "./messages.ts";
import { newCheckToken } from "./tokens.ts";

const key = randomBytes(32);
const ZONE = "seen.example.net";
const seen: CheckSeen[] = [];
let child: ForkedChild;
let dnsPort: number;
let stunPort: number;

const query = (name: string): Buffer =>
  encode({ type: "query", id: 7, questions: [{ type: "A", class: "IN", name }] } as unknown as Packet);
const STUN = Buffer.from("000100002112a442b7e7a701bc34d686fa87dfae", "hex");

/** The answer to one datagram; undefined where none comes. */
async function ask(port: number, message: Buffer, waitMs = 2000): Promise<Buffer | undefined> {
  const socket = createSocket("udp4");
  try {
    socket.send(message, port, "127.0.0.1");
    const answer = once(socket, "message").then(([bytes]) => bytes as Buffer);
    return await Promise.race([answer, sleep(waitMs).then(() => undefined)]);
  } finally {
    socket.close();
  }
}
async function until<Value>(read: () => Value | undefined | Promise<Value | undefined>): Promise<Value> {
  for (const endMs = performance.now() + 30_000; performance.now() < endMs; await sleep(20)) {
    const value = await read();
    if (value !== undefined) return value;
  }
  throw new Error("did not come");
}

before(async () => {
  [dnsPort = 0, stunPort = 0] = await freePorts(2);
  const at = (port: number) => [{ address: "127.0.0.1", port }];
  const start: CheckStart = {
    type: "start",
    user: { uid: 65_534, gid: 65_534 },
    key: key.toString("base64"),
    dns: { name: ZONE, listen: at(dnsPort) },
    stun: at(stunPort),
  };
  child = new ForkedChild({
    module: fileURLToPath(new URL("main.ts", import.meta.url)),
    log: () => undefined,
    onStart: (each) => each.send(start),
    onMessage: (message) => {
      const word = readCheckSeen(message);
      if (word !== undefined) seen.push(word);
    },
  });
  child.start();
  await until(() => ask(stunPort, STUN, 100));
});
after(() => child.stop(2000));

test("whoever looks a page's name up is told of, by UDP and by TCP; made-up names are not", async () => {
  const [first, second] = [newCheckToken(key), newCheckToken(key)];
  assert.equal((await ask(dnsPort, query(`${"a".repeat(26)}.${ZONE}`)))![3]! & 15, 3);
  assert.equal((await ask(dnsPort, query(`${first}.${ZONE}`)))![3]! & 15, 0);
  const socket = connect(dnsPort, "127.0.0.1");
  const message = streamEncode({
    type: "query",
    id: 8,
    questions: [{ type: "AAAA", class: "IN", name: `${second}.${ZONE}` }],
  } as unknown as Packet);
  for (const byte of message) socket.write(Buffer.from([byte]));
  const [answer] = (await once(socket, "data")) as [Buffer];
  assert.equal(answer.readUInt16BE(0), answer.length - 2);
  socket.destroy();
  await until(() => seen[1]);
  assert.deepEqual(
    seen.map(({ token, address }) => [token, address]),
    [
      [first, "127.0.0.1"],
      [second, "127.0.0.1"],
    ],
  );
});

test("a flood of questions gets short answers that lead to TCP", async () => {
  const socket = createSocket("udp4");
  let [whole, brief] = [0, 0];
  socket.on("message", (bytes) => {
    if ((bytes[2]! & 2) === 0) whole += 1;
    else {
      brief += 1;
      assert.ok(bytes.length <= query(ZONE).length);
    }
  });
  await until(() => {
    for (let n = 0; n < 300; n++) socket.send(query(ZONE), dnsPort, "127.0.0.1");
    return brief > 0 || undefined;
  });
  socket.close();
  assert.ok(whole > 0);
});

test("it is nobody, and garbage neither ends it nor makes it grow", async () => {
  const status = () => readFileSync(`/proc/${child.pid}/status`, "utf8");
  if (process.getuid!() === 0) assert.match(status(), /^Uid:\t65534\t65534\t65534\t65534$/m);
  const residentMb = () => Number(/^VmRSS:\s+(\d+)/m.exec(status())?.[1]) / 1024;
  const pid = child.pid;
  const before = residentMb();
  const socket = createSocket("udp4");
  for (let n = 0; n < 100_000; n++) {
    const junk =
      n % 2 === 0 ? randomBytes(n % 60) : Buffer.concat([query("a.b").subarray(0, 12), randomBytes(20)]);
    socket.send(junk, n % 3 === 0 ? stunPort : dnsPort, "127.0.0.1");
    if (n % 500 === 0) await sleep(1);
  }
  socket.close();
  assert.ok(await until(() => ask(stunPort, STUN, 500)));
  assert.ok(await until(() => ask(dnsPort, query(ZONE), 500)));
  assert.equal(child.pid, pid);
  assert.ok(residentMb() < before + 60, `${before} → ${residentMb()} MB`);
});

test("a TCP client that sends nonsense, or nothing, is let go", async () => {
  const socket = connect(dnsPort, "127.0.0.1");
  socket.write(Buffer.from([0xff, 0xff, 1, 2, 3]));
  // A connection that the server resets is over, too.
  await new Promise((resolve) => socket.on("error", () => {}).once("close", resolve));
});
