import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { beforeEach, test } from "node:test";
import { ntHash } from "../../lib/nt-hash.ts";
import { challengeHash, challengeResponse, provedBy } from "./mschapv2.ts";
import { ATTRIBUTE, CODE } from "./radius.ts";
import { type Ikev2Question, type Ikev2Verdict, RadiusServer } from "./radius-server.ts";

const SECRET = "a secret between the two";
const HASH = ntHash("right");

let asked: Ikev2Question[];
let verdict: (question: Ikev2Question) => Ikev2Verdict;
let nowMs: number;
let server: RadiusServer;
beforeEach(() => {
  asked = [];
  nowMs = 0;
  verdict = (question) => {
    const proof = provedBy(HASH, question);
    return proof === undefined ? { admitted: false, reason: "unknown" } : { admitted: true, proof };
  };
  server = new RadiusServer({
    secret: SECRET,
    nowMs: () => nowMs,
    ask: async (question) => {
      asked.push(question);
      return verdict(question);
    },
  });
});

interface Answer {
  code: number;
  state: Buffer | undefined;
  eap: Buffer;
}

async function send(eap: Buffer, state?: Buffer, ikeId = 5): Promise<Answer> {
  const answer = await server.take(packetOf(eap, state, ikeId));
  assert.ok(answer !== undefined);
  const found: Answer = { code: answer[0]!, state: undefined, eap: Buffer.alloc(0) };
  for (let at = 20; at < answer.length; at += answer[at + 1]!) {
    const value = answer.subarray(at + 2, at + answer[at + 1]!);
    if (answer[at] === ATTRIBUTE.state) found.state = value;
    if (answer[at] === ATTRIBUTE.eapMessage) found.eap = Buffer.concat([found.eap, value]);
  }
  return found;
}

function packetOf(eap: Buffer, state: Buffer | undefined, ikeId: number): Buffer {
  const number = Buffer.alloc(4);
  number.writeUInt32BE(ikeId);
  const attributes: [number, Buffer][] = [
    [ATTRIBUTE.nasPort, number],
    [ATTRIBUTE.callingStation, Buffer.from("192.0.2.7[4500]")],
    [ATTRIBUTE.eapMessage, eap],
    ...(state === undefined ? [] : [[ATTRIBUTE.state, state] as [number, Buffer]]),
    [ATTRIBUTE.messageAuthenticator, Buffer.alloc(16)],
  ];
  const body = attributes.map(([type, value]) =>
    Buffer.concat([Buffer.from([type, value.length + 2]), value]),
  );
  const packet = Buffer.concat([Buffer.from([CODE.request, 1, 0, 0]), randomBytes(16), ...body]);
  packet.writeUInt16BE(packet.length, 2);
  createHmac("md5", SECRET)
    .update(packet)
    .digest()
    .copy(packet, packet.length - 16);
  return packet;
}

const eap = (identifier: number, type: number, data: Uint8Array | readonly number[] | string): Buffer => {
  const bytes = Buffer.concat([Buffer.from([2, identifier, 0, 0, type]), Buffer.from(data as Uint8Array)]);
  bytes.writeUInt16BE(bytes.length, 2);
  return bytes;
};
const identity = (name: string): Buffer => eap(0, 1, name);

function answerTo(challenge: Buffer, name: string, password = "right"): Buffer {
  const authenticatorChallenge = challenge.subarray(10, 26);
  const peerChallenge = randomBytes(16);
  const username = name.slice(name.lastIndexOf("\\") + 1);
  const hashed = challengeHash({ authenticatorChallenge, peerChallenge, username });
  const data = Buffer.concat([
    Buffer.from([2, challenge[6]!, 0, 0, 49]),
    peerChallenge,
    Buffer.alloc(8),
    challengeResponse(hashed, ntHash(password)),
    Buffer.from([0]),
    Buffer.from(name),
  ]);
  data.writeUInt16BE(data.length, 2);
  return eap(challenge[1]!, 26, data);
}

test("a right answer is proved back, acknowledged, and accepted with keys", async () => {
  const first = await send(identity("nemo"));
  assert.equal(first.code, CODE.challenge);
  const second = await send(answerTo(first.eap, "nemo"), first.state);
  assert.equal(second.code, CODE.challenge);
  assert.match(second.eap.subarray(9).toString(), /^S=[0-9A-F]{40} M=/);
  const third = await send(eap(second.eap[1]!, 26, [3]), second.state);
  assert.equal(third.code, CODE.accept);
  assert.equal(third.eap[0], 3);
  assert.equal(server.size, 0);
  assert.deepEqual([asked[0]!.username, asked[0]!.ikeId, asked[0]!.address], ["nemo", 5, "192.0.2.7"]);
});

