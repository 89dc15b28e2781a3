import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CREDENTIALS } from "./credentials.ts";
import * as wire from "./wire.ts";

test("requests are read as they were written", () => {
  const hello = { protocol: 1, nonce: "bm9uY2U=", server: "a1", seen: 1_900_000_000_000 };
  assert.deepEqual(wire.decodeRequest(wire.encodeHello(hello)), { kind: "hello", hello });
  assert.deepEqual(wire.decodeRequest(wire.encodeNodesRequest("credentials")), {
    kind: "nodes",
    section: "credentials",
  });
  assert.deepEqual(wire.decodeRequest(wire.encodeLeavesRequest("credentials", [0, 63])), {
    kind: "leaves",
    section: "credentials",
    nodes: [0, 63],
  });
  assert.deepEqual(wire.decodeRequest(wire.encodeBucketsRequest("credentials", [0, 258, 4095])), {
    kind: "buckets",
    section: "credentials",
    buckets: [0, 258, 4095],
  });
});

test("requests for files and certificates are read as they were written", () => {
  assert.deepEqual(wire.decodeRequest(wire.encodeFileRequest(Buffer.alloc(32, 0xab), 0xffff_ffff)), {
    kind: "file",
    sha256: "ab".repeat(32),
    offset: 0xffff_ffff,
  });
  const request = "-----BEGIN CERTIFICATE REQUEST-----\nabc=\n";
  assert.deepEqual(wire.decodeRequest(wire.encodeCertificateRequest(request)), {
    kind: "certificate",
    request,
  });
  assert.equal(wire.decodeRequest(wire.encodeFileRequest(Buffer.alloc(31), 0)), undefined);
  assert.equal(wire.decodeRequest(wire.encodeCertificateRequest("")), undefined);
  assert.equal(wire.decodeRequest(wire.encodeCertificateRequest("a\u0000b")), undefined);
  assert.equal(wire.decodeRequest(wire.encodeCertificateRequest("a".repeat(8192))), undefined);
});

test("a request out of range is none", () => {
  assert.equal(wire.decodeRequest(wire.encodeLeavesRequest("credentials", [64])), undefined);
  assert.equal(wire.decodeRequest(wire.encodeBucketsRequest("credentials", [4096])), undefined);
  assert.equal(
    wire.decodeRequest(wire.encodeHello({ protocol: 1, nonce: "", server: "a1", seen: -1 })),
    undefined,
  );
});

test("a change is read as it was written, sections unknown to us among them", () => {
  const change: wire.Change = {
    header: Buffer.from("header"),
    previous: 1_900_000_000_001,
    sections: [
      { section: "wireguard", operations: Buffer.from("whatever") },
      { section: "credentials", operations: Buffer.concat([wire.operation(wire.DELETE, new Uint8Array(8))]) },
    ],
  };
  const read = wire.decodeChange(wire.encodeChange(change).subarray(1));
  assert.deepEqual(JSON.stringify(read), JSON.stringify(change));
});

test("no bytes whatever make a reader throw", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc
      .tuple(fc.constantFrom(1, 2, 3, 4, 5, 6), fc.uint8Array({ maxLength: 60 }))
      .map(([kind, rest]) => Uint8Array.of(kind, 11, ...Buffer.from("credentials"), ...rest)),
  );
  fc.assert(
    fc.property(bytes, (message) => {
      wire.decodeRequest(message);
      wire.decodeChange(message);
      wire.readBlocks(message);
      wire.readOperations(message, CREDENTIALS);
    }),
    { numRuns: 500 },
  );
});
