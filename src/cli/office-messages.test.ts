import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { OfficeMessage } from "../office/messages.ts";
import { readOfficeMessage } from "./office-messages.ts";

const sitePublicKey = Buffer.alloc(32, 7).toString("base64");
const ready: OfficeMessage = { type: "ready", url: "http://127.0.0.1:8080", sitePublicKey };

describe("what root takes from the office", () => {
  it("is what the office says", () => {
    const certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    const messages: OfficeMessage[] = [
      ready,
      { ...ready, url: "https://[2001:db8::1]:8443", authority: certificate },
      { type: "failed", sentence: "The database cannot be written: the disk is full." },
      { type: "voucher", code: "abcde-fghij-klmno-pqrst" },
      { type: "voucher" },
    ];
    for (const message of messages) assert.deepEqual(readOfficeMessage(message), message);
  });

  it("is nothing that would end the supervisor", () => {
    for (const message of [
      null,
      0,
      "ready",
      [],
      {},
      { type: "ready" },
      { type: "other" },
      { ...ready, url: 5 },
    ])
      assert.equal(readOfficeMessage(message), undefined);
  });

  it("is nothing that a terminal would obey", () => {
    for (const odd of ["\x1b]0;title\x07", "\x9b2J", "line\nline", "\u202eright to left"]) {
      assert.equal(readOfficeMessage({ ...ready, url: `http://127.0.0.1:8080/${odd}` }), undefined);
      assert.equal(readOfficeMessage({ type: "failed", sentence: odd }), undefined);
      assert.equal(readOfficeMessage({ type: "voucher", code: odd }), undefined);
    }
  });

  it("is no other key than one that rosters can be signed with", () => {
    for (const key of ["", "AAAA", Buffer.alloc(33).toString("base64"), "not base64"])
      assert.equal(readOfficeMessage({ ...ready, sitePublicKey: key }), undefined);
  });
});
