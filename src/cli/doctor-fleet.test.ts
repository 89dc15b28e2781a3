import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Server } from "node:net";
import { test } from "node:test";
import { checkDatabase, checkLink } from "./doctor-fleet.ts";

/** A server on loopback that says this to everybody. */
async function saying(text: string): Promise<{ server: Server; place: string }> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    if (text === "") socket.end();
    else socket.write(text);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, place: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test("the link's port is free, ours, or another program's", async () => {
  for (const [text, state, found] of [
    ['INFO {"server_id":"X","server_name":"link"}\r\n', "good", /nats-server is there/],
    ['INFO {"server_id":"X","server_name":"other"}\r\n', "note", /another program/],
    ["SSH-2.0-x\r\n", "note", /another program/],
    ["", "note", /another program/],
  ] as const) {
    const { server, place } = await saying(text);
    const [finding] = await checkLink({ link: { listen: place, hosts: [], url: [] } });
    assert.equal(finding?.state, state, text);
    assert.match(finding.found, found);
    const [cluster] = await checkLink({
      link: { listen: "0.0.0.0:4222", hosts: [], url: [`tls://${place}`] },
    });
    assert.equal(cluster?.state, text.startsWith("INFO") ? "good" : "bad");
    server.close();
    const [free] = await checkLink({ link: { listen: place, hosts: [], url: [] } });
    assert.match(free?.found ?? "", /is free|not installed/);
    const [gone] = await checkLink({ link: { listen: "0.0.0.0:4222", hosts: [], url: [`tls://${place}`] } });
    assert.match(gone?.found ?? "", /cannot be reached/);
  }
});

test("a database that cannot be had is told in the store's own words", async () => {
  assert.equal((await checkDatabase("/nowhere", { store: { url: "" } })).state, "good");
  const finding = await checkDatabase("/nowhere", {
    store: { url: "postgres://lethe@127.0.0.1:1/lethe?sslmode=disable" },
  });
  assert.equal(finding.state, "bad");
  assert.match(finding.found, /cannot be reached/);
});
