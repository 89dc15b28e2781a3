import assert from "node:assert/strict";
import type { AddressInfo, Server } from "node:net";
import { describe, it } from "node:test";
import type { ForkedChild } from "../lib/forked-child.ts";
import { openListening } from "../lib/hand-over.ts";
import { answerForPort, PortRequests } from "./low-ports.ts";
import type { PortSocket } from "./messages.ts";
import { testSettings } from "./proxy/testing.ts";

/** Root's side against the child's, without a process between. */
function pair(settings: ReturnType<typeof testSettings> | undefined) {
  const logged: string[] = [];
  const child = {
    pid: 1,
    send: (message: PortSocket) => requests.hear(message, undefined),
    hand: (message: PortSocket, server: Server) => requests.hear(message, server),
  } as unknown as ForkedChild;
  const requests: PortRequests = new PortRequests(
    (place) => void answerForPort(child, place, settings, (code) => logged.push(code)),
  );
  const ask = (port: number, address = "127.0.0.1") =>
    new Promise<number | string>((resolve) =>
      requests.request({ address, port }, (socket, failed) => {
        if (!socket) return resolve(failed);
        const { port: given } = socket.address() as AddressInfo;
        socket.close(() => resolve(given));
      }),
    );
  return { ask, logged };
}

describe("a port that a child may not have itself", () => {
  it("is opened where the settings name it for the proxies, and nowhere else", async () => {
    const free = await openListening({ address: "127.0.0.1", port: 0 });
    const { port } = free.address() as AddressInfo;
    await new Promise((resolve) => free.close(resolve));
    const { ask, logged } = pair(testSettings({ socks5Port: port, httpPort: port }));
    assert.equal(await ask(port), port);
    assert.deepEqual(logged, []);
    assert.equal(await ask(22), "EACCES");
    assert.equal(await ask(port, "0.0.0.0"), "EACCES");
    assert.deepEqual(logged, ["port-refused", "port-refused"]);
  });

  it("is not opened before there are settings", async () => {
    assert.equal(await pair(undefined).ask(80), "EACCES");
  });

  it("that another program has is told as such", async () => {
    const taken = await openListening({ address: "127.0.0.1", port: 0 });
    const { port } = taken.address() as AddressInfo;
    const { ask } = pair(testSettings({ socks5Port: port, httpPort: port }));
    assert.equal(await ask(port), "EADDRINUSE");
    taken.close();
  });
});
