import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { FakeClock } from "../lib/clock.ts";
import { command, webhook } from "./alert-channels.ts";
import { type Alert, type AlertChannel, Alerts } from "./alerts.ts";
import type { ServerStatus } from "./server-status.ts";

const MINUTE_MS = 60_000;

/** Servers whose state the test sets by hand, and the alerts that come of it. */
class World {
  readonly clock = new FakeClock(Date.UTC(2030, 5, 1));
  readonly told: string[] = [];
  readonly states = new Map<string, ServerStatus["state"]>();
  readonly failures = new Map<string, number>();
  leads = true;
  accepts = true;
  readonly outcomes: string[] = [];
  readonly channel: AlertChannel = {
    name: "webhook",
    send: async ({ server, service = "-", state }) => {
      if (this.accepts) this.told.push(`${server} ${service} ${state}`);
      return this.accepts;
    },
  };
  alerts = this.office();

  office(): Alerts {
    return new Alerts({
      status: {
        list: async () => [...this.states].map(([server, state]) => this.#server(server, state)),
        failures: (server, service) => this.failures.get(`${server} ${service}`) ?? 0,
      },
      clock: this.clock,
      channels: [this.channel],
      leads: () => this.leads,
      onOutcome: (channel, outcome) => this.outcomes.push(`${channel} ${outcome}`),
    });
  }

  async look(passMs = 15_000): Promise<void> {
    this.clock.advance(passMs);
    await this.alerts.look();
    await sleep(0);
  }

  #server(server: string, state: ServerStatus["state"]): ServerStatus {
    const healthy = (service: string) => (this.failures.get(`${server} ${service}`) ?? 0) === 0;
    return {
      server,
      state,
      services: ["openvpn", "http"].map((service) => ({
        service,
        healthy: state === "up" && healthy(service),
        ports: [],
      })),
    } as unknown as ServerStatus;
  }
}

test("a server that falls silent and comes back is told of once each", async () => {
  const world = new World();
  world.states.set("london1", "up").set("oslo1", "up");
  await world.look(5 * MINUTE_MS);
  world.states.set("oslo1", "no-news");
  for (let round = 0; round < 3; round++) await world.look();
  world.states.set("oslo1", "never");
  await world.look();
  world.states.set("oslo1", "up");
  for (let round = 0; round < 3; round++) await world.look();
  assert.deepEqual(world.told, ["oslo1 - no-news", "oslo1 - back"]);
  // One that is taken out of the fleet is no news.
  world.states.delete("oslo1");
  await world.look();
  assert.equal(world.told.length, 2);
});

test("a service is told of after two failures in a row, not after one, and again when it works", async () => {
  const world = new World();
  world.states.set("london1", "up");
  await world.look(5 * MINUTE_MS);
  world.failures.set("london1 http", 1);
  await world.look();
  world.failures.set("london1 http", 0);
  await world.look();
  assert.deepEqual(world.told, []);
  for (const failures of [1, 2, 3]) {
    world.failures.set("london1 http", failures);
    await world.look();
  }
  // While it is silent nothing is known of its services.
  world.states.set("london1", "no-news");
  await world.look();
  world.states.set("london1", "up");
  await world.look();
  world.failures.set("london1 http", 0);
  await world.look();
  assert.deepEqual(world.told, [
    "london1 http failing",
    "london1 - no-news",
    "london1 - back",
    "london1 http working",
  ]);
});

test("after a start the exits have four minutes to be heard; a new server was never there to fall silent", async () => {
  const world = new World();
  world.states.set("london1", "no-news").set("new1", "never").set("slow1", "no-news");
  await world.look(MINUTE_MS);
  world.states.set("slow1", "up");
  await world.look(MINUTE_MS);
  assert.deepEqual(world.told, []);
  await world.look(3 * MINUTE_MS);
  assert.deepEqual(world.told, ["london1 - no-news"]);
});

test("of two offices the one that leads tells; what its predecessor may not have told, its successor does", async () => {
  const world = new World();
  world.states.set("london1", "up").set("oslo1", "up");
  world.leads = false;
  await world.look(5 * MINUTE_MS);
  world.states.set("london1", "no-news");
  await world.look();
  await world.look(3 * MINUTE_MS);
  world.states.set("oslo1", "no-news");
  await world.look();
  assert.deepEqual(world.told, []);
  world.leads = true;
  await world.look();
  // London's silence is minutes old: the leader before told it.
  assert.deepEqual(world.told, ["oslo1 - no-news"]);
});

