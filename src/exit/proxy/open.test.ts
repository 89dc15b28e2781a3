import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { parseIp } from "../../lib/ip.ts";
import { createEgressPolicy } from "../egress.ts";
import { createOpener, dial, type Opened } from "./open.ts";
import { Sweeper } from "./sweeper.ts";

/** A socket that connects or fails when the test says so. */
class FakeSocket extends EventEmitter {
  destroyed = false;
  destroy(): void {
    this.destroyed = true;
  }
}

const ips = (...texts: string[]) => texts.map((text) => parseIp(text)!);
const failure = (code: string): Error => Object.assign(new Error(code), { code });

describe("dial", () => {
  let dialled: { host: string; socket: FakeSocket }[];
  let nowMs: number;
  let sweeper: Sweeper;
  const connect = (host: string): Socket => {
    const socket = new FakeSocket();
    dialled.push({ host, socket });
    return socket as unknown as Socket;
  };
  const hosts = (): string[] => dialled.map(({ host }) => host);
  const reasonOf = (opened: Opened): string => (opened.ok ? "connected" : opened.reason);

  beforeEach(() => {
    dialled = [];
    mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
    nowMs = 0;
    mock.method(performance, "now", () => nowMs);
    sweeper = new Sweeper();
  });
  afterEach(() => {
    sweeper.close();
    mock.restoreAll();
    mock.timers.reset();
  });

  const pass = (ms: number): void => {
    nowMs += ms;
    mock.timers.tick(ms);
  };

  const finished = async <T>(promise: Promise<T>): Promise<T> => {
    mock.timers.reset();
    return promise;
  };

  it("tries the next address when one fails, and tells the first failure", async () => {
    const { opened } = dial(ips("192.0.2.1", "192.0.2.2"), 80, connect, sweeper);
    dialled[0]!.socket.emit("error", failure("ENETUNREACH"));
    assert.deepEqual(hosts(), ["192.0.2.1", "192.0.2.2"]);
    dialled[1]!.socket.emit("error", failure("ECONNREFUSED"));
    assert.equal(reasonOf(await finished(opened)), "network-unreachable");
  });

  it("tries the next address after 250 ms beside the first, and drops who comes late", async () => {
    const { opened } = dial(ips("2001:db8::1", "::ffff:192.0.2.1"), 80, connect, sweeper);
    pass(249);
    assert.deepEqual(hosts(), ["2001:db8::1"]);
    pass(1);
    assert.deepEqual(hosts(), ["2001:db8::1", "192.0.2.1"]);
    dialled[1]!.socket.emit("connect");
    const result = await finished(opened);
    assert.ok(result.ok && result.socket === (dialled[1]!.socket as unknown as Socket));
    assert.equal(dialled[0]!.socket.destroyed, true);
    assert.equal(dialled[1]!.socket.destroyed, false);
  });

  it("tries four addresses and no more, for ten seconds and no longer", async () => {
    const { opened } = dial(
      ips("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"),
      80,
      connect,
      sweeper,
    );
    for (let tick = 0; tick < 39; tick += 1) pass(250);
    assert.equal(dialled.length, 4);
    assert.equal(
      dialled.some(({ socket }) => socket.destroyed),
      false,
    );
    pass(250);
    assert.equal(reasonOf(await finished(opened)), "timed-out");
    assert.equal(
      dialled.every(({ socket }) => socket.destroyed),
      true,
    );
  });

  it("drops everything on abort", async () => {
    const { opened, abort } = dial(ips("192.0.2.1", "192.0.2.2"), 80, connect, sweeper);
    abort();
    assert.equal(reasonOf(await finished(opened)), "aborted");
    assert.equal(dialled[0]!.socket.destroyed, true);
    dialled[0]!.socket.emit("error", failure("ECONNRESET"));
    assert.equal(dialled.length, 1);
  });

  it("tells every failure by its name", async () => {
    for (const [code, reason] of [
      ["ECONNREFUSED", "refused"],
      ["ENETUNREACH", "network-unreachable"],
      ["EHOSTUNREACH", "host-unreachable"],
      ["ETIMEDOUT", "timed-out"],
      ["EADDRNOTAVAIL", "failed"],
    ] as const) {
      dialled = [];
      const { opened } = dial(ips("192.0.2.1"), 80, connect, sweeper);
      dialled[0]!.socket.emit("error", failure(code));
      assert.equal(reasonOf(await opened), reason);
    }
  });
});

describe("createOpener", () => {
  it("dials the checked addresses only, never the name, and resolves a name once", async () => {
    let resolved = 0;
    const dialled: string[] = [];
    const policy = createEgressPolicy({
      egress: { allow: [], deny: [], denyPorts: [] },
      ownAddresses: ["1.0.0.1"],
      sitePorts: [],
    });
    const open = createOpener({
      policy,
      sweeper: new Sweeper(),
      resolve: async () => {
        resolved += 1;
        return {
          ok: true,
          addresses: ips("10.0.0.1", "1.0.0.1", "1.1.1.1", "::1", "64:ff9b::a00:1", "2606:4700::1"),
        };
      },
    });
    const connect = (host: string): Socket => {
      dialled.push(host);
      const socket = new FakeSocket();
      setImmediate(() => socket.emit("error", failure("ECONNREFUSED")));
      return socket as unknown as Socket;
    };
    const opened = await open("rebind.example", 443, connect).opened;
    assert.deepEqual(opened, { ok: false, reason: "refused" });
    assert.deepEqual(dialled, ["1.1.1.1", "2606:4700::1"]);
    assert.equal(resolved, 1);
  });
});
