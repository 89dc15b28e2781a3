import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, mock, test } from "node:test";
import type { EngineView } from "../../lib/engines.ts";
import { findProgram } from "../../lib/run-command.ts";
import { skipFor } from "../../lib/testing.ts";
import type { ServerSettings } from "../../link/settings.ts";
import type { ExitStart } from "../messages.ts";
import { OpenvpnService } from "./service.ts";

const skip = skipFor(
  findProgram("openvpn") === undefined
    ? "openvpn is not installed"
    : !existsSync("/dev/net/tun") && "there is no /dev/net/tun",
);

const TLS_CRYPT = `-----BEGIN OpenVPN Static key V1-----\n${"0".repeat(512)}\n-----END OpenVPN Static key V1-----\n`;

const RUNNING: EngineView = { state: "running", refused: undefined, pid: 1 };
const TAKEN: EngineView = { state: "backing-off", refused: "EADDRINUSE", pid: undefined };

describe("OpenVPN's listeners on an exit", { skip }, () => {
  let folder: string;
  let nowMs: number;
  let views: Record<string, EngineView>;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "lethe-openvpn-"));
    views = {};
    nowMs = 1000;
    mock.method(performance, "now", () => nowMs);
  });
  afterEach(() => {
    mock.restoreAll();
    rmSync(folder, { recursive: true });
  });

  const settings = {
    services: {
      openvpn: {
        listen: ["udp", "tcp"].map((protocol) => ({ protocol, address: "127.0.0.1", port: 1194 })),
        tlsCrypt: TLS_CRYPT,
      },
    },
  } as unknown as ServerSettings;
  const account = { uid: 0, gid: 0 };
  const service = (): OpenvpnService =>
    new OpenvpnService({
      start: {
        folder,
        run: { management: join(folder, "management"), engines: join(folder, "engines") },
        accounts: { vpn: account, keeper: account },
      } as ExitStart,
      engines: { view: (id) => views[id], configurationPath: (id) => join(folder, id) },
      log: () => {},
    });
  const sign = (): void => writeFileSync(join(folder, "tls.crt"), "");
  const pass = (openvpn: OpenvpnService): string[] => {
    openvpn.update(settings.services);
    openvpn.prepare(settings.services, false);
    return openvpn.specs(settings).map(({ id }) => id);
  };
  const failures = (openvpn: OpenvpnService): unknown[] =>
    openvpn.report(undefined).listening.map(({ failed }) => failed);

  test("wait for the office's signature, and after ten seconds say that there is none", () => {
    const openvpn = service();
    assert.deepEqual(pass(openvpn), []);
    assert.equal(openvpn.report(undefined).pending, true);
    assert.deepEqual(failures(openvpn), [undefined, undefined]);
    nowMs += 5000;
    assert.deepEqual(pass(openvpn), [], "another pass does not begin the wait anew");
    assert.deepEqual(failures(openvpn), [undefined, undefined]);
    nowMs += 5000;
    assert.equal(openvpn.report(undefined).pending, false);
    assert.deepEqual(failures(openvpn), ["no-certificate", "no-certificate"]);
    sign();
    assert.deepEqual(pass(openvpn), ["openvpn-0", "openvpn-1"]);
    assert.deepEqual(failures(openvpn), [undefined, undefined]);
  });

  test("one that cannot have its port is told as that, and left out where the other one serves", () => {
    sign();
    const openvpn = service();
    pass(openvpn);
    views = { "openvpn-0": { state: "starting", refused: undefined, pid: undefined }, "openvpn-1": TAKEN };
    assert.equal(openvpn.report(undefined).pending, true);
    assert.deepEqual(failures(openvpn), [undefined, "EADDRINUSE"]);
    assert.deepEqual(
      openvpn.report(undefined).engines.map(({ healthy, leftOut }) => [healthy, leftOut]),
      [
        [false, undefined],
        [false, undefined],
      ],
    );
    views = { "openvpn-0": RUNNING, "openvpn-1": TAKEN };
    assert.equal(openvpn.report(undefined).pending, false);
    assert.deepEqual(
      openvpn.report(undefined).engines.map(({ healthy, leftOut }) => [healthy, leftOut]),
      [
        [true, undefined],
        [false, true],
      ],
    );
  });

  test("what keeps every engine from running is each listener's failure", () => {
    const openvpn = service();
    pass(openvpn);
    const { listening, pending } = openvpn.report("no-root");
    assert.deepEqual([...new Set(listening.map(({ failed }) => failed))], ["no-root"]);
    assert.equal(pending, false);
  });
});
