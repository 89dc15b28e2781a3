import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FakeClock } from "../lib/clock.ts";
import { fail, ok, type Result } from "../lib/result.ts";
import type { GoodPair, Pair } from "./pair.ts";
import { RenewedCertificate, type RenewedOptions } from "./renewed.ts";
import { backOffMs, renewAt } from "./schedule.ts";
import type { CertificateState, OrderProblem } from "./state.ts";
import { selfSigned } from "./testing.ts";

const DAY = 86_400_000;
const NAMES = ["vpn.example.net"];

function bench(content: Record<string, string> = {}, changes: Partial<RenewedOptions> = {}) {
  const clock = new FakeClock(Date.now());
  const orders: string[] = [];
  const used: GoodPair[] = [];
  const states: CertificateState[] = [];
  const logged: string[] = [];
  const next: { answer: Result<Pair, OrderProblem> } = { answer: ok(selfSigned(NAMES, 90)) };
  const store = {
    read: (name: string) => content[name],
    write: (name: string, text: string): void => {
      content[name] = text;
    },
  };
  const certificate = new RenewedCertificate({
    names: NAMES,
    store,
    order: async (accountKey) => {
      orders.push(accountKey);
      return next.answer;
    },
    newAccountKey: () => "account key",
    clock,
    log: (code, fields) => logged.push(`${code} ${fields?.reason ?? ""}`.trim()),
    onPair: (pair) => used.push(pair),
    onState: (state) => states.push(state),
    chance: () => 0,
    ...changes,
  });
  return { certificate, clock, content, orders, used, states, logged, next, store };
}

describe("a certificate that renews itself", () => {
  it("is ordered once, kept with its account, and used again by the next life without an order", async () => {
    const first = bench();
    await first.certificate.look();
    assert.deepEqual(first.orders, ["account key"]);
    assert.equal(first.used.length, 1);
    await first.certificate.look();
    assert.equal(first.orders.length, 1);

    const second = bench(first.content);
    second.certificate.start();
    await second.certificate.look();
    second.certificate.close();
    assert.equal(second.orders.length, 0);
    assert.equal(second.used[0]?.notAfterMs, first.used[0]?.notAfterMs);
  });

  it("is renewed with a third of its lifetime left, with the same account", async () => {
    const { certificate, clock, orders, used } = bench();
    await certificate.look();
    clock.advance(59 * DAY);
    await certificate.look();
    assert.equal(orders.length, 1);
    clock.advance(1.1 * DAY);
    await certificate.look();
    assert.deepEqual(orders, ["account key", "account key"]);
    assert.equal(used.length, 2);
  });

  it("stays in use while renewals fail, which are said and come ever more seldom", async () => {
    const { certificate, clock, next, orders, used, states, logged } = bench();
    await certificate.look();
    clock.advance(61 * DAY);
    for (const [index, problem] of (["challenge", "rate-limited", "unreachable"] as const).entries()) {
      next.answer = fail(problem);
      await certificate.look();
      assert.deepEqual(states.at(-1), { source: "acme", notAfterMs: used[0]!.notAfterMs, problem });
      assert.equal(logged.at(-1), `certificate-failed ${problem}`);
      // Too early: nobody is asked.
      await certificate.look();
      assert.equal(orders.length, 2 + index);
      clock.advance(300_000 * 2 ** index);
    }
    assert.equal(used.length, 1);
  });

  it("goes on where one try has worked again", async () => {
    const { certificate, clock, next, orders, used, states } = bench();
    next.answer = fail("challenge");
    await certificate.look();
    assert.deepEqual(states.at(-1), { source: "acme", problem: "challenge" });
    next.answer = ok(selfSigned(NAMES, 90));
    clock.advance(299_000);
    await certificate.look();
    assert.equal(used.length, 0);
    clock.advance(2_000);
    await certificate.look();
    assert.equal(used.length, 1);
    assert.equal(orders.length, 2);
    assert.equal(states.at(-1)?.problem, undefined);
  });

  it("is not replaced by one that is no good", async () => {
    const { certificate, clock, next, used, states } = bench();
    await certificate.look();
    clock.advance(61 * DAY);
    next.answer = ok(selfSigned(["other.example.net"], 200));
    await certificate.look();
    assert.equal(used.length, 1);
    assert.equal(states.at(-1)?.problem, "names");
  });

  it("of an earlier life for other names, or over, is not used", async () => {
    const other = selfSigned(["other.example.net"]);
    const { certificate, logged, used, orders } = bench({
      "certificate.pem": `${other.certificate}\n${other.key}`,
    });
    certificate.start();
    await certificate.look();
    certificate.close();
    assert.equal(logged[0], "certificate-refused names");
    assert.equal(orders.length, 1);
    assert.equal(used.length, 1);
  });

  it("is used although it cannot be written, and that is said", async () => {
    const content: Record<string, string> = { "account.key": "an old key" };
    const { certificate, used, states, orders } = bench(content, {
      store: {
        read: (name) => content[name],
        write: () => {
          throw Object.assign(new Error("full"), { code: "ENOSPC" });
        },
      },
    });
    await certificate.look();
    assert.deepEqual(orders, ["an old key"]);
    assert.equal(used.length, 1);
    assert.equal(states.at(-1)?.problem, "unwritable");
  });

  it("is not ordered with an account that could not be kept", async () => {
    const { certificate, orders, states } = bench(
      {},
      {
        store: {
          read: () => undefined,
          write: () => {
            throw Object.assign(new Error("full"), { code: "ENOSPC" });
          },
        },
      },
    );
    await certificate.look();
    assert.equal(orders.length, 0);
    assert.equal(states.at(-1)?.problem, "unwritable");
  });
});

describe("when a certificate is renewed", () => {
  it("is never later than with a third left, and not the same moment for all", () => {
    const span = { notBeforeMs: 0, notAfterMs: 90 * DAY };
    assert.equal(
      renewAt(span, () => 0),
      60 * DAY,
    );
    assert.equal(
      renewAt(span, () => 0.5),
      57 * DAY,
    );
    const moments = Array.from({ length: 50 }, () => renewAt(span));
    assert(moments.every((at) => at <= 60 * DAY && at >= 54 * DAY));
    assert(new Set(moments).size > 40);
  });

  it("is tried again after five minutes, ten, twenty, and at most six hours", () => {
    const waits = [1, 2, 3, 7, 50, 5000].map((failures) => backOffMs(failures, () => 0) / 60_000);
    assert.deepEqual(waits, [5, 10, 20, 320, 360, 360]);
  });
});
