import assert from "node:assert/strict";
import { test } from "node:test";
import type { PeerIndices } from "./control.ts";
import { WireguardWishes, wishMessages } from "./wishes.ts";

const keyOf = (number: number) => {
  const bytes = Buffer.alloc(32);
  bytes.writeUInt32BE(number);
  return bytes.toString("base64");
};

function scene() {
  const said: ({ want: Map<string, number> } | { remove: string[]; set: Map<string, number> })[] = [];
  const wishes = new WireguardWishes({
    want: (peers: PeerIndices) => said.push({ want: new Map(peers) }),
    update: ({ remove, set }) => said.push({ remove: [...remove], set: new Map(set) }),
  });
  return { said, wishes };
}

test("50,000 devices travel in bounded messages, and count once they are all there", () => {
  const { said, wishes } = scene();
  const set = new Map(Array.from({ length: 50_000 }, (_, i) => [keyOf(i), i + 1] as const));
  const messages = wishMessages({ whole: true, remove: [], set });
  assert.ok(messages.length > 1 && messages.every((message) => message.set.length < 2_000_000));
  for (const message of messages.slice(0, -1)) wishes.take(message);
  assert.equal(said.length, 0);
  wishes.take(messages.at(-1)!);
  assert.deepEqual(said, [{ want: set }]);
});

test("a change is passed on as it is, and none is no device at all", () => {
  const { said, wishes } = scene();
  for (const message of wishMessages({ whole: false, remove: [keyOf(1)], set: new Map([[keyOf(2), 9]]) }))
    wishes.take(message);
  for (const message of wishMessages({ whole: true, remove: [], set: new Map() })) wishes.take(message);
  assert.deepEqual(said, [{ remove: [keyOf(1)], set: new Map([[keyOf(2), 9]]) }, { want: new Map() }]);
});

test("an index beyond the plan, and half a row, are refused", () => {
  const { said, wishes } = scene();
  const [message] = wishMessages({ whole: true, remove: [], set: new Map([[keyOf(1), 2 ** 21]]) });
  wishes.take(message!);
  wishes.take({ ...message!, set: "AAAA" });
  wishes.take({ ...message!, set: "", remove: "AAAA" });
  assert.equal(said.length, 0);
});
