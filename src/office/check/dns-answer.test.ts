import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, encode, type Packet } from "dns-packet";
import fc from "fast-check";
import { answerDns } from "./dns-answer.ts";
import { newCheckToken, readCheckToken } from "./tokens.ts";

const ZONE = "seen.example.net";
const query = (name: string, type = "A", more: object = {}): Buffer =>
  encode({
    type: "query",
    id: 4711,
    flags: 0x0100,
    questions: [{ type, class: "IN", name }],
    ...more,
  } as unknown as Packet);
function ask(message: Uint8Array, known: (label: string) => boolean = () => true) {
  const asked: string[] = [];
  const bytes = answerDns(message, ZONE, (label) => {
    asked.push(label);
    return known(label);
  });
  return { asked, bytes, answer: bytes && (decode(bytes) as unknown as Packet & { rcode: string }) };
}

test("a name of the zone is there and has no address, and whoever asked is noted", () => {
  for (const type of ["A", "AAAA", "HTTPS", "TXT"]) {
    const { asked, answer } = ask(query(`ToKen.Seen.example.NET`, type));
    assert.deepEqual(asked, ["token"]);
    assert.equal(answer?.rcode, "NOERROR");
    assert.equal(answer?.id, 4711);
    assert.ok(answer.flags! & 0x0400, "with authority");
    assert.deepEqual(answer.answers, []);
    assert.equal(answer.questions?.[0]?.name, "ToKen.Seen.example.NET", "as it was asked");
    assert.equal(answer.authorities?.[0]?.type, "SOA");
  }
});

test("what nobody issued does not exist, and other zones are refused", () => {
  assert.equal(ask(query(`x.${ZONE}`), () => false).answer?.rcode, "NXDOMAIN");
  assert.equal(ask(query("example.org")).answer?.rcode, "REFUSED");
  assert.equal(ask(query(`not${ZONE}`)).answer?.rcode, "REFUSED");
  assert.deepEqual(ask(query("example.org")).asked, []);
  const soa = ask(query(ZONE, "SOA")).answer;
  assert.equal(soa?.answers?.[0]?.type, "SOA");
  assert.equal(ask(query(ZONE, "NS")).answer?.rcode, "NOERROR");
});

test("EDNS is answered with EDNS, and only then", () => {
  const additionals = [{ type: "OPT", name: ".", udpPayloadSize: 4096, flags: 0, options: [] }];
  assert.equal(ask(query(`a.${ZONE}`, "A", { additionals })).answer?.additionals?.[0]?.type, "OPT");
  assert.deepEqual(ask(query(`a.${ZONE}`)).answer?.additionals, []);
});

test("an answer is never answered; what is not understood is told so", () => {
  const response = query(`a.${ZONE}`);
  response.writeUInt16BE(0x8000, 2);
  assert.equal(ask(response).bytes, undefined);
  assert.equal(ask(Buffer.alloc(11)).bytes, undefined);
  const update = query(`a.${ZONE}`);
  update.writeUInt16BE(5 << 11, 2);
  assert.equal(ask(update).answer?.rcode, "NOTIMP");
  const cut = query(`a.${ZONE}`).subarray(0, 20);
  assert.equal(ask(cut).answer?.rcode, "FORMERR");
});

test("no datagram breaks it, and no answer is much longer than its question", () => {
  const tail = fc.uint8Array({ maxLength: 100 });
  const almost = tail.map((bytes) => Buffer.concat([query(`a.${ZONE}`).subarray(0, 12), bytes]));
  fc.assert(
    fc.property(fc.oneof(tail, almost), (bytes) => {
      const { bytes: answer } = ask(bytes);
      assert.ok(answer === undefined || answer.length <= bytes.length + 150);
    }),
    { numRuns: 2000 },
  );
});

/** One record whose data is a chain of compressed names, each leading to the one before it, and as many records as fit that begin at its end. */
function chainOfNames(): Buffer {
  const header = Buffer.from([1, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  const record = (name: Buffer, data: Buffer): Buffer => {
    const fields = Buffer.from([255, 0, 0, 1, 0, 0, 0, 0, data.length >> 8, data.length & 255]);
    return Buffer.concat([name, fields, data]);
  };
  const [links, chainAt] = [7000, 17 + 11];
  const chain = Buffer.alloc(links * 2);
  for (let link = 0; link < links; link++)
    chain.writeUInt16BE(0xc000 | (link === 0 ? 12 : chainAt + 2 * (link - 1)), 2 * link);
  const end = Buffer.alloc(2);
  end.writeUInt16BE(0xc000 | (chainAt + 2 * (links - 1)));
  const many = Array.from({ length: 4000 }, () => record(end, Buffer.alloc(0)));
  header.writeUInt16BE(many.length + 1, 6);
  return Buffer.concat([header, Buffer.from([0, 0, 1, 0, 1]), record(Buffer.of(0), chain), ...many]);
}

test("a datagram that would take long to read is not read", () => {
  const message = chainOfNames();
  const before = process.threadCpuUsage();
  for (let n = 0; n < 20; n++) assert.equal(ask(message).answer?.rcode, "FORMERR");
  const { user } = process.threadCpuUsage(before);
  assert.ok(user < 1_000_000, `20 of them, 0.2 s each when they were read: ${user} µs of CPU`);
  const padded = Buffer.concat([query(`a.${ZONE}`), Buffer.alloc(500)]);
  assert.equal(ask(padded).answer?.rcode, "FORMERR");
});

test("who is told to come by TCP gets no more bytes than he has sent, and is not noted", () => {
  const question = query(`token.${ZONE}`);
  const noted: string[] = [];
  const told = answerDns(question, ZONE, (label) => noted.push(label) > 0, { brief: true })!;
  const answer = decode(told);
  assert.ok(answer.flags! & 0x0200, "truncated");
  assert.equal(answer.id, 4711);
  assert.equal(answer.questions?.[0]?.name, `token.${ZONE}`);
  assert.ok(told.length <= question.length);
  assert.deepEqual(noted, []);
});

test("a token is told from one that was made up, in any mixture of cases", () => {
  const [key, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const token = newCheckToken(key);
  assert.match(token, /^[a-z2-7]{26}$/);
  assert.equal(readCheckToken(key, token.toUpperCase()), token);
  assert.equal(readCheckToken(other, token), undefined);
  for (const wrong of ["", "a".repeat(26), `${token}a`, token.slice(1), `${token}.a`])
    assert.equal(readCheckToken(key, wrong), undefined);
});