test("a domain in front of the name is no part of it", async () => {
  const first = await send(identity("PC\\Nemo"));
  const second = await send(answerTo(first.eap, "PC\\Nemo"), first.state);
  assert.match(second.eap.subarray(9).toString(), /^S=/);
});

test("each refusal has a number that clients know and words for a person", async () => {
  const codes = {
    unknown: 691,
    "slow-down": 691,
    expired: 647,
    "too-many": 649,
    draining: 649,
    unavailable: 649,
  };
  for (const [reason, code] of Object.entries(codes)) {
    verdict = () => ({ admitted: false, reason: reason as keyof typeof codes });
    const first = await send(identity("nemo"));
    const second = await send(answerTo(first.eap, "nemo"), first.state);
    assert.equal(second.code, CODE.challenge);
    assert.match(second.eap.subarray(9).toString(), new RegExp(`^E=${code} R=0 C=[0-9A-F]{32} V=3 M=\\w`));
    const third = await send(eap(second.eap[1]!, 26, [4]), second.state);
    assert.deepEqual([third.code, third.eap[0]], [CODE.reject, 4]);
  }
  assert.equal(server.size, 0);
});

test("a wrong password is told to the keeper's judgement and refused", async () => {
  const first = await send(identity("nemo"));
  const second = await send(answerTo(first.eap, "nemo", "wrong"), first.state);
  assert.match(second.eap.subarray(9).toString(), /^E=691/);
  assert.equal(asked.length, 1);
});

test("who answers for another name than the identity is refused, and nobody is asked", async () => {
  const first = await send(identity("mallory"));
  const second = await send(answerTo(first.eap, "nemo"), first.state);
  assert.match(second.eap.subarray(9).toString(), /^E=691/);
  assert.equal(asked.length, 0);
});

test("what comes out of order is refused, and ends the conversation", async () => {
  const rejected = async (answer: Promise<Answer>): Promise<void> =>
    assert.equal((await answer).code, CODE.reject);
  // A success of one who has proved nothing; an answer before the challenge; another method; another number.
  const wrong: ((first: Answer) => Promise<Answer>)[] = [
    (first) => send(eap(first.eap[1]!, 26, [3]), first.state),
    (first) => send(eap(first.eap[1]!, 26, [4]), first.state),
    (first) => send(answerTo(first.eap, "nemo")),
    (first) => send(eap(first.eap[1]!, 3, [13]), first.state),
    (first) => send(eap(first.eap[1]! + 1, 26, [3]), first.state),
    (first) => send(answerTo(first.eap, "nemo"), first.state, 6),
    (first) => send(answerTo(first.eap, "nemo"), randomBytes(16)),
    (first) => send(Buffer.from([2, first.eap[1]!, 0, 200, 26]), first.state),
    (first) => send(identity("nemo"), first.state),
  ];
  for (const step of wrong) {
    const first = await send(identity("nemo"));
    await rejected(step(first));
  }
  assert.equal(asked.length, 0);
});

test("after a refusal no success is taken, and a proof is good for one acceptance", async () => {
  verdict = () => ({ admitted: false, reason: "expired" });
  const first = await send(identity("nemo"));
  const second = await send(answerTo(first.eap, "nemo"), first.state);
  assert.equal((await send(eap(second.eap[1]!, 26, [3]), second.state)).code, CODE.reject);
  assert.equal((await send(eap(second.eap[1]!, 26, [3]), second.state)).code, CODE.reject);
});

test("a request that is sent again gets the same answer, and asks nobody anew", async () => {
  const first = await send(identity("nemo"));
  const packet = packetOf(answerTo(first.eap, "nemo"), first.state, 5);
  const [one, other] = await Promise.all([server.take(packet), server.take(packet)]);
  assert.deepEqual(one, other);
  assert.equal(asked.length, 1);
});

test("what is not signed gets no answer", async () => {
  const packet = packetOf(identity("nemo"), undefined, 5);
  packet[30]! ^= 1;
  assert.equal(await server.take(packet), undefined);
  assert.equal(await server.take(randomBytes(100)), undefined);
  assert.equal(server.size, 0);
});

test("logins that are never finished are forgotten after a minute", async () => {
  for (let index = 0; index < 100; index++) await send(identity("nemo"));
  assert.equal(server.size, 100);
  nowMs = 61_000;
  await send(identity("nemo"));
  assert.equal(server.size, 1);
});
