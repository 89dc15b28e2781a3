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

test("a token is told from one that was made up, in any mixture of cases", () => {
  const [key, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const token = newCheckToken(key);
  assert.match(token, /^[a-z2-7]{26}$/);
  assert.equal(readCheckToken(key, token.toUpperCase()), token);
  assert.equal(readCheckToken(other, token), undefined);
  for (const wrong of ["", "a".repeat(26), `${token}a`, token.slice(1), `${token}.a`])
    assert.equal(readCheckToken(key, wrong), undefined);
});
