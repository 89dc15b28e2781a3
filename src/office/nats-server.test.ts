import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { Worker } from "node:worker_threads";
import { systemClock, toMinutes } from "../lib/clock.ts";
import { freePort } from "../lib/testing.ts";
import { CarrierError } from "../link/carrier.ts";
import { NATS_SERVER_NAME } from "../link/nats-connection.ts";
import { NatsOfficeCarrier } from "../link/nats-office-carrier.ts";
import { requestCertificate, requestFileChunk } from "../link/office-client.ts";
import { RosterPublisher } from "../link/publisher.ts";
import { RosterReplica } from "../link/replica.ts";
import { encodeReport, type Report, type Totals } from "../link/reports.ts";
import { generateSiteKey } from "../link/site-key.ts";
import { passwordDigest, recordingLog, settingsFor, until } from "../link/testing.ts";
import { ensureLinkCertificate } from "./link-certificate.ts";
import { NatsServer, renderLinkUsers, renderNatsServer } from "./nats-server.ts";
import { natsBench } from "./nats-testing.ts";

/** The office's own nats-server and both ends of the link on it, through what may befall them. */

const totals = (server: string, slot: number): Totals => ({
  kind: "totals",
  protocol: 2,
  server,
  slot,
  inPercent: 1,
  outPercent: 2,
  services: [],
});

const later = () => toMinutes(Date.now()) + 60;

async function started(exit: { onUp(callback: () => void): void; start(): void }): Promise<void> {
  await new Promise<void>((resolve) => {
    exit.onUp(resolve);
    exit.start();
  });
}

test("rosters, changes, settings, files and certificates reach exits of both protocols", async () => {
  await using bench = await natsBench();
  await bench.add("a1", "old1");
  const key = generateSiteKey();
  const carrier = bench.newOffice();
  const published: string[] = [];
  const broadcast = carrier.broadcast.bind(carrier);
  carrier.broadcast = (message, to) => {
    published.push(JSON.stringify(to));
    broadcast(message, to);
  };
  const file = Buffer.alloc(1_500_000, "bundle");
  const publisher = new RosterPublisher({
    key,
    clock: systemClock,
    carriers: [carrier],
    log: () => {},
    files: (sha256, offset) =>
      sha256 === "ab".repeat(32) ? file.subarray(offset, offset + 1_000_000) : undefined,
    sign: async (server, request) => `${request} for ${server}`,
  });
  publisher.setCredential("abcdefghijkl", passwordDigest("pw"), later());
  for (const server of ["a1", "old1"]) publisher.setSettings(server, settingsFor(server));
  await publisher.start();

  const exits = (["a1", "old1"] as const).map((server) => {
    const protocol = server === "old1" ? 1 : 2;
    const exit = bench.newExit(server, { protocol });
    const { log, reasons } = recordingLog();
    const replica = new RosterReplica({
      server,
      publicKey: key.publicKey,
      carrier: exit,
      clock: systemClock,
      log,
      jitterMs: 30_000,
      protocol,
    });
    const bandwidths: number[] = [];
    replica.onSettings((settings) => bandwidths.push(settings.bandwidthMbit));
    replica.start();
    return { exit, replica, reasons, bandwidths };
  });
  await until(() => exits.every(({ replica }) => replica.size === 1), "the first roster");

  published.length = 0;
  publisher.setCredential("bcdefghijklm", passwordDigest("pw"), later());
  await until(() => exits.every(({ replica }) => replica.size === 2), "the change");
  assert.deepEqual(published, ['{"protocol":2}', '{"protocol":1}']);
  published.length = 0;
  publisher.setSettings("old1", settingsFor("old1", { bandwidthMbit: 7 }));
  publisher.setSettings("a1", settingsFor("a1"));
  await until(() => exits[1]!.bandwidths.at(-1) === 7, "settings");
  assert.deepEqual(published, ['{"server":"old1","protocol":1}']);
  assert.deepEqual(exits[0]!.bandwidths, [100]);

  const { exit } = exits[0]!;
  const chunks = [
    await requestFileChunk(exit, "ab".repeat(32), 0),
    await requestFileChunk(exit, "ab".repeat(32), 1_000_000),
  ];
  assert.ok(Buffer.concat(chunks).equals(file));
  await assert.rejects(requestFileChunk(exit, "cd".repeat(32), 0));
  assert.equal(await requestCertificate(exit, "a request"), "a request for a1");
  assert.deepEqual(
    exits.flatMap(({ reasons }) => reasons("roster-refused")),
    [],
  );
  for (const { replica } of exits) replica.close();
  await publisher.close();
});

