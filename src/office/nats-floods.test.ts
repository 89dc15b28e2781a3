import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { headers } from "@nats-io/transport-node";
import { MAX_REPORT_BYTES } from "../link/carrier.ts";
import { linkSubjects } from "../link/nats-subjects.ts";
import { until } from "../link/testing.ts";
import { REQUEST } from "../link/wire.ts";
import { natsBench } from "./nats-testing.ts";

/** An exit that somebody has taken over, with its link key, against the office and the other exits. */

test("reports with ever new, long ids do not fill nats-server's memory", async () => {
  await using bench = await natsBench();
  await bench.add("evil1");
  const office = bench.newOffice();
  office.serve((request) => request);
  let taken = 0;
  office.onReport(async () => void taken++);
  await office.start();
  const { connection } = await bench.raw(bench.keyOf("evil1").seed);
  const memory = () =>
    Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${bench.server.pid}/status`, "utf8"))![1]) / 1000;
  const before = memory();
  // 120 MB of ids.
  for (let i = 0; i < 200; i++) {
    for (let j = 0; j < 100; j++) {
      const named = headers();
      named.set("Nats-Msg-Id", randomBytes(3000).toString("hex"));
      connection.publish(linkSubjects(bench.site).report("evil1"), "", { headers: named });
    }
    await connection.flush();
  }
  assert.ok(memory() - before < 110, `${memory() - before} MB more`);
  assert.ok(taken > 0);
});

test("a server with as many reports waiting as it may have does not hold up another's", async () => {
  await using bench = await natsBench();
  await bench.add("evil1", "good1");
  const office = bench.newOffice();
  office.serve((request) => request);
  const taken: string[] = [];
  const closed = Promise.withResolvers<void>();
  office.onReport((_report, from) => {
    taken.push(from);
    return from === "evil1" ? closed.promise : Promise.resolve();
  });
  await office.start();
  const { connection } = await bench.raw(bench.keyOf("evil1").seed);
  for (let i = 0; i < 3000; i++) connection.publish(linkSubjects(bench.site).report("evil1"), `${i}`);
  await connection.flush();
  const good = bench.newExit("good1");
  good.start();
  for (let i = 0; i < 5; i++) good.publishReport(Buffer.alloc(MAX_REPORT_BYTES));
  const takenOf = (server: string) => taken.filter((from) => from === server).length;
  try {
    await until(() => takenOf("good1") === 5, "the other's reports");
    assert.equal(takenOf("evil1"), 1);
  } finally {
    closed.resolve();
  }
});

test("certificates and long questions are answered far more seldom than short ones", async () => {
  await using bench = await natsBench();
  await bench.add("evil1", "evil2", "evil3", "good1");
  const office = bench.newOffice();
  const answered = new Map<string, number>();
  office.serve((request, from) => {
    answered.set(from, (answered.get(from) ?? 0) + 1);
    return request.subarray(0, 1);
  });
  await office.start();
  const ask = async (server: string, request: Uint8Array) => {
    const exit = bench.newExit(server);
    const up = new Promise<void>((resolve) => exit.onUp(resolve));
    exit.start();
    await up;
    for (let i = 0; i < 50; i++) await exit.request(request).catch(() => undefined);
    return answered.get(server)!;
  };
  const certificates = await ask("evil1", Buffer.of(REQUEST.certificate));
  const long = await ask("evil2", Buffer.alloc(1_000_000, REQUEST.rows));
  assert.ok(certificates >= 5 && certificates < 10, `${certificates} certificates`);
  assert.ok(long >= 4 && long < 10, `${long} long ones`);
  const standings = await ask("evil3", Buffer.of(REQUEST.publicCertificate));
  assert.ok(standings >= 25 && standings < 45, `${standings} standings`);
  assert.equal(await ask("good1", Buffer.of(REQUEST.nodes)), 50);
});
