import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock, toMinutes } from "../../lib/clock.ts";
import { RosterPublisher } from "../../link/publisher.ts";
import type { Report } from "../../link/reports.ts";
import { generateSiteKey } from "../../link/site-key.ts";
import { passwordDigest, recordingLog, settingsFor, until } from "../../link/testing.ts";
import { UnixOfficeCarrier } from "../../link/unix-carrier.ts";
import { AuthoriseClient } from "../authorise-client.ts";
import type { FromKeeper, KeeperEngines, KeeperSettings, KeeperStart } from "../messages.ts";

/** An office in this process and a keeper in one of its own, as the exit starts it. */
async function world() {
  const folder = mkdtempSync(join(tmpdir(), "lethe-keeper-"));
  // As root the keeper has to become somebody else: nobody, whose folder this then is.
  const asRoot = process.getuid!() === 0;
  const account = asRoot ? { uid: 65_534, gid: 65_534 } : { uid: process.getuid!(), gid: process.getgid!() };
  chownSync(folder, account.uid, account.gid);
  const key = generateSiteKey();
  const { log } = recordingLog();
  const start: KeeperStart = {
    type: "start",
    server: "a1",
    sitePublicKey: Buffer.from(key.publicKey).toString("base64"),
    link: { kind: "unix", path: join(folder, "link") },
    authoriseSocket: join(folder, "authorise"),
    sealedRoster: join(folder, "roster"),
    sealKey: Buffer.alloc(32, 1).toString("base64"),
    account,
    processes: { proxy: 1, ssh: 1 },
  };
  const newPublisher = () =>
    new RosterPublisher({
      key,
      clock: systemClock,
      carriers: [new UnixOfficeCarrier({ path: join(folder, "link"), server: start.server })],
      log,
    });
  const keepers: { child: ChildProcess; settings: KeeperSettings[] }[] = [];
  const client = new AuthoriseClient({ path: start.authoriseSocket });
  client.start();
  return {
    folder,
    start,
    newPublisher,
    client,
    startKeeper() {
      const child = fork(join(import.meta.dirname, "../bundle.ts"), ["keeper"], {
        stdio: ["ignore", "inherit", "ignore", "ipc"],
      });
      const keeper = { child, settings: [] as KeeperSettings[] };
      child.on(
        "message",
        (message: FromKeeper) => message.type === "settings" && keeper.settings.push(message),
      );
      child.send(start);
      keepers.push(keeper);
      return keeper;
    },
    async [Symbol.asyncDispose]() {
      client.close();
      for (const { child } of keepers) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        const gone = new Promise((resolve) => child.once("exit", resolve));
        child.kill("SIGKILL");
        await gone;
      }
      rmSync(folder, { recursive: true });
    },
  };
}

const right = {
  service: "socks5",
  username: "abcdefghijkl",
  password: "right",
  address: "192.0.2.7",
} as const;
const inAnHour = () => toMinutes(Date.now()) + 60;
const exitOf = (child: ChildProcess) => new Promise<number | null>((resolve) => child.once("exit", resolve));

test("the keeper takes roster and settings, answers logins, and goes on over bad messages and without the office", async () => {
  await using it = await world();
  const publisher = it.newPublisher();
  publisher.setSettings("a1", settingsFor("a1"));
  publisher.setCredential("abcdefghijkl", passwordDigest("right"), inAnHour());
  await publisher.start();
  const keeper = it.startKeeper();
  await until(() => keeper.settings.length === 1, "settings go up");
  assert.equal(keeper.settings[0]?.type, "settings");
  const signed = Buffer.from(keeper.settings[0]!.signed, "base64");
  assert.deepEqual(
    JSON.parse(signed.subarray(80).toString()).settings,
    settingsFor("a1"),
    "as the office signed them",
  );
  await until(() => it.client.connected, "connected");
  const admission = await it.client.login(right);
  assert.ok(admission.admitted);

  for (const nonsense of [{}, { type: "start" }, { type: "engines", engines: [{ id: 1 }] }, "text", [null]]) {
    keeper.child.send(nonsense as object);
  }
  let cut = false;
  admission.session.onCut(() => {
    cut = true;
  });
  publisher.removeCredential("abcdefghijkl");
  await until(() => cut, "the session is cut");

  publisher.setCredential("abcdefghijkl", passwordDigest("right"), inAnHour());
  await until(async () => (await it.client.login(right)).admitted, "let in again");
  await publisher.close();
  assert.ok((await it.client.login(right)).admitted);
  assert.equal(keeper.child.exitCode, null);
});

