import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { frame } from "../lib/frames.ts";
import { natsBench } from "../office/nats-testing.ts";
import { CarrierError, type ExitCarrier, MAX_MESSAGE_BYTES, type OfficeCarrier } from "./carrier.ts";
import { PROTOCOL, type Protocol } from "./documents.ts";
import { MemoryCarrier } from "./memory-carrier.ts";
import { until } from "./testing.ts";
import { UnixExitCarrier, UnixOfficeCarrier } from "./unix-carrier.ts";

const folder = mkdtempSync(join(tmpdir(), "lethe-carrier-"));
after(() => rmSync(folder, { recursive: true }));
let sockets = 0;

interface Pair {
  office: OfficeCarrier;
  newExit(options?: { server?: "a1" | "b1"; protocol?: Protocol }): ExitCarrier;
  [Symbol.asyncDispose](): Promise<void>;
}

interface Kind {
  make(): Promise<Pair>;
  /** Its exits are told when the office goes; on NATS they are told when the server does. */
  tellsDown: boolean;
  /** Its office has more servers than its own machine's. */
  manyServers: boolean;
}

const kinds: Record<string, Kind> = {
  memory: {
    tellsDown: true,
    manyServers: true,
    async make() {
      const office = new MemoryCarrier();
      return {
        office,
        newExit: (options) => office.connect(options),
        [Symbol.asyncDispose]: () => office.close(),
      };
    },
  },
  "unix socket": {
    tellsDown: true,
    manyServers: false,
    async make() {
      const path = join(folder, `link${sockets++}`);
      const office = new UnixOfficeCarrier({ path, server: "a1" });
      return {
        office,
        newExit: ({ protocol = PROTOCOL } = {}) => new UnixExitCarrier({ path, protocol }),
        [Symbol.asyncDispose]: async () => {},
      };
    },
  },
  NATS: {
    tellsDown: false,
    manyServers: true,
    async make() {
      const bench = await natsBench();
      await bench.add("a1", "b1");
      return {
        office: bench.newOffice(),
        newExit: ({ server = "a1", protocol = PROTOCOL } = {}) => bench.newExit(server, { protocol }),
        [Symbol.asyncDispose]: () => bench[Symbol.asyncDispose](),
      };
    },
  },
};

async function up(exit: ExitCarrier): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  exit.onUp(resolve);
  exit.start();
  await promise;
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