test("what is not taken is tried again, in its order, until a day has passed", async () => {
  const world = new World();
  world.states.set("london1", "up");
  await world.look(5 * MINUTE_MS);
  world.accepts = false;
  world.states.set("london1", "no-news");
  await world.look();
  world.states.set("london1", "up");
  await world.look();
  assert.deepEqual([world.told, world.outcomes], [[], ["webhook failed"]]);
  world.accepts = true;
  for (let waits = 0; world.told.length < 2 && waits < 600; waits++) await sleep(50);
  assert.deepEqual(world.told, ["london1 - no-news", "london1 - back"]);

  world.accepts = false;
  world.states.set("london1", "no-news");
  await world.look();
  await world.look(25 * 3_600_000);
  for (let waits = 0; !world.outcomes.includes("webhook given-up") && waits < 600; waits++) await sleep(50);
  assert.ok(world.outcomes.includes("webhook given-up"));
  world.alerts.close();
});

const alert: Alert = { server: "london1", service: "http", state: "failing", at: "2030-06-01T00:00:00.000Z" };

/** Takes what is posted to it, and answers as told. */
async function collector(
  answer: (path: string) => { status: number; location?: string; lateMs?: number },
): Promise<{ origin: string; got: { path: string; body: string }[]; server: Server }> {
  const got: { path: string; body: string }[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    const { status, location, lateMs = 0 } = answer(request.url ?? "");
    got.push({ path: `${request.method} ${request.url}`, body });
    await sleep(lateMs);
    response.writeHead(status, location === undefined ? {} : { location }).end("x".repeat(100_000));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { origin: `http://127.0.0.1:${port}`, got, server };
}

test("a webhook gets the alert as JSON; only a success is a success, in time, and without leaving the scheme", async () => {
  const { origin, got, server } = await collector((path) => {
    if (path === "/moved") return { status: 307, location: "/hook" };
    if (path === "/lost") return { status: 302, location: "/hook" };
    if (path === "/round") return { status: 308, location: "/round" };
    if (path === "/plain") return { status: 307, location: "ftp://127.0.0.1/hook" };
    if (path === "/late") return { status: 204, lateMs: 2000 };
    return { status: path === "/hook" ? 204 : 500 };
  });
  assert.equal(await webhook(`${origin}/hook`).send(alert), true);
  assert.deepEqual(got, [{ path: "POST /hook", body: JSON.stringify(alert) }]);
  assert.equal(await webhook(`${origin}/broken`).send(alert), false);
  assert.equal(await webhook(`${origin}/moved`).send(alert), true);
  assert.equal(got.filter(({ path }) => path === "POST /hook").length, 2);
  for (const path of ["/lost", "/round", "/plain"])
    assert.equal(await webhook(`${origin}${path}`).send(alert), false, path);
  await assert.rejects(webhook(`${origin}/late`, 100).send(alert));
  server.closeAllConnections();
  server.close();
  await assert.rejects(webhook(`${origin}/hook`).send(alert));
});

test("a command gets the alert on its standard input, and nothing in its arguments", async () => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-alerts-"));
  const script = join(folder, "take");
  writeFileSync(script, `#!/bin/sh\nprintf '%s\\n' "$#" "$@" > ${folder}/words\ncat > ${folder}/input\n`);
  chmodSync(script, 0o700);
  assert.equal(await command([script, "two words"]).send(alert), true);
  assert.equal(readFileSync(`${folder}/input`, "utf8"), `${JSON.stringify(alert)}\n`);
  assert.equal(readFileSync(`${folder}/words`, "utf8"), "1\ntwo words\n");
  assert.equal(await command(["/bin/false"]).send(alert), false);
  assert.equal(await command([join(folder, "nowhere")]).send(alert), false);
  assert.equal(await command(["/bin/sleep", "5"], 100).send(alert), false);
  assert.ok(existsSync(script));
  rmSync(folder, { recursive: true });
});
