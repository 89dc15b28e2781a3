import assert from "node:assert/strict";
import { test } from "node:test";
import { foreignDrops, hasOurTable } from "./foreign.ts";

const chain = (family: string, table: string, name: string, hook?: string, policy?: string) => ({
  chain: { family, table, name, handle: 1, ...(hook && { type: "filter", hook, prio: 0, policy }) },
});
const rule = (family: string, table: string, chain: string, ...expr: object[]) => ({
  rule: { family, table, chain, handle: 2, expr },
});
const drops = (...entries: object[]): string[] =>
  foreignDrops(JSON.stringify({ nftables: [{ metainfo: { version: "1.0.6" } }, ...entries] }));

test("a chain that drops forwarding is named, with what to do", () => {
  const [sentence, ...more] = drops(chain("ip", "filter", "FORWARD", "forward", "drop"));
  assert.equal(more.length, 0);
  assert.match(sentence!, /"ip filter FORWARD" drops forwarded packets/);
  assert.match(sentence!, /nft insert rule ip filter FORWARD iifname "lethe-\*" accept/);
});

test("a rule that drops everything counts like a policy; a condition makes it none", () => {
  const base = chain("inet", "mine", "fwd", "forward", "accept");
  assert.equal(
    drops(base, rule("inet", "mine", "fwd", { counter: { packets: 0, bytes: 0 } }, { drop: null })).length,
    1,
  );
  assert.equal(drops(base, rule("inet", "mine", "fwd", { reject: { type: "icmpx" } })).length, 1);
  assert.equal(drops(base, rule("inet", "mine", "fwd", { match: { op: "==" } }, { drop: null })).length, 0);
});

test("a closed input chain is told of in its own words", () => {
  assert.match(drops(chain("inet", "filter", "input", "input", "drop"))[0]!, /drops incoming packets/);
});

test("our own table, chains that know our devices, and chains without a hook say nothing", () => {
  assert.deepEqual(drops(chain("inet", "lethe", "forward", "forward", "drop")), []);
  assert.deepEqual(drops(chain("ip", "filter", "DOCKER", undefined)), []);
  assert.deepEqual(drops(chain("ip", "filter", "OUTPUT", "output", "drop")), []);
  assert.deepEqual(drops(chain("bridge", "filter", "FORWARD", "forward", "drop")), []);
  const match = { match: { op: "==", left: { meta: { key: "iifname" } }, right: "lethe-*" } };
  assert.deepEqual(
    drops(
      chain("ip", "filter", "FORWARD", "forward", "drop"),
      rule("ip", "filter", "FORWARD", match, { accept: null }),
    ),
    [],
  );
});

test("what is no listing says nothing", () => {
  for (const text of ["", "{", "null", "{}", '{"nftables":[1]}']) assert.deepEqual(foreignDrops(text), []);
});

test("our table is seen, and its absence", () => {
  const listing = (...entries: object[]): string => JSON.stringify({ nftables: entries });
  assert.ok(hasOurTable(listing(chain("inet", "lethe", "guard", "postrouting", "accept"))));
  assert.ok(!hasOurTable(listing(chain("inet", "other", "guard", "postrouting", "accept"))));
  assert.ok(!hasOurTable(listing()));
});
