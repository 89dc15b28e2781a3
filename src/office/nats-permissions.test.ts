import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { connect as connectTcp, createServer } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { AuthorizationError, type NatsConnection } from "@nats-io/transport-node";
import { newLinkKey } from "../link/link-key.ts";
import { linkSubjects } from "../link/nats-subjects.ts";
import { recordingLog, until } from "../link/testing.ts";
import { natsBench } from "./nats-testing.ts";

/** What an exit whose disk and memory somebody else has can do on the link, and what it cannot. Real nats-server. */

type Bench = Awaited<ReturnType<typeof natsBench>>;
let bench: Bench;
before(async () => {
  bench = await natsBench();
  await bench.add("a1", "b1");
});
after(() => bench[Symbol.asyncDispose]());

const { change, settings, ask, report, inbox, stream } = linkSubjects("0badc0de");
const OTHERS_TO_SAY = [
  change(2),
  change(1),
  settings("a1"),
  settings("b1"),
  ask("b1"),
  report("b1"),
  inbox("a1.x"),
  inbox("b1.x"),
  inbox("OFFICE.x"),
  "lethe.11111111.report.a1",
  "$JS.API.INFO",
  "$JS.API.STREAM.NAMES",
  `$JS.API.STREAM.PURGE.${stream}`,
  `$JS.API.STREAM.DELETE.${stream}`,
  `$JS.API.STREAM.MSG.GET.${stream}`,
  `$JS.API.CONSUMER.MSG.NEXT.${stream}.office`,
  `$JS.ACK.${stream}.office.1.1.1.1.1`,
  "$SYS.REQ.SERVER.PING",
  "$SYS.REQ.ACCOUNT.PING.CONNZ",
  "anything",
];
const OTHERS_TO_HEAR = [
  ">",
  "*",
  "lethe.>",
  "lethe.0badc0de.>",
  "lethe.0badc0de.*.a1",
  settings("b1"),
  settings("*"),
  ask("a1"),
  ask("b1"),
  ask("*"),
  report("a1"),
  report("b1"),
  `${inbox("b1")}.>`,
  `${inbox("OFFICE")}.>`,
  inbox("*"),
  inbox(">"),
  "_INBOX.>",
  "any.>",
  "$SYS.>",
  "$JS.>",
  "$JS.EVENT.>",
];

/** What the server refuses of this; `awaited` refusals are waited for. */
async function refused(
  connection: NatsConnection,
  errors: string[],
  act: () => void,
  awaited = 0,
): Promise<string[]> {
  errors.length = 0;
  act();
  await connection.flush();
  await until(() => errors.length >= awaited, "the server's refusal");
  // The library hands the server's word on in a later turn.
  await wait(5);
  return [...errors];
}

test("an exit may say its own word and hear what is for it, and nothing else", async () => {
  const { connection, errors } = await bench.raw(bench.keyOf("a1").seed);
  for (const subject of OTHERS_TO_SAY) {
    const said = await refused(connection, errors, () => connection.publish(subject, "{}"), 1);
    assert.deepEqual(said, [`Permissions Violation for Publish to "${subject}"`], subject);
  }
  for (const subject of OTHERS_TO_HEAR) {
    const said = await refused(
      connection,
      errors,
      () => connection.subscribe(subject, { callback: () => {} }),
      1,
    );
    assert.deepEqual(said, [`Permissions Violation for Subscription to "${subject}"`], subject);
  }
  for (const subject of OTHERS_TO_HEAR) {
    const options = { queue: "q", callback: () => {} };
    const said = await refused(connection, errors, () => connection.subscribe(subject, options), 1);
    assert.equal(said.length, 1, `${subject}, in a queue group`);
  }
  // Its own, which shows that the server refuses those above for what they are.
  for (const subject of [ask("a1"), report("a1")])
    assert.deepEqual(await refused(connection, errors, () => connection.publish(subject, "{}")), [], subject);
  for (const subject of [change(2), change(1), settings("a1"), `${inbox("a1")}.>`]) {
    const options = { callback: () => {} };
    assert.deepEqual(
      await refused(connection, errors, () => connection.subscribe(subject, options)),
      [],
      subject,
    );
  }
});