for (const [kind, { make, tellsDown, manyServers }] of Object.entries(kinds)) {
  describe(`carrier: ${kind}`, () => {
    test("requests get their own answers, also when many are under way", async () => {
      await using pair = await make();
      const { office, newExit } = pair;
      office.serve(async (request) => {
        await new Promise((resolve) => setTimeout(resolve, request[0]! % 5));
        return Buffer.from(`answer to ${text(request)}`);
      });
      await office.start();
      const exit = newExit();
      await up(exit);
      const asked = Array.from({ length: 20 }, (_, i) => `${i}`);
      const answers = await Promise.all(asked.map((question) => exit.request(Buffer.from(question))));
      assert.deepEqual(
        answers.map(text),
        asked.map((question) => `answer to ${question}`),
      );
      exit.close();
      await office.close();
    });

    test("a request that the office refuses fails, and the next one works", async () => {
      await using pair = await make();
      const { office, newExit } = pair;
      office.serve((request) => {
        if (text(request) === "bad") throw new Error("no");
        return request;
      });
      await office.start();
      const exit = newExit();
      await up(exit);
      await assert.rejects(
        exit.request(Buffer.from("bad")),
        (error) => error instanceof CarrierError && error.code === "refused",
      );
      assert.equal(text(await exit.request(Buffer.from("good"))), "good");
      exit.close();
      await office.close();
    });

    test("broadcasts reach every exit in order, reports reach the office", async () => {
      await using pair = await make();
      const { office, newExit } = pair;
      office.serve((request) => request);
      const reports: string[][] = [];
      office.onReport(async (bytes, from) => void reports.push([text(bytes), from]));
      await office.start();
      const exits = [newExit(), newExit()];
      const heard = exits.map(() => [] as string[]);
      for (const [i, exit] of exits.entries()) {
        exit.onBroadcast((message) => heard[i]!.push(text(message)));
        await up(exit);
      }
      // An exit is certainly known to the office once it has had an answer.
      for (const exit of exits) await exit.request(Buffer.from("hello"));
      for (const message of ["one", "two", "three"]) office.broadcast(Buffer.from(message));
      await until(() => heard.every((messages) => messages.length === 3), "all heard");
      assert.deepEqual(heard[0], ["one", "two", "three"]);
      assert.deepEqual(heard[1], ["one", "two", "three"]);
      exits[1]!.publishReport(Buffer.from("totals"));
      await until(() => reports.length === 1, "a report");
      assert.deepEqual(reports, [["totals", "a1"]]);
      for (const exit of exits) exit.close();
      await office.close();
    });

    test("without the office requests fail at once", async () => {
      await using pair = await make();
      const { office, newExit } = pair;
      office.serve((request) => request);
      await office.start();
      const exit = newExit();
      let down = false;
      exit.onDown(() => {
        down = true;
      });
      await up(exit);
      assert.equal(text(await exit.request(Buffer.from("there"))), "there");
      await office.close();
      if (tellsDown) await until(() => down, "down");
      const asked = performance.now();
      await assert.rejects(
        exit.request(Buffer.from("x")),
        (error) => error instanceof CarrierError && error.code === "down",
      );
      const tookMs = performance.now() - asked;
      assert.ok(tookMs < 30_000, `${tookMs} ms`);
      exit.publishReport(Buffer.from("nobody is there"));
      exit.close();
    });

    test("what is for exits of one protocol reaches no other", async () => {
      await using pair = await make();
      const { office, newExit } = pair;
      office.serve((request) => request);
      await office.start();
      const exits = [newExit({ protocol: 2 }), newExit({ protocol: 1 })];
      const heard = exits.map(() => [] as string[]);
      for (const [i, exit] of exits.entries()) {
        exit.onBroadcast((message) => heard[i]!.push(text(message)));
        await up(exit);
        await exit.request(Buffer.from("hello"));
      }
      office.broadcast(Buffer.from("two"), { protocol: 2 });
      office.broadcast(Buffer.from("one"), { protocol: 1 });
      office.broadcast(Buffer.from("end"));
      await until(() => heard.every((messages) => messages.at(-1) === "end"), "all heard");
      assert.deepEqual(heard, [
        ["two", "end"],
        ["one", "end"],
      ]);
      for (const exit of exits) exit.close();
      await office.close();
    });

    test("what is for one server reaches no other; requests and reports say whose they are", async () => {
      await using pair = await make();
      const { office, newExit } = pair;
      office.serve((_request, from) => Buffer.from(from));
      const reports: string[][] = [];
      office.onReport(async (bytes, from) => void reports.push([text(bytes), from]));
      await office.start();
      const names = manyServers ? (["a1", "b1"] as const) : (["a1"] as const);
      const exits = names.map((server) => newExit({ server }));
      const heard = exits.map(() => [] as string[]);
      for (const [i, exit] of exits.entries()) {
        exit.onBroadcast((message) => heard[i]!.push(text(message)));
        await up(exit);
        assert.equal(text(await exit.request(Buffer.from("who am I?"))), names[i]);
        exit.publishReport(Buffer.from(`${i}`));
      }
      office.broadcast(Buffer.from("for a1"), { server: "a1" });
      office.broadcast(Buffer.from("for b1"), { server: "b1" });
      office.broadcast(Buffer.from("end"));
      await until(() => heard.every((messages) => messages.at(-1) === "end"), "all heard");
      assert.deepEqual(
        heard,
        names.map((name) => [`for ${name}`, "end"]),
      );
      await until(() => reports.length === names.length, "reports");
      assert.deepEqual(
        reports.toSorted(),
        names.map((name, i) => [`${i}`, name]),
      );
      for (const exit of exits) exit.close();
      await office.close();
    });

    test("a message that is too long is not sent, and the next one is", async () => {
      await using pair = await make();
      const { office, newExit } = pair;
      office.serve((request) => (text(request) === "much" ? new Uint8Array(MAX_MESSAGE_BYTES + 1) : request));
      await office.start();
      const exit = newExit();
      const heard: string[] = [];
      exit.onBroadcast((message) => heard.push(text(message)));
      await up(exit);
      const refusal = (error: unknown) => error instanceof CarrierError && error.code === "too-long";
      await assert.rejects(exit.request(new Uint8Array(MAX_MESSAGE_BYTES + 1)), refusal);
      await assert.rejects(exit.request(Buffer.from("much")), CarrierError);
      exit.publishReport(new Uint8Array(MAX_MESSAGE_BYTES + 1));
      office.broadcast(new Uint8Array(MAX_MESSAGE_BYTES + 1));
      assert.equal(text(await exit.request(Buffer.from("little"))), "little");
      office.broadcast(Buffer.from("short"));
      await until(() => heard.length > 0, "the next broadcast");
      assert.deepEqual(heard, ["short"]);
      exit.close();
      await office.close();
    });

    test("a large message arrives whole", async () => {
      await using pair = await make();
      const { office, newExit } = pair;
      const large = Buffer.alloc(3_000_000, "large ");
      office.serve(() => large);
      await office.start();
      const exit = newExit();
      await up(exit);
      assert.ok(large.equals(await exit.request(Buffer.from("?"))));
      exit.close();
      await office.close();
    });
  });
}

test("unix socket: the exit connects when the office comes, and again when it comes back", async () => {
  const path = join(folder, "later");
  const exit = new UnixExitCarrier({ path });
  let ups = 0;
  exit.onUp(() => ups++);
  exit.start();
  for (const round of [1, 2]) {
    const office = new UnixOfficeCarrier({ path, server: "a1" });
    office.serve((request) => request);
    await office.start();
    await until(() => ups === round, `up, round ${round}`);
    await office.close();
  }
  exit.close();
});

test("unix socket: others may connect only where the folder keeps strangers out", async () => {
  const path = join(folder, "mode");
  const mode = async () => {
    const office = new UnixOfficeCarrier({ path, server: "a1" });
    await office.start();
    const bits = statSync(path).mode & 0o777;
    await office.close();
    return bits;
  };
  assert.equal(await mode(), 0o666);
  chmodSync(folder, 0o755);
  assert.equal(await mode(), 0o600);
  chmodSync(folder, 0o700);
});

test("unix socket: garbage from a peer ends that connection and nothing else", async () => {
  const path = join(folder, "garbage");
  const office = new UnixOfficeCarrier({ path, server: "a1" });
  office.serve((request) => request);
  await office.start();
  for (const bytes of [
    Buffer.alloc(100, 0xff),
    frame(),
    frame(Buffer.of(9, 0, 0, 0, 0)),
    frame(Buffer.of(1, 0)),
  ]) {
    const socket = connect(path);
    socket.on("error", () => {});
    socket.write(bytes);
    await new Promise((resolve) => socket.on("close", resolve));
  }
  const exit = new UnixExitCarrier({ path });
  await up(exit);
  assert.equal(text(await exit.request(Buffer.from("still there"))), "still there");
  exit.close();
  await office.close();
});