test("an office that is killed in the middle of taking reports in gets them again, and what came meanwhile: in order, nothing lost", async () => {
  await using bench = await natsBench();
  await bench.add("a1");
  const module = new URL("../link/nats-office-carrier.ts", import.meta.url).href;
  const code = `
    const { parentPort, workerData } = require("node:worker_threads");
    import(workerData.module).then(async ({ NatsOfficeCarrier }) => {
      const office = new NatsOfficeCarrier({ ...workerData.link, log: () => {} });
      office.serve((request) => request);
      // The second one is being taken in when the end comes.
      office.onReport(async (bytes) => {
        const { slot } = JSON.parse(Buffer.from(bytes).toString());
        parentPort.postMessage(slot);
        if (slot >= 2) await new Promise(() => {});
      });
      await office.start();
      parentPort.postMessage("up");
    });`;
  const link = { servers: [bench.address], site: bench.site, seed: bench.office.seed, ca: bench.ca };
  const first = new Worker(code, { eval: true, workerData: { module, link } });
  const seen: unknown[] = [];
  first.on("message", (message) => seen.push(message));
  await until(() => seen.includes("up"), "the first office");
  const exit = bench.newExit("a1");
  await started(exit);
  for (const slot of [1, 2, 3]) exit.publishReport(encodeReport(totals("a1", slot)));
  await until(() => seen.includes(2), "the second report under way");
  await first.terminate();
  assert.deepEqual(seen, ["up", 1, 2]);
  for (const slot of [4, 5]) exit.publishReport(encodeReport(totals("a1", slot)));

  const office = bench.newOffice();
  office.serve((request) => request);
  const taken: number[] = [];
  let failing = 1;
  office.onReport(async (bytes) => {
    // The store fails once: the report is not lost, and none overtakes it.
    if (failing-- > 0) throw new Error("the store is away");
    taken.push((JSON.parse(Buffer.from(bytes).toString()) as Totals).slot);
  });
  await office.start();
  await until(() => taken.length === 4, "the rest");
  await wait(200);
  assert.deepEqual(taken, [2, 3, 4, 5]);
  await office.close();
});

test("nats-server is killed: it comes back, both ends connect again, and a report made meanwhile arrives", async () => {
  const { log, events } = recordingLog();
  await using bench = await natsBench({ log });
  await bench.add("a1");
  const office = bench.newOffice();
  let resumed = 0;
  office.onResumed(() => resumed++);
  office.serve((request) => request);
  const taken: number[] = [];
  office.onReport(
    async (bytes) => void taken.push((JSON.parse(Buffer.from(bytes).toString()) as Totals).slot),
  );
  await office.start();
  const exit = bench.newExit("a1");
  const states: string[] = [];
  exit.onDown(() => states.push("down"));
  exit.onUp(() => states.push("up"));
  exit.start();
  await until(() => states.length === 1 && resumed === 1, "both up");
  const { pid } = bench.server;
  process.kill(pid!, "SIGKILL");
  await until(() => states.includes("down"), "down");
  exit.publishReport(encodeReport(totals("a1", 7)));
  await until(() => states.length === 3 && resumed === 2, "both up again", 20_000);
  assert.notEqual(bench.server.pid, pid);
  assert.equal(Buffer.from(await exit.request(Buffer.from("there?"))).toString(), "there?");
  // The exit may have been there before the office had made the stream again.
  await until(() => taken.length === 1, "the report", 20_000);
  assert.deepEqual(taken, [7]);
  assert.ok(events.some(({ code }) => code === "engine-backing-off"));
});

