import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { type Answer, decode, encode } from "dns-packet";
import { parseConfig } from "../office/config.ts";
import { checkDns } from "./doctor-dns.ts";

const SOA: Answer = {
  name: ".",
  type: "SOA",
  data: { mname: "a.test", rname: "b.test", serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 5 },
};
const RRSIG: Answer = {
  name: ".",
  type: "RRSIG",
  data: {
    typeCovered: "SOA",
    algorithm: 8,
    labels: 0,
    originalTTL: 60,
    expiration: 2,
    inception: 1,
    keyTag: 1,
    signersName: ".",
    signature: Buffer.alloc(64),
  },
};

/** Resolvers at these addresses of loopback, on one port; each answers a question for the root with its records. */
async function resolvers(t: TestContext, known: Record<string, Answer[] | "garbage">): Promise<number> {
  let port = 0;
  for (const [address, answers] of Object.entries(known)) {
    const socket = createSocket("udp4");
    socket.on("message", (bytes, from) => {
      const { id, questions = [] } = decode(bytes);
      const answer =
        answers === "garbage"
          ? Buffer.of(1, 2, 3)
          : encode({ type: "response", id: id!, questions, answers });
      socket.send(answer, from.port, from.address);
    });
    socket.bind(port, address);
    await once(socket, "listening");
    port = socket.address().port;
    t.after(() => socket.close());
  }
  return port;
}

const find = async (port: number, addresses: string[], more = "") => {
  const forward = JSON.stringify(addresses);
  const findings = await checkDns(parseConfig(`[dns]\nforward = ${forward}\n${more}`, "lethe.toml"), port);
  return findings.map(({ state, found }) => `${state}: ${found}`);
};

test("forwarders that pass signatures on are well; one that does not would make every name fail", async (t) => {
  const port = await resolvers(t, { "127.0.0.2": [SOA, RRSIG], "127.0.0.3": [SOA], "127.0.0.4": [] });
  assert.match((await find(port, ["127.0.0.2"])).join(), /^good: .*with signatures/);
  for (const [address, others] of [["127.0.0.3", ["127.0.0.2"]] as const, ["127.0.0.4", []] as const])
    assert.match(
      (await find(port, [...others, address])).join("\n"),
      new RegExp(`^bad: ${address.replaceAll(".", "\\.")} of dns.forward passes no signatures on`),
    );
});

test("who believes forwarders is told so, and that there is no need to where there is none", async (t) => {
  const port = await resolvers(t, { "127.0.0.2": [SOA, RRSIG], "127.0.0.3": [SOA] });
  assert.match(
    (await find(port, ["127.0.0.3"], "validate = false")).join(),
    /^note: what 127\.0\.0\.3 .* is believed/,
  );
  assert.match(
    (await find(port, ["127.0.0.2"], "validate = false")).join(),
    /^note: .* are believed without them/,
  );
});

test("one that says nothing, or what is no answer, is named; where none answers, members have no names", async (t) => {
  const port = await resolvers(t, { "127.0.0.2": [SOA, RRSIG], "127.0.0.5": "garbage" });
  const [first, second] = await find(port, ["127.0.0.5", "127.0.0.2", "127.0.0.6"]).then((all) =>
    all.toSorted(),
  );
  assert.match(first ?? "", /^good/);
  assert.match(second ?? "", /^note: no answer from 127\.0\.0\.[56]/);
  assert.match(
    (await find(port, ["127.0.0.6"])).join(),
    /^bad: no answer from the resolvers in dns\.forward \(127\.0\.0\.6\)/,
  );
});
