import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { after, before, beforeEach, describe, it } from "node:test";
import { FakeClock } from "../../lib/clock.ts";
import { formatIp, parseIp } from "../../lib/ip.ts";
import { createResolver } from "./resolve.ts";

/** What the DNS server of these tests knows: addresses, or an RCODE (RFC 1035 section 4.1.1), or silence. */
type Knowledge = Record<string, { addresses?: string[]; ttl?: number; rcode?: number; silentFor?: 1 | 28 }>;

const A = 1;
const AAAA = 28;

describe("createResolver", { timeout: 300_000 }, () => {
  const server = createSocket("udp4");
  const known: Knowledge = {
    "both.example": { addresses: ["192.0.2.1", "192.0.2.2", "2001:db8::1"], ttl: 30 },
    "four.example": { addresses: ["192.0.2.1"], ttl: 3600 },
    "six.example": { addresses: ["2001:db8::1"], ttl: 30 },
    "zero.example": { addresses: ["192.0.2.1"], ttl: 0 },
    "half.example": { addresses: ["192.0.2.1", "2001:db8::1"], ttl: 30, silentFor: AAAA },
    "broken.example": { rcode: 2 },
    "localhost.example": { addresses: ["127.0.0.1"], ttl: 30 },
  };
  let asked: string[] = [];
  let servers: string[];

  before(async () => {
    server.on("message", (query, from) => {
      const labels: string[] = [];
      let at = 12;
      for (let length = query[at]!; length > 0; length = query[at]!) {
        labels.push(query.toString("latin1", at + 1, at + 1 + length));
        at += 1 + length;
      }
      const name = labels.join(".").toLowerCase();
      const type = query.readUInt16BE(at + 1);
      asked.push(`${name} ${type === A ? "A" : type === AAAA ? "AAAA" : type}`);
      const { addresses = [], ttl = 0, rcode, silentFor } = known[name] ?? { rcode: 3 };
      if (silentFor === type) return;
      const found = addresses
        .map((text) => parseIp(text)!)
        .filter((ip) => ip.length === (type === A ? 4 : 16));
      const header = Buffer.from(query.subarray(0, 12));
      header.writeUInt16BE(0x8180 | (rcode ?? 0), 2);
      header.writeUInt16BE(found.length, 6);
      header.writeUInt16BE(0, 8);
      header.writeUInt16BE(0, 10);
      const records = found.map((ip) => {
        const record = Buffer.alloc(12);
        record.writeUInt16BE(0xc00c, 0);
        record.writeUInt16BE(type, 2);
        record.writeUInt16BE(1, 4);
        record.writeUInt32BE(ttl, 6);
        record.writeUInt16BE(ip.length, 10);
        return Buffer.concat([record, ip]);
      });
      server.send(Buffer.concat([header, query.subarray(12, at + 5), ...records]), from.port, from.address);
    });
    server.bind(0, "127.0.0.1");
    await once(server, "listening");
    servers = [`127.0.0.1:${server.address().port}`];
  });
  after(() => server.close());
  beforeEach(() => {
    asked = [];
  });

  const addressesOf = async (
    name: string,
    options: { usesIpv6?: boolean; resolve?: ReturnType<typeof createResolver> } = {},
  ) => {
    const resolve = options.resolve ?? createResolver({ servers, usesIpv6: () => options.usesIpv6 ?? true });
    const resolution = await resolve(name);
    return resolution.ok ? resolution.addresses.map(formatIp) : resolution.reason;
  };

  it("gives every address of both families, in turns, IPv6 first", async () => {
    assert.deepEqual(await addressesOf("both.example"), ["2001:db8::1", "192.0.2.1", "192.0.2.2"]);
    assert.deepEqual(asked.toSorted(), ["both.example A", "both.example AAAA"]);
    assert.deepEqual(await addressesOf("four.example"), ["192.0.2.1"]);
    assert.deepEqual(await addressesOf("six.example"), ["2001:db8::1"]);
  });

  it("asks for IPv6 only where there is a route for it", async () => {
    assert.deepEqual(await addressesOf("both.example", { usesIpv6: false }), ["192.0.2.1", "192.0.2.2"]);
    assert.equal(await addressesOf("six.example", { usesIpv6: false }), "no-such-name");
    assert.deepEqual(asked, ["both.example A", "six.example A"]);
  });

  it("tells a name that is not there from one that cannot be looked up", async () => {
    assert.equal(await addressesOf("nowhere.example"), "no-such-name");
    assert.equal(await addressesOf("broken.example"), "unavailable");
  });

  it("does not wait long for the other family", async () => {
    const started = performance.now();
    assert.deepEqual(await addressesOf("half.example"), ["192.0.2.1"]);
    // A quarter of a second; the question itself is given up after its second try, of two seconds or more each.
    const tookMs = performance.now() - started;
    assert.ok(tookMs < 3900, `${tookMs} ms`);
  });

  it("keeps an answer for its time to live, at most a minute, and asks once for many", async () => {
    const clock = new FakeClock();
    const resolve = createResolver({ servers, clock, usesIpv6: () => false });
    const ask = async (name: string): Promise<number> => {
      asked = [];
      await Promise.all(Array.from({ length: 5 }, () => addressesOf(name, { resolve })));
      return asked.length;
    };
    assert.equal(await ask("both.example"), 1);
    clock.advance(29_999);
    assert.equal(await ask("both.example"), 0);
    clock.advance(1);
    assert.equal(await ask("both.example"), 1);
    assert.equal(await ask("four.example"), 1);
    clock.advance(59_999);
    assert.equal(await ask("four.example"), 0);
    clock.advance(1);
    assert.equal(await ask("four.example"), 1);
    assert.equal(await ask("zero.example"), 1);
    assert.equal(await ask("zero.example"), 1);
  });
});