test("what an operator ends as soon as office and nats-server are back ends on the exits within two seconds", async (context) => {
  await using bench = await natsBench();
  const servers = ["a1", "b1", "c1", "d1"];
  await bench.add(...servers);
  const key = generateSiteKey();
  const start = async () => {
    const publisher = new RosterPublisher({
      key,
      clock: systemClock,
      carriers: [bench.newOffice()],
      log: () => {},
    });
    publisher.setCredential("abcdefghijkl", passwordDigest("pw"), later());
    await publisher.start();
    return publisher;
  };
  const before = await start();
  const replicas = servers.map((server) => {
    const carrier = bench.newExit(server);
    const { publicKey } = key;
    // As the keeper has it (exit/keeper/keeper.ts).
    const options = { clock: systemClock, log: () => {}, jitterMs: 30_000 };
    const replica = new RosterReplica({ server, publicKey, carrier, ...options });
    replica.start();
    return replica;
  });
  await until(() => replicas.every(({ size }) => size === 1), "the first roster");

  await before.close();
  await bench.server.stop();
  await wait(2500);
  await bench.server.setUsers(bench.users());
  const after = await start();
  const backAt = performance.now();
  after.removeCredential("abcdefghijkl");
  // More than twice the promise, for a machine that others use as well.
  await until(() => replicas.every(({ size }) => size === 0), "nobody is let in any more", 5000);
  context.diagnostic(`on the last of four after ${Math.round(performance.now() - backAt)} ms`);
  for (const replica of replicas) replica.close();
  await after.close();
});

test("of two offices the one that leads is heard; it hands over without losing a report", async () => {
  await using bench = await natsBench();
  await bench.add("a1");
  const taken: string[] = [];
  const offices = ["first", "second"].map((name) => {
    const office = bench.newOffice();
    office.serve(() => Buffer.from(name));
    office.onReport(async (bytes) => void taken.push(`${name} ${Buffer.from(bytes)}`));
    return office;
  }) as [ReturnType<typeof bench.newOffice>, ReturnType<typeof bench.newOffice>];
  offices[1].lead(false);
  for (const office of offices) await office.start();
  const exit = bench.newExit("a1");
  const heard: string[] = [];
  exit.onBroadcast((message) => heard.push(Buffer.from(message).toString()));
  await started(exit);
  const whoAnswers = async () => Buffer.from(await exit.request(Buffer.from("?"))).toString();
  const say = (word: string) => {
    for (const [i, office] of offices.entries()) office.broadcast(Buffer.from(`${word} ${i}`));
  };
  for (let i = 0; i < 10; i++) assert.equal(await whoAnswers(), "first");
  say("one");
  exit.publishReport(Buffer.from("1"));
  await until(() => taken.length === 1 && heard.length === 1, "the first's");

  offices[0].lead(false);
  exit.publishReport(Buffer.from("2"));
  await assert.rejects(exit.request(Buffer.from("?")));
  const resumed = new Promise<void>((resolve) => offices[1].onResumed(resolve));
  offices[1].lead(true);
  await resumed;
  for (let i = 0; i < 10; i++) assert.equal(await whoAnswers(), "second");
  say("two");
  await until(() => taken.length === 2 && heard.length === 2, "the second's");
  assert.deepEqual(taken, ["first 1", "second 2"]);
  assert.deepEqual(heard, ["one 0", "two 1"]);
  // Back and forth in one turn leaves one of them leading, once.
  offices[1].lead(false);
  offices[0].lead(true);
  offices[0].lead(false);
  offices[0].lead(true);
  await wait(300);
  assert.equal(await whoAnswers(), "first");
  exit.publishReport(Buffer.from("3"));
  await until(() => taken.length === 3, "the third report");
  await wait(100);
  assert.deepEqual(taken.slice(2), ["first 3"]);
});

