import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Authoriser } from "../authorise.ts";
import { testSettings } from "../proxy/testing.ts";
import { keys } from "../ssh/testing.ts";
import { createSshWorker } from "../ssh/worker.ts";
import { SelfTestLogins } from "./logins.ts";
import { sshWorks } from "./ssh-client.ts";
import { SelfTestTarget } from "./target.ts";

describe("SSH's self-test", { timeout: 300_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-selftest-"));
  const target = new SelfTestTarget();
  const logins = new SelfTestLogins();
  /** What a self-test may not be let in as. */
  let asMember = false;
  const authoriser: Authoriser = {
    async login(attempt) {
      const session = logins.admit(attempt);
      if (session === undefined) return { admitted: false, reason: "unknown" };
      return asMember ? { admitted: true, session } : { admitted: true, session, selfTest: true };
    },
  };
  const worker = createSshWorker({
    authoriser,
    log: () => {},
    hostKeys: keys.private,
    selfTestTarget: join(folder, "target.sock"),
  });
  let port: number;

  before(async () => {
    await target.start(join(folder, "target.sock"));
    const settings = testSettings({});
    settings.services = { ssh: { listen: [{ address: "127.0.0.1", port: 0 }] } };
    const [report] = await worker.apply({ settings, ownAddresses: [], resolvers: [] });
    port = report!.port;
  });
  after(() => {
    worker.close();
    target.close();
    rmSync(folder, { recursive: true });
  });

  const works = async (at = port, timeoutMs = 5000): Promise<boolean> => {
    const { login, end } = logins.begin({ service: "ssh", addresses: ["127.0.0.1"], uses: 1 });
    try {
      return await sshWorks({ address: "127.0.0.1", port: at, login, target, timeoutMs });
    } finally {
      end();
    }
  };

  test("finds it well", async () => assert.equal(await works(), true));

  test("finds it ill where the login is a member's: the target is closed to members", async () => {
    asMember = true;
    assert.equal(await works(), false);
    asMember = false;
  });

  test("finds it ill where nobody listens, and where somebody does who says nothing", async () => {
    const silent = createServer(() => {}).listen(0, "127.0.0.1");
    await new Promise((resolve) => silent.once("listening", resolve));
    const { port: quiet } = silent.address() as { port: number };
    assert.equal(await works(quiet, 500), false);
    silent.close();
    assert.equal(await works(1, 500), false);
  });
});
