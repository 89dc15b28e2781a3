import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, test } from "node:test";
import { patternsOf, Search } from "./search.ts";

const name = "Canary.Bird-7+ü";
const planted: [string, string | Buffer][] = [
  ["plain", `x${name}y`],
  ["lower case", `x${name.toLowerCase()}y`],
  ["upper case", `x${name.toUpperCase()}y`],
  ["hex", Buffer.from(name).toString("hex")],
  ["upper case hex", Buffer.from(name).toString("hex").toUpperCase()],
  ["base64 at alignment 0", Buffer.from(`abc${name}defg`).toString("base64")],
  ["base64 at alignment 1", Buffer.from(`abcd${name}efg`).toString("base64")],
  ["base64 at alignment 2", Buffer.from(`ab${name}`).toString("base64")],
  ["base64url", Buffer.from(`abcd${name}efg`).toString("base64url")],
  ["URL-encoded", encodeURIComponent(name)],
  ["URL-encoded throughout", "%43%61%6e%61%72%79%2e%42%69%72%64%2d%37%2b%c3%bc"],
  ["UTF-16LE", Buffer.from(`q${name}q`, "utf16le")],
];
const address = "203.0.113.77";
const plantedAddress: [string, string | Buffer][] = [
  ["plain", `from ${address}:443`],
  ["packed", Buffer.from([1, 203, 0, 113, 77, 2])],
  ["packed in the other byte order", Buffer.from([1, 77, 113, 0, 203, 2])],
  ["packed, as /proc/net/tcp writes it", "4D7100CB:01BB"],
  ["UTF-16LE", Buffer.from(address, "utf16le")],
  ["base64", Buffer.from(`ip=${address};`).toString("base64")],
];
const address6 = "2001:db8:77::12";
const plantedAddress6: [string, string | Buffer][] = [
  ["plain", `[${address6}]:1`],
  ["long form", "2001:0db8:0077:0000:0000:0000:0000:0012"],
  ["packed", Buffer.from("20010db8007700000000000000000012", "hex")],
  ["packed in the other byte order", Buffer.from("20010db8007700000000000000000012", "hex").reverse()],
];

describe("the scanner", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "lethe-search-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [kind, text, plants] of [
    ["name", name, planted],
    ["IPv4 address", address, plantedAddress],
    ["IPv6 address", address6, plantedAddress6],
  ] as const) {
    for (const [writing, content] of plants) {
      test(`finds a ${kind} written ${writing}`, () => {
        const path = join(folder, "planted");
        writeFileSync(
          path,
          Buffer.concat([Buffer.alloc(99, "."), Buffer.from(content as string), Buffer.alloc(99, ".")]),
        );
        const search = new Search([{ what: kind, text }]);
        search.files(folder);
        assert.equal(search.looked.files, 1);
        assert.deepEqual([...new Set(search.findings.map(({ where }) => where))], [path]);
      });
    }
  }

  test("finds nothing in what is only similar", () => {
    writeFileSync(join(folder, "planted"), "Canary.Bird-8 203.0.113.7 203.0.113.770x 2001:db8:77::13");
    const search = new Search([
      { what: "name", text: name },
      { what: "address", text: "203.0.113.78" },
      { what: "address", text: address6 },
    ]);
    search.files(folder);
    assert.deepEqual(search.findings, []);
  });

  test("finds it across the border of what it reads at once, and at the very end of a file", () => {
    const size = 16 << 20;
    for (const at of [size - 5, size, 2 * size - Buffer.byteLength(name)]) {
      const content = Buffer.alloc(2 * size, ".");
      content.write(name, at);
      writeFileSync(join(folder, "planted"), content);
      const search = new Search([{ what: "name", text: name }]);
      search.files(folder);
      assert.ok(search.findings.length > 0, String(at));
    }
  });

  test("finds it in a file's name, a folder below, a table's cell, a command line, an environment and a deleted open file", async () => {
    const below = join(folder, "a", `x-${name}`);
    mkdirSync(below, { recursive: true });
    const database = new DatabaseSync(join(folder, "t.db"));
    database.exec("CREATE TABLE t (id INTEGER, b BLOB)");
    database.prepare("INSERT INTO t VALUES (1, ?)").run(Buffer.from(`..${name}`));
    database.close();
    const deleted = join(folder, "deleted");
    writeFileSync(deleted, name);
    const descriptor = openSync(deleted, "r");
    unlinkSync(deleted);
    const child = spawn("sh", ["-c", "echo ready; read line", "sh", name], {
      stdio: ["pipe", "pipe", "ignore", descriptor],
      env: { ...process.env, CANARY: name },
    });
    closeSync(descriptor);
    await once(child.stdout!, "data");
    try {
      const search = new Search([{ what: "name", text: name }]);
      search.files(join(folder, "a"));
      search.tables(join(folder, "t.db"));
      search.processes([child.pid!]);
      search.text(`said ${name}`, "output");
      const where = new Set(search.findings.map((finding) => finding.where));
      assert.deepEqual(
        [...where]
          .map((text) => text.replace(/process \d+/, "process").replace(/deleted file .*/, "deleted file"))
          .sort(),
        [
          "output",
          `${below} (its name)`,
          "process (command line)",
          "process (environment)",
          "process, deleted file",
          "t.b",
        ].sort(),
      );
    } finally {
      child.stdin?.end();
    }
  });

  test("no writing is so short that it stands everywhere", () => {
    for (const { encoding, bytes } of patternsOf({ what: "address", text: address }))
      assert.ok(bytes.length >= 4, encoding);
  });
});