test("a keeper that starts while the office is away has the roster from before", async () => {
  await using it = await world();
  const publisher = it.newPublisher();
  publisher.setSettings("a1", settingsFor("a1"));
  publisher.setCredential("abcdefghijkl", passwordDigest("right"), inAnHour());
  await publisher.start();
  const first = it.startKeeper();
  await until(() => first.settings.length === 1, "settings");
  await until(() => it.client.connected, "connected");
  await publisher.close();
  const gone = exitOf(first.child);
  first.child.kill("SIGTERM");
  assert.equal(await gone, 0);

  const second = it.startKeeper();
  await until(() => second.settings.length === 1, "settings from the seal");
  await until(() => it.client.connected, "connected again");
  assert.ok((await it.client.login(right)).admitted);
});

test("the keeper has given root up before anyone can connect, and ends with the process that started it", async () => {
  await using it = await world();
  const keeper = it.startKeeper();
  await until(() => it.client.connected, "connected");
  const status = readFileSync(`/proc/${keeper.child.pid}/status`, "latin1");
  const { uid } = it.start.account;
  assert.match(status, new RegExp(`^Uid:\\t${uid}\\t${uid}\\t${uid}\\t${uid}$`, "m"));
  const gone = exitOf(keeper.child);
  keeper.child.disconnect();
  assert.equal(await gone, 0);
});

test("the office hears what the services are known by: when it is said, and again after each connection", async () => {
  await using it = await world();
  const said: Report[] = [];
  const listening = () => {
    const publisher = it.newPublisher();
    publisher.onReport(async (report) => void (report.kind === "identity" && said.push(report)));
    return publisher;
  };
  const publisher = listening();
  await publisher.start();
  const keeper = it.startKeeper();
  await until(() => it.client.connected, "connected");
  const wireguard = "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=";
  const identify = (identity: object) => keeper.child.send({ type: "identity", identity });
  identify({ username: "abcdefghijkl" });
  identify({});
  identify({ wireguard });
  identify({ wireguard });
  await until(() => said.length > 0, "the report");
  assert.deepEqual(said, [{ kind: "identity", protocol: 2, server: "a1", wireguard }]);
  await publisher.close();

  const again = listening();
  await again.start();
  await until(() => said.length === 2, "once more");
  assert.deepEqual(said[1], said[0]);
  await again.close();
});

test("the keeper attaches to an engine's management socket when told of it, and lets go when told", async () => {
  await using it = await world();
  const management = join(it.folder, "management");
  let attached = 0;
  const engine = createServer((socket) => {
    attached += 1;
    socket.resume();
    socket.on("error", () => {});
    socket.on("close", () => {
      attached -= 1;
    });
  });
  await new Promise<void>((resolve) => engine.listen(management, resolve));
  chmodSync(management, 0o666);
  using _ = { [Symbol.dispose]: () => void engine.close() };
  const keeper = it.startKeeper();
  const engines = (list: KeeperEngines["engines"]) =>
    keeper.child.send({ type: "engines", engines: list } satisfies KeeperEngines);
  const openvpn = { id: "udp0", service: "openvpn", healthy: true, management } as const;
  engines([openvpn]);
  await until(() => attached === 1, "attached");
  engines([openvpn, { id: "proxies", service: "socks5", healthy: true }]);
  engines([]);
  await until(() => attached === 0, "let go");
});