test("the control: the same key without permissions may say and hear all of it", async () => {
  await using open = await natsBench();
  await open.add("a1", "b1");
  const users = join(open.folder, "run", "nats-users.conf");
  await until(() => open.server.pid !== undefined, "nats-server");
  writeFileSync(users, readFileSync(users, "utf8").replace(/, permissions: .*\} \}/g, " }"));
  process.kill(open.server.pid!, "SIGHUP");
  // The server reads its users anew in its own time, and then ends the connections of those who have changed.
  const mayAll = async (): Promise<boolean> => {
    const { connection, errors } = await open.raw(open.keyOf("a1").seed);
    const said = await refused(connection, errors, () => connection.publish("anything", "{}"));
    await connection.close();
    return said.length === 0;
  };
  await until(() => mayAll().catch(() => false), "the users without permissions");
  const { connection, errors } = await open.raw(open.keyOf("a1").seed);
  let heard = 0;
  connection.subscribe(">", { callback: () => void heard++ });
  for (const subject of OTHERS_TO_HEAR) {
    const options = { callback: () => {} };
    assert.deepEqual(
      await refused(connection, errors, () => connection.subscribe(subject, options)),
      [],
      subject,
    );
  }
  for (const subject of OTHERS_TO_SAY)
    assert.deepEqual(await refused(connection, errors, () => connection.publish(subject, "{}")), [], subject);
  assert.ok(heard >= OTHERS_TO_SAY.length - 2, `${heard}`);
});

test("the office's key reaches no stream but the reports', and hears no more than requests", async () => {
  const { connection, errors } = await bench.raw(bench.office.seed);
  for (const subject of [
    "$JS.API.STREAM.CREATE.OTHER",
    `$JS.API.STREAM.DELETE.${stream}`,
    ask("a1"),
    report("a1"),
    "x",
  ])
    assert.equal(
      (await refused(connection, errors, () => connection.publish(subject, "{}"), 1)).length,
      1,
      subject,
    );
  for (const subject of [">", change(2), report("*"), `${inbox("a1")}.>`, "$SYS.>"]) {
    const options = { callback: () => {} };
    assert.equal(
      (await refused(connection, errors, () => connection.subscribe(subject, options), 1)).length,
      1,
      subject,
    );
  }
});

test("a key that the server does not know is refused, and so is a known name with another key", async () => {
  await assert.rejects(bench.raw(newLinkKey().seed), AuthorizationError);
  const exit = bench.newExit("a1", { seed: newLinkKey().seed });
  let up = false;
  exit.onUp(() => {
    up = true;
  });
  exit.start();
  const control = bench.newExit("a1");
  await new Promise<void>((resolve) => {
    control.onUp(resolve);
    control.start();
  });
  await wait(500);
  assert.equal(up, false);
});

test("a server that is taken out is cut off at once and stays out; the others stay", async () => {
  await bench.add("gone1");
  const states = { gone1: "", a1: "" };
  for (const name of ["gone1", "a1"] as const) {
    const exit = bench.newExit(name);
    exit.onUp(() => {
      states[name] += "up ";
    });
    exit.onDown(() => {
      states[name] += "down ";
    });
    exit.start();
  }
  await until(() => states.gone1 === "up " && states.a1 === "up ", "both up");
  const { pid } = bench.server;
  await bench.remove("gone1");
  await until(() => states.gone1 === "up down ", "cut off");
  await wait(1000);
  assert.deepEqual(states, { gone1: "up down ", a1: "up " });
  assert.equal(bench.server.pid, pid);
});