test("an exit leaves a server behind which no office is, where it knows another one", async () => {
  await using bench = await natsBench();
  await bench.add("a1", "b1");
  const listen = { address: "127.0.0.1", port: await freePort() };
  const second = new NatsServer({
    folder: join(bench.folder, "second"),
    listen,
    site: bench.site,
    officeKey: bench.office.publicKey,
    tls: () => ensureLinkCertificate(bench.folder),
    log: () => {},
  });
  await using ending = new AsyncDisposableStack();
  ending.defer(() => second.stop());
  await second.setUsers(bench.users());
  const link = {
    servers: [`127.0.0.1:${listen.port}`],
    site: bench.site,
    seed: bench.office.seed,
    ca: bench.ca,
  };
  const office = new NatsOfficeCarrier({ ...link, log: () => {} });
  ending.defer(() => office.close());
  office.serve(() => Buffer.from("here"));
  await office.start();
  const lonely = bench.newExit("a1", { leaveAfterMs: 100 });
  await started(lonely);
  await assert.rejects(lonely.request(Buffer.from("?")), CarrierError);
  await new Promise((resolve) => setTimeout(resolve, 300));
  await assert.rejects(lonely.request(Buffer.from("?")), CarrierError, "it knows no other server, and stays");
  // Each begins with either server at random.
  for (let round = 0; round < 6; round++) {
    const exit = bench.newExit("b1", { servers: [bench.address, ...link.servers], leaveAfterMs: 100 });
    await started(exit);
    await until(
      () =>
        exit.request(Buffer.from("?")).then(
          (answer) => Buffer.from(answer).toString() === "here",
          () => false,
        ),
      "the office",
    );
    exit.close();
  }
});

test("the office's next life takes the running server over, with who was removed meanwhile cut off", async () => {
  await using bench = await natsBench();
  await bench.add("a1", "b1");
  const states: Record<string, string> = { a1: "", b1: "" };
  for (const name of ["a1", "b1"]) {
    const exit = bench.newExit(name);
    exit.onUp(() => {
      states[name] += "up ";
    });
    exit.onDown(() => {
      states[name] += "down ";
    });
    exit.start();
  }
  await until(() => states.a1 === "up " && states.b1 === "up ", "both up");
  const { pid } = bench.server;
  bench.server.release();
  const next = bench.newServer();
  await using ending = new AsyncDisposableStack();
  ending.defer(() => next.stop());
  await next.setUsers(bench.users().filter(({ server }) => server !== "b1"));
  await until(() => states.b1 === "up down ", "cut off");
  assert.equal(next.pid, pid);
  assert.equal(states.a1, "up ");
  await next.stop();
  await until(() => states.a1 === "up down ", "stopped");
  assert.deepEqual(readdirSync(join(bench.folder, "run")), []);
});

test("a certificate that was made anew is shown without a restart", async () => {
  await using bench = await natsBench();
  await bench.add("a1");
  const shown = async () => {
    const plain = connect(bench.listen.port, "127.0.0.1");
    // The server speaks first, in the clear; TLS begins after that line.
    await once(plain, "data");
    const socket = connectTls({ socket: plain, ca: bench.ca, servername: NATS_SERVER_NAME });
    await once(socket, "secureConnect");
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  };
  const before = await shown();
  const { pid } = bench.server;
  const inTwoYears = Date.now() + 700 * 86_400_000;
  assert.ok(ensureLinkCertificate(bench.folder, inTwoYears).renewed);
  assert.equal(await shown(), before);
  bench.server.certificateChanged();
  await until(async () => (await shown()) !== before, "the new one");
  assert.equal(bench.server.pid, pid);
});

test("nothing of what it hears stands anywhere: no log, no file of JetStream's, no address", async () => {
  await using bench = await natsBench();
  await bench.add("a1");
  const office = bench.newOffice();
  office.serve((request) => request);
  await office.start();
  const exit = bench.newExit("a1");
  await started(exit);
  await office.close();
  // Kept by JetStream, since no office takes it.
  for (let slot = 0; slot < 50; slot++) exit.publishReport(encodeReport(totals("a1", slot)));
  const { connection, errors } = await bench.raw(bench.keyOf("a1").seed);
  connection.publish("not.allowed", "a canary");
  connection.publish("lethe.0badc0de.report.a1", "a canary");
  await connection.flush();
  await until(() => errors.length === 1, "a refusal");
  await assert.rejects(bench.raw(bench.keyOf("a1").seed.replace(/...$/, "AAA")));

  const run = join(bench.folder, "run");
  const files = readdirSync(run, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  assert.deepEqual(files.map(({ name }) => name).toSorted(), ["nats-users.conf", "nats.conf", "nats.pid"]);
  for (const { name, parentPath } of files) {
    const content = readFileSync(join(parentPath, name), "latin1");
    assert.doesNotMatch(content, /canary/);
    const addresses = content.match(/\d+\.\d+\.\d+\.\d+(:\d+)?/g) ?? [];
    assert.deepEqual(
      addresses.filter((address) => address !== bench.address),
      [],
    );
  }
  const open = readdirSync(`/proc/${bench.server.pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${bench.server.pid}/fd/${fd}`);
    } catch {
      return "";
    }
  });
  assert.ok(open.includes("/dev/null"));
  assert.deepEqual(
    open.filter((target) => !/^(?:$|\/dev\/null$|\/dev\/urandom$|socket:|anon_inode:|pipe:)/.test(target)),
    [],
  );
});

