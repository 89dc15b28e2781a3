import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { frame } from "../lib/frames.ts";
import { CarrierError, type ExitCarrier, type OfficeCarrier } from "./carrier.ts";
import { MemoryCarrier } from "./memory-carrier.ts";
import { until } from "./testing.ts";
import { UnixExitCarrier, UnixOfficeCarrier } from "./unix-carrier.ts";

const folder = mkdtempSync(join(tmpdir(), "lethe-carrier-"));
after(() => rmSync(folder, { recursive: true }));
let sockets = 0;

interface Pair {
  office: OfficeCarrier;
  newExit(): ExitCarrier;
}

const kinds: Record<string, () => Pair> = {
  memory: () => {
    const office = new MemoryCarrier();
    return { office, newExit: () => office.connect() };
  },
  "unix socket": () => {
    const path = join(folder, `link${sockets++}`);
    return {
      office: new UnixOfficeCarrier({ path, server: "a1" }),
      newExit: () => new UnixExitCarrier({ path }),
    };
  },
};

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

for (const [kind, make] of Object.entries(kinds)) {
  describe(`carrier: ${kind}`, () => {
    test("requests get their own answers, also when many are under way", async () => {
      const { office, newExit } = make();
      office.serve(async (request) => {
        await new Promise((resolve) => setTimeout(resolve, request[0]! % 5));
        return Buffer.from(`answer to ${text(request)}`);
      });
      await office.start();
      const exit = newExit();
      const up = new Promise<void>((resolve) => exit.onUp(resolve));
      exit.start();
      await up;
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
      const { office, newExit } = make();
      office.serve((request) => {
        if (text(request) === "bad") throw new Error("no");
        return request;
      });
      await office.start();
      const exit = newExit();
      const up = new Promise<void>((resolve) => exit.onUp(resolve));
      exit.start();
      await up;
      await assert.rejects(
        exit.request(Buffer.from("bad")),
        (error) => error instanceof CarrierError && error.code === "refused",
      );
      assert.equal(text(await exit.request(Buffer.from("good"))), "good");
      exit.close();
      await office.close();
    });

    test("broadcasts reach every exit in order, reports reach the office", async () => {
      const { office, newExit } = make();
      office.serve((request) => request);
      const reports: string[][] = [];
      office.onReport(async (bytes, from) => void reports.push([text(bytes), from]));
      await office.start();
      const exits = [newExit(), newExit()];
      const heard = exits.map(() => [] as string[]);
      let up = 0;
      for (const [i, exit] of exits.entries()) {
        exit.onBroadcast((message) => heard[i]!.push(text(message)));
        exit.onUp(() => up++);
        exit.start();
      }
      await until(() => up === 2, "both up");
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

    test("without the office: down, requests fail at once", async () => {
      const { office, newExit } = make();
      office.serve((request) => request);
      await office.start();
      const exit = newExit();
      let state = "new";
      exit.onUp(() => {
        state = "up";
      });
      exit.onDown(() => {
        state = "down";
      });
      exit.start();
      await until(() => state === "up", "up");
      await office.close();
      await until(() => state === "down", "down");
      await assert.rejects(exit.request(Buffer.from("x")), CarrierError);
      exit.publishReport(Buffer.from("lost"));
      exit.close();
    });

    test("a large message arrives whole", async () => {
      const { office, newExit } = make();
      const large = Buffer.alloc(3_000_000, "large ");
      office.serve(() => large);
      await office.start();
      const exit = newExit();
      const up = new Promise<void>((resolve) => exit.onUp(resolve));
      exit.start();
      await up;
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
  const up = new Promise<void>((resolve) => exit.onUp(resolve));
  exit.start();
  await up;
  assert.equal(text(await exit.request(Buffer.from("still there"))), "still there");
  exit.close();
  await office.close();
});
