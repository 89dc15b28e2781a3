import { hash } from "node:crypto";
import { base32 } from "../lib/base32.ts";
import { FakeClock, toMinutes } from "../lib/clock.ts";
import { CarrierError, type ExitCarrier } from "./carrier.ts";
import { MemoryCarrier } from "./memory-carrier.ts";
import { RosterPublisher } from "./publisher.ts";
import { RosterReplica } from "./replica.ts";
import type { ServerSettings } from "./settings.ts";
import { generateSiteKey } from "./site-key.ts";
import { passwordDigest, recordingLog, until } from "./testing.ts";

/** What the tests of the exit's end of the link share. */

export const key = generateSiteKey();
export const nameOf = (i: number) => base32(hash("sha256", `${i}`, "buffer"), 12);
export const digestOf = (password: string) => new Uint8Array(passwordDigest(password));

export const flip = (bytes: Uint8Array, at: number) => {
  const out = Uint8Array.from(bytes);
  out[at]! ^= 1;
  return out;
};

/** An exit's end of a carrier that remembers what went through it, and whose bytes somebody on the way can change. */
export class WatchedCarrier implements ExitCarrier {
  readonly #inner: ExitCarrier;
  requests: number[] = [];
  answers: Uint8Array[] = [];
  heard: Uint8Array[] = [];
  refuses = (_request: Uint8Array): boolean => false;
  onAnswer = (answer: Uint8Array, _request: Uint8Array): Uint8Array => answer;
  onHeard = (message: Uint8Array): Uint8Array | undefined => message;
  deliver: (message: Uint8Array) => void = () => {};

  constructor(inner: ExitCarrier) {
    this.#inner = inner;
  }
  start = () => this.#inner.start();
  close = () => this.#inner.close();
  onUp = (callback: () => void) => this.#inner.onUp(callback);
  onDown = (callback: () => void) => this.#inner.onDown(callback);
  publishReport = (report: Uint8Array) => this.#inner.publishReport(report);
  async request(message: Uint8Array) {
    this.requests.push(message[0]!);
    if (this.refuses(message)) throw new CarrierError("refused");
    const answer = await this.#inner.request(message);
    this.answers.push(answer);
    return this.onAnswer(answer, message);
  }
  onBroadcast(callback: (message: Uint8Array) => void) {
    this.deliver = callback;
    this.#inner.onBroadcast((message) => {
      this.heard.push(message);
      const changed = this.onHeard(message);
      if (changed !== undefined) callback(changed);
    });
  }
}

export interface WorldOptions {
  clock?: FakeClock;
  signWith?: typeof key;
  seal?: { path: string; key: Uint8Array };
}

/** An office and one exit, a1. */
export function world(options: WorldOptions = {}) {
  const clock = options.clock ?? new FakeClock();
  const office = new MemoryCarrier();
  const { log, events, reasons } = recordingLog();
  const officeLog = recordingLog();
  const publisher = new RosterPublisher({
    key: options.signWith ?? key,
    clock,
    carriers: [office],
    log: officeLog.log,
  });
  const carrier = new WatchedCarrier(office.connect());
  const settings: ServerSettings[] = [];
  const changes: (string[] | "all")[] = [];
  const replica = new RosterReplica({
    server: "a1",
    publicKey: key.publicKey,
    carrier,
    clock,
    log,
    ...(options.seal && { seal: options.seal }),
    uptimeMs: () => clock.monotonic(),
    retryMs: 10,
  });
  replica.onSettings((each) => settings.push(each));
  replica.onChange((each) => changes.push(each));
  const later = toMinutes(clock.now()) + 60;
  return {
    clock,
    office,
    publisher,
    carrier,
    replica,
    settings,
    changes,
    events,
    refusals: () => reasons("roster-refused"),
    later,
    async start() {
      await publisher.start();
      replica.start();
      await until(() => replica.version !== undefined, "the first roster");
    },
    async [Symbol.asyncDispose]() {
      replica.close();
      await publisher.close();
    },
  };
}
