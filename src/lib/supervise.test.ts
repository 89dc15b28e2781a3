import assert from "node:assert/strict";
import { test } from "node:test";
import { type ChildState, type RunningChild, Supervised } from "./supervise.ts";

/** A child that ends when it is told to, or when the test says so. */
class FakeChild implements RunningChild {
  pid = 42;
  #exited = Promise.withResolvers<number | undefined>();
  exited = this.#exited.promise;
  signals: string[] = [];
  obeys: boolean;
  constructor(obeys = true) {
    this.obeys = obeys;
  }
  end(code: number | undefined): void {
    this.#exited.resolve(code);
  }
  terminate(): void {
    this.signals.push("TERM");
    if (this.obeys) this.end(0);
  }
  kill(): void {
    this.signals.push("KILL");
    this.end(undefined);
  }
}

const until = async (condition: () => boolean): Promise<void> => {
  const endMs = performance.now() + 30_000;
  while (!condition()) {
    assert.ok(performance.now() < endMs, "waited in vain");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
};

test("a child that ends is started again, each time after twice the delay, up to the longest", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let children: FakeChild[] = [];
  const states: ChildState[] = [];
  const supervised = new Supervised({
    start: async () => {
      const child = new FakeChild();
      children.push(child);
      return child;
    },
    onState: (state) => states.push(state),
    shortestDelayMs: 100,
    longestDelayMs: 350,
    steadyMs: 10_000,
  });
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  supervised.start();
  await settle();
  for (const delayMs of [100, 200, 350, 350]) {
    children = [children.at(-1)!];
    children[0]!.end(1);
    await settle();
    assert.equal(supervised.state, "backing-off");
    t.mock.timers.tick(delayMs - 1);
    await settle();
    assert.equal(children.length, 1, `too early for ${delayMs}`);
    t.mock.timers.tick(1);
    await settle();
    assert.equal(children.length, 2);
    assert.equal(supervised.state, "running");
  }
  t.mock.timers.tick(10_000);
  children.at(-1)!.end(1);
  await settle();
  t.mock.timers.tick(100);
  await settle();
  assert.equal(supervised.state, "running", "after a steady time the delay is the shortest again");
  assert.deepEqual(states.slice(0, 4), ["starting", "running", "backing-off", "starting"]);
});

test("a refusal is kept as the reason until a start succeeds", async () => {
  const answers: (RunningChild | "port-taken")[] = ["port-taken", new FakeChild()];
  const seen: (string | undefined)[] = [];
  const supervised: Supervised<"port-taken"> = new Supervised<"port-taken">({
    start: async () => answers.shift()!,
    onState: () => seen.push(supervised.refused),
    shortestDelayMs: 5,
  });
  supervised.start();
  await until(() => supervised.state === "running");
  assert.deepEqual(seen, [undefined, "port-taken", "port-taken", undefined]);
  await supervised.stop();
});

test("a start that throws is tried again", async () => {
  let tries = 0;
  const supervised = new Supervised({
    start: async () => {
      if (++tries < 3) throw new Error("no");
      return new FakeChild();
    },
    shortestDelayMs: 2,
  });
  supervised.start();
  await until(() => supervised.state === "running");
  assert.equal(tries, 3);
  await supervised.stop();
});

test("stop asks first, ends by force what stays, and nothing is started afterwards", async () => {
  for (const obeys of [true, false]) {
    const child = new FakeChild(obeys);
    let starts = 0;
    const supervised = new Supervised({
      start: async () => {
        starts++;
        return child;
      },
      graceMs: 10,
      shortestDelayMs: 1,
    });
    supervised.start();
    await until(() => supervised.state === "running");
    await supervised.stop();
    assert.deepEqual(child.signals, obeys ? ["TERM"] : ["TERM", "KILL"]);
    assert.equal(supervised.state, "stopped");
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(starts, 1);
  }
});

test("what is stopped while it starts is ended as soon as it is there", async () => {
  const held = Promise.withResolvers<RunningChild>();
  const supervised = new Supervised({ start: () => held.promise });
  supervised.start();
  const stopped = supervised.stop();
  const child = new FakeChild();
  held.resolve(child);
  await stopped;
  assert.deepEqual(child.signals, ["TERM"]);
});

test("release lets the child live", async () => {
  const child = new FakeChild();
  const supervised = new Supervised({ start: async () => child, shortestDelayMs: 1 });
  supervised.start();
  await until(() => supervised.state === "running");
  supervised.release();
  child.end(0);
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual(child.signals, []);
  assert.equal(supervised.state, "stopped");
});