test("without TLS the server takes nothing, and our ends say nothing", async () => {
  const said = await new Promise<string>((resolve) => {
    let text = "";
    const socket = connectTcp(bench.listen.port, "127.0.0.1", () => {
      socket.write('CONNECT {"verbose":true,"pedantic":false}\r\nPING\r\n');
    });
    socket.on("data", (bytes) => {
      text += bytes;
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
    socket.setTimeout(3000, () => socket.destroy());
  });
  assert.match(said, /^INFO .*"tls_required":true/);
  assert.doesNotMatch(said, /\+OK|PONG/);

  // A server that claims to have no TLS, or a certificate of somebody else's: it hears no CONNECT, so no signature either.
  let heard = "";
  let connections = 0;
  const liar = createServer((socket) => {
    connections++;
    socket.write(
      'INFO {"server_id":"x","version":"2.9.10","proto":1,"headers":true,"max_payload":1048576,"nonce":"abc"}\r\n',
    );
    socket.on("data", (bytes) => {
      heard += bytes;
    });
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => liar.listen(0, "127.0.0.1", resolve));
  const { port } = liar.address() as { port: number };
  bench.newExit("a1", { servers: [`127.0.0.1:${port}`] }).start();
  await until(() => connections >= 2, "two tries");
  liar.close();
  assert.equal(heard, "");

  await using foreign = await natsBench();
  const exit = bench.newExit("a1", { ca: foreign.ca });
  let up = false;
  exit.onUp(() => {
    up = true;
  });
  exit.start();
  await wait(700);
  assert.equal(up, false, "a certificate of another authority");
});

test("an exit cannot make the office speak where it may not itself: answers go to the asker's inbox alone", async () => {
  const { log, reasons } = recordingLog();
  const office = bench.newOffice({ log });
  let asked = 0;
  office.serve(() => {
    asked++;
    return Buffer.from("an answer");
  });
  await office.start();
  const other = bench.newExit("b1");
  const heard: string[] = [];
  other.onBroadcast((message) => heard.push(Buffer.from(message).toString()));
  await new Promise<void>((resolve) => {
    other.onUp(resolve);
    other.start();
  });
  const { connection } = await bench.raw(bench.keyOf("a1").seed);
  const elsewhere = [
    change(2),
    settings("b1"),
    inbox("b1.x"),
    inbox("a1"),
    `${inbox("a1")}.`,
    `${inbox("a1")}.*`,
    ask("b1"),
  ];
  for (const reply of elsewhere) connection.publish(ask("a1"), "?", { reply });
  connection.publish(ask("a1"), "?");
  await until(() => reasons("request-refused").length === elsewhere.length + 1, "refusals");
  assert.equal(asked, 0);
  // The control: its own inbox.
  const answers: string[] = [];
  connection.subscribe(inbox("a1.x"), { callback: (_, message) => void answers.push(message.string()) });
  connection.publish(ask("a1"), "?", { reply: inbox("a1.x") });
  await until(() => answers.length === 1, "an answer");
  office.broadcast(Buffer.from("end"));
  await until(() => heard.length > 0, "the broadcast");
  assert.deepEqual(heard, ["end"]);
  await office.close();
});

test("JetStream answers no report, whatever reply subject stands on it", async () => {
  const office = bench.newOffice();
  office.serve((request) => request);
  const reports: string[] = [];
  office.onReport(async (bytes) => void reports.push(Buffer.from(bytes).toString()));
  await office.start();
  const other = bench.newExit("b1");
  const heard: string[] = [];
  other.onBroadcast((message) => heard.push(Buffer.from(message).toString()));
  await new Promise<void>((resolve) => {
    other.onUp(resolve);
    other.start();
  });
  const { connection } = await bench.raw(bench.keyOf("a1").seed);
  const trick = () => connection.publish(report("a1"), "a report", { reply: change(2) });
  trick();
  await until(() => reports.length === 1, "the report");
  await wait(100);
  assert.deepEqual(heard, []);
  // The control: a stream that acknowledges speaks for the exit with rights that it has not.
  const { connection: manager } = await bench.raw(bench.office.seed);
  // Its requests need an inbox that the office may hear.
  (manager as unknown as { options: { inboxPrefix: string } }).options.inboxPrefix = inbox("OFFICE");
  const streams = (await jetstreamManager(manager, { checkAPI: false })).streams;
  await streams.update(stream, { no_ack: false });
  trick();
  await until(() => heard.length === 1, "the acknowledgement");
  assert.match(heard[0]!, /"stream":/);
  await streams.update(stream, { no_ack: true });
  await office.close();
});