test("its configuration has no log, no monitoring, no other listener, and memory alone to keep things in", () => {
  const text = renderNatsServer({
    folder: "/run/x",
    listen: { address: "::", port: 4222 },
    tls: { certificate: "/c", key: "/k" },
  });
  assert.match(text, /^listen: "\[::\]:4222"$/m);
  assert.doesNotMatch(text, /log_?file|syslog|http|monitor|cluster|leafnode|websocket|mqtt|password|token/i);
  assert.match(text, /max_file_store: 1,/);
});

test("a key that nats-server would not take, or that two servers have, is left out and keeps nobody else out", async () => {
  await using bench = await natsBench();
  await bench.add("a1");
  const [good] = bench.users();
  const wrong = good!.nkey.replace(/.$/, (last) => (last === "A" ? "B" : "A"));
  const users = [
    { server: "b1", nkey: wrong },
    { server: "c1", nkey: "U} ] }" },
    good!,
    { server: "d1", nkey: good!.nkey },
    { server: "e1", nkey: bench.office.publicKey },
  ];
  const text = renderLinkUsers(bench.site, bench.office.publicKey, users);
  assert.equal(text.match(/nkey:/g)!.length, 2);
  assert.throws(() => renderLinkUsers(bench.site, wrong, []), RangeError);
  await bench.server.setUsers(users);
  const exit = bench.newExit("a1");
  await started(exit);
});

test("a report that is too long is never taken in", async () => {
  await using bench = await natsBench();
  await bench.add("a1");
  const office = bench.newOffice();
  office.serve((request) => request);
  const taken: string[] = [];
  office.onReport(async (bytes) => void taken.push(Buffer.from(bytes).toString()));
  await office.start();
  const { connection } = await bench.raw(bench.keyOf("a1").seed);
  const subject = `lethe.${bench.site}.report.a1`;
  connection.publish(subject, "one");
  connection.publish(subject, Buffer.alloc(5000, "long"));
  connection.publish(subject, Buffer.alloc(1_000_000, "long"));
  connection.publish(subject, "two");
  await until(() => taken.includes("two"), "reports");
  assert.deepEqual(taken, ["one", "two"]);
  // Longer than the server takes at all: it ends that connection. (The library would not send it by itself.)
  connection.info!.max_payload = 100_000_000;
  connection.publish(subject, Buffer.alloc(9_000_000));
  await connection.closed();
  await office.close();
});

test("a report under another server's name is refused, and is not brought again", async () => {
  await using bench = await natsBench();
  await bench.add("a1");
  const { log, reasons } = recordingLog();
  const publisher = new RosterPublisher({
    key: generateSiteKey(),
    clock: systemClock,
    carriers: [bench.newOffice()],
    log,
  });
  const taken: Report[] = [];
  publisher.onReport(async (report) => void taken.push(report));
  await publisher.start();
  const exit = bench.newExit("a1");
  await started(exit);
  exit.publishReport(encodeReport(totals("b1", 1)));
  exit.publishReport(Buffer.from("garbage"));
  exit.publishReport(encodeReport(totals("a1", 2)));
  await until(() => taken.length === 1, "its own report");
  assert.deepEqual(taken, [totals("a1", 2)]);
  assert.deepEqual(reasons("totals-refused"), ["foreign", "malformed"]);
  await publisher.close();
});
