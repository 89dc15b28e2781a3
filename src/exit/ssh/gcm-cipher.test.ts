import assert from "node:assert/strict";
import { type CipherGCMTypes, createDecipheriv, createSecretKey, KeyObject, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { Writable } from "node:stream";
import { describe, it } from "node:test";
import fc from "fast-check";
import ssh2 from "ssh2";
import { GcmCipher, quicken } from "./gcm-cipher.ts";
import { keys, readAll, startSsh, TestClient } from "./testing.ts";

/** A cipher, and all that it has sent. */
function cipherOf(key: Buffer, nonce: Buffer, name: CipherGCMTypes = "aes-256-gcm") {
  const sent: Buffer[] = [];
  const socket = new Writable({
    write(chunk: Buffer, _encoding, done) {
      // A copy: what is large is given back once it is taken.
      sent.push(Buffer.from(chunk));
      done();
    },
  });
  const cipher = new GcmCipher(
    { _encSSLName: name, _encKey: key, _encIV: Buffer.from(nonce), outSeqno: 3 },
    socket as unknown as Socket,
  );
  return { cipher, socket, sent: () => Buffer.concat(sent.splice(0)) };
}

/** What a packet says, by RFC 5647 section 7.2 and PROTOCOL section 1.6. Throws where its tag is wrong. */
function open(packet: Buffer, key: Buffer, nonce: Buffer, name: CipherGCMTypes = "aes-256-gcm"): Buffer {
  const length = packet.readUInt32BE(0);
  assert.equal(packet.length, 4 + length + 16);
  assert.equal(length % 16, 0);
  const decipher = createDecipheriv(name, createSecretKey(key), nonce);
  decipher.setAAD(packet.subarray(0, 4)).setAuthTag(packet.subarray(-16));
  const text = Buffer.concat([decipher.update(packet.subarray(4, -16)), decipher.final()]);
  const padding = text[0]!;
  assert.ok(padding >= 4 && padding < 20, `${padding} bytes of padding`);
  return text.subarray(1, -padding);
}

describe("the packets of SSH with AES-GCM", () => {
  it("say what was put in, at every size, each under the nonce after the last", () => {
    fc.assert(
      fc.property(
        fc.constantFrom<CipherGCMTypes>("aes-128-gcm", "aes-256-gcm"),
        fc.array(
          fc.oneof(
            fc.nat(40),
            fc.integer({ min: 1900, max: 2100 }),
            fc.integer({ min: 32_000, max: 40_000 }),
          ),
          {
            minLength: 1,
            maxLength: 5,
          },
        ),
        (name, sizes) => {
          const [key, nonce] = [randomBytes(name === "aes-128-gcm" ? 16 : 32), randomBytes(12)];
          const { cipher, sent } = cipherOf(key, nonce, name);
          for (const [index, size] of sizes.entries()) {
            const payload = randomBytes(size);
            const packet = cipher.allocPacket(size);
            payload.copy(packet, 5);
            cipher.encrypt(packet);
            assert.ok(payload.equals(open(sent(), key, nonce, name)));
            assert.equal(cipher.outSeqno, 4 + index);
            nonce.writeBigUInt64BE(BigInt.asUintN(64, nonce.readBigUInt64BE(4) + 1n), 4);
          }
        },
      ),
      { numRuns: Number(process.env.FC_RUNS ?? 100) },
    );
  });

  it("count in the nonce's last eight bytes alone", () => {
    const key = randomBytes(32);
    const { cipher, sent } = cipherOf(key, Buffer.from("01020304ffffffffffffffff", "hex"));
    cipher.encrypt(cipher.allocPacket(1));
    sent();
    cipher.encrypt(cipher.allocPacket(1));
    open(sent(), key, Buffer.from("010203040000000000000000", "hex"));
  });

  it("do not overwrite one another, were two begun before one is sent", () => {
    const [key, nonce] = [randomBytes(32), Buffer.alloc(12)];
    const [one, other] = [cipherOf(key, nonce), cipherOf(key, nonce)];
    const [first, second] = [one.cipher.allocPacket(5), other.cipher.allocPacket(5)];
    first.write("first", 5);
    second.write("other", 5);
    one.cipher.encrypt(first);
    other.cipher.encrypt(second);
    assert.equal(String(open(one.sent(), key, nonce)), "first");
    assert.equal(String(open(other.sent(), key, nonce)), "other");
  });

  it("are not sent once the keys are given up, nor to a socket that has ended", () => {
    const { cipher, socket, sent } = cipherOf(randomBytes(32), Buffer.alloc(12));
    socket.end();
    cipher.encrypt(cipher.allocPacket(5));
    assert.equal(sent().length, 0);
    const other = cipherOf(randomBytes(32), Buffer.alloc(12));
    other.cipher.free();
    other.cipher.encrypt(other.cipher.allocPacket(5));
    assert.equal(other.sent().length, 0);
  });
});

describe("an SSH connection's ciphers", { timeout: 300_000 }, () => {
  const GCM = ["aes256-gcm@openssh.com", "aes128-gcm@openssh.com"] as const;
  const CTR = ["aes256-ctr", "aes192-ctr", "aes128-ctr"] as const;

  /** What `quicken` makes of a connection of `ssh2`'s, as it is. */
  async function quickened(cipher: (typeof GCM | typeof CTR)[number]) {
    const found = Promise.withResolvers<{ _cipher: object; _decipher: object }>();
    const server = new ssh2.Server(
      { hostKeys: [...keys.private], algorithms: { cipher: [cipher] } },
      (client) => {
        client.on("error", () => {});
        client.once("handshake", () => {
          quicken(client);
          found.resolve((client as unknown as { _protocol: Awaited<typeof found.promise> })._protocol);
        });
      },
    ).listen(0, "127.0.0.1");
    await once(server as never, "listening");
    const client = new TestClient((server.address() as { port: number }).port, {
      algorithms: { cipher: [cipher] },
    });
    const protocol = await found.promise;
    client.close();
    server.close();
    return protocol;
  }

  for (const cipher of [...GCM, ...CTR])
    it(`have no raw key left that Node looks at for each packet: ${cipher}`, async () => {
      const { _cipher, _decipher } = await quickened(cipher);
      const gcm = cipher.includes("gcm");
      assert.equal(_cipher instanceof GcmCipher, gcm);
      const { _decipherKey, _macKey } = _decipher as Record<string, unknown>;
      assert.ok((gcm ? _decipherKey : _macKey) instanceof KeyObject);
      if (!gcm) assert.ok((_cipher as { _macKey?: unknown })._macKey instanceof KeyObject);
    });

  for (const cipher of [...GCM, ...CTR])
    it(`carry much both ways, through exchanges of keys: ${cipher}`, async (t) => {
      const echo = createServer((socket) => socket.pipe(socket)).listen(0, "127.0.0.1");
      await once(echo, "listening");
      const ssh = await startSsh();
      const own = t.mock.method(GcmCipher.prototype, "encrypt").mock;
      const client = await TestClient.ready(ssh.port, { algorithms: { cipher: [cipher] } });
      t.after(() => {
        client.close();
        ssh.close();
        echo.close();
      });
      const channel = await client.tunnel("127.0.0.1", (echo.address() as { port: number }).port);
      const bytes = randomBytes(4_000_000);
      const back = readAll(channel);
      const { _protocol } = client.client as unknown as { _protocol: { rekey(): void } };
      let exchanges = 0;
      client.client.on("handshake", () => {
        exchanges += 1;
        if (exchanges < 5) _protocol.rekey();
      });
      _protocol.rekey();
      channel.end(bytes);
      assert.ok(bytes.equals(await back));
      assert.ok(exchanges >= 2);
      assert.equal(own.callCount() > 0, cipher.includes("gcm"));
    });
});
