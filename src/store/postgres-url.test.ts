import assert from "node:assert/strict";
import { userInfo } from "node:os";
import { test } from "node:test";
import fc from "fast-check";
import { holdsPassword, parsePostgresUrl } from "./postgres-url.ts";

const address = {
  host: "db.example.net",
  port: 5432,
  user: "lethe",
  password: undefined,
  database: "lethe",
  tls: { rootCertificate: undefined },
};

test("addresses as libpq writes them are taken", () => {
  const cases: [string, object][] = [
    ["postgres://lethe@db.example.net/lethe", {}],
    ["postgresql://lethe@db.example.net:6543/members", { port: 6543, database: "members" }],
    ["postgres://lethe:p%40ss%3A%2F@db.example.net/lethe", { password: "p@ss:/" }],
    ["postgres://lethe@[2001:db8::1]/lethe", { host: "2001:db8::1" }],
    ["postgres://lethe@localhost/lethe", { host: "localhost", tls: "none" }],
    ["postgres://lethe@127.0.0.1/lethe", { host: "127.0.0.1", tls: "none" }],
    ["postgres:///lethe", { host: "/var/run/postgresql", user: userInfo().username, tls: "none" }],
    ["postgres://lethe@/lethe?host=/run/db&port=5433", { host: "/run/db", port: 5433, tls: "none" }],
    ["postgres:///lethe?host=/run/db&user=lethe", { host: "/run/db", tls: "none" }],
    ["postgres://lethe@%2Frun%2Fdb/lethe", { host: "/run/db", tls: "none" }],
    ["postgres://lethe@db.example.net/lethe?sslmode=disable", { tls: "none" }],
    [
      "postgres://lethe@db.example.net/lethe?sslrootcert=/etc/ca.pem",
      { tls: { rootCertificate: "/etc/ca.pem" } },
    ],
    [
      "postgres://lethe@localhost/lethe?sslmode=verify-full",
      { host: "localhost", tls: { rootCertificate: undefined } },
    ],
  ];
  for (const [text, expected] of cases)
    assert.deepEqual(parsePostgresUrl(text), { ...address, ...expected }, text);
});

test("what is no such address is refused, and what would weaken TLS unsaid", () => {
  for (const text of [
    "",
    "lethe",
    "mysql://lethe@db.example.net/lethe",
    "postgres://db.example.net",
    "postgres://db.example.net/",
    "postgres://db.example.net/a/b",
    "postgres://db.example.net:0/lethe",
    "postgres://db.example.net:65536/lethe",
    "postgres://db.example.net/lethe?sslmode=require",
    "postgres://db.example.net/lethe?sslmode=prefer",
    "postgres://db.example.net/lethe?options=-c%20log_statement=all",
    "postgres://db.example.net/lethe#x",
    "postgres://%E0%A4%A@db.example.net/lethe",
    "postgres://db.example.net/lethe?port=x",
  ])
    assert.equal(parsePostgresUrl(text), undefined, text);
});

test("any password comes out as it went in", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: "grapheme" }), (password) => {
      const url = `postgres://lethe:${encodeURIComponent(password)}@db.example.net/lethe`;
      assert.equal(parsePostgresUrl(url)?.password, password);
      assert.ok(holdsPassword(url));
    }),
  );
  assert.ok(!holdsPassword("postgres://lethe@db.example.net/lethe"));
});

test("no text makes the reader throw", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string().map((text) => `postgres://${text}`),
      ),
      (text) => void parsePostgresUrl(text),
    ),
  );
});
