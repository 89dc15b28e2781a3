import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { CertificateFiles } from "./files.ts";
import type { Pair } from "./pair.ts";

describe("certificate files that somebody else renews", () => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-files-"));
  const at = (name: string) => join(folder, name);
  after(() => rmSync(folder, { recursive: true }));

  it("are read at the start and again whenever one of them changes, links to others too", () => {
    const heard: (Pair | undefined)[] = [];
    writeFileSync(at("one.crt"), "certificate 1");
    writeFileSync(at("two.crt"), "certificate 2");
    writeFileSync(at("key"), "key 1");
    symlinkSync(at("one.crt"), at("live.crt"));
    const files = new CertificateFiles({
      certificate: at("live.crt"),
      key: at("key"),
      onPair: (pair) => heard.push(pair),
    });
    files.look();
    files.look();
    assert.deepEqual(heard, [{ certificate: "certificate 1", key: "key 1" }]);
    // As certbot does it: the link is turned.
    symlinkSync(at("two.crt"), at("next"));
    renameSync(at("next"), at("live.crt"));
    files.look();
    assert.deepEqual(heard.at(-1), { certificate: "certificate 2", key: "key 1" });
    writeFileSync(at("key"), "a longer key 2");
    files.look();
    files.look();
    assert.deepEqual(heard.at(-1), { certificate: "certificate 2", key: "a longer key 2" });
    assert.equal(heard.length, 3);
  });

  it("that are gone or no certificate by their size are told as such", () => {
    const heard: (Pair | undefined)[] = [];
    const files = (certificate: string) =>
      new CertificateFiles({ certificate, key: at("key"), onPair: (pair) => heard.push(pair) });
    files(at("missing")).look();
    files(folder).look();
    writeFileSync(at("huge"), "x".repeat(200_000));
    files(at("huge")).look();
    assert.deepEqual(heard, [undefined, undefined, undefined]);
  });
});
