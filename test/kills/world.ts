import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Accounts } from "../../src/accounts/accounts.ts";
import type { BegunOrder } from "../../src/billing/checkout.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { openStore } from "../../src/store/open.ts";
import { BtcpaySimulator, signature } from "../simulators/btcpay.ts";
import { type PayPalSimulator, startPayPal } from "../simulators/paypal.ts";
import type { SentEvent } from "../simulators/paypal-state.ts";
import type { Counts, KillOffice } from "./office.ts";

const DAY_S = 86_400;
/** What a payment gives: the plan that is sold unless lethe.toml says otherwise. */
export const PLAN_S = 30 * DAY_S;
const MEMBERS = 4;
/** A delivery that no office takes after so many new ones is a failure. */
const TRIES_MOST = 20;

/** When the office died, seen from what it was told to do. */
export interface Tally {
  /** Nothing had been written. */
  before: number;
  /** It had been done, and nobody had been told. */
  between: number;
  /** Whoever asked for it had been told. */
  after: number;
}

export interface Delivery {
  path: string;
  headers: Record<string, string>;
  body: string;
}

export interface KillOptions {
  kills: number;
  seed: number;
  /** What `openStore` takes; an empty store. */
  where: KillOffice["store"];
  /** Told after every hundred. */
  progress?: (tally: Tally) => void;
}

/** More than so many times the kills that were asked for are not made in search of a death that is missing. */
const EXTRA_TIMES = 3;

/** Whether that was enough: so many kills, and deaths on both sides of what they fall around, which a slow machine needs more for. */
export const isEnough = ({ before, between, after }: Tally, kills: number): boolean => {
  const done = before + between + after;
  return done >= kills && ((before > 0 && after > 0) || done >= EXTRA_TIMES * kills);
};

/** How long what is killed takes about, on this machine now, so that the deaths fall around its end. */
export class Aim {
  ms: number;
  #reached = false;

  constructor(ms: number) {
    this.ms = ms;
  }

  learn(death: keyof Tally): void {
    this.#reached ||= death === "after";
    // Until it has been too late once, nobody knows how slow the machine is.
    const later = this.#reached ? 1.1 : 1.5;
    this.ms *= { before: later, between: 1, after: 0.88 }[death];
  }
}

interface Office {
  child: ChildProcess;
  url: string;
}

/** Providers that live on, members with paid time, and an office that is killed and started again on the same store. */
export class KillWorld {
  readonly paypal: PayPalSimulator;
  readonly btcpay: BtcpaySimulator;
  /** Account ids. */
  readonly members: readonly string[];
  /** When each member's paid time ends before anything was bought, UTC seconds. */
  readonly paidUntil: Readonly<Record<string, number>>;
  readonly #given: Omit<KillOffice, "aheadMs">;
  readonly #btcpaySecret: string;
  readonly #ahead: { ms: number };
  readonly #random: () => number;
  #office: Office;
  /** The next one has read its sources when it is needed. */
  #standby: ChildProcess;

  private constructor(parts: {
    paypal: PayPalSimulator;
    btcpay: BtcpaySimulator;
    paidUntil: Record<string, number>;
    given: Omit<KillOffice, "aheadMs">;
    btcpaySecret: string;
    ahead: { ms: number };
    random: () => number;
    office: Office;
  }) {
    this.paypal = parts.paypal;
    this.btcpay = parts.btcpay;
    this.paidUntil = parts.paidUntil;
    this.members = Object.keys(parts.paidUntil);
    this.#given = parts.given;
    this.#btcpaySecret = parts.btcpaySecret;
    this.#ahead = parts.ahead;
    this.#random = parts.random;
    this.#office = parts.office;
    this.#standby = spawn();
  }

  static async open({ seed, where }: Pick<KillOptions, "seed" | "where">): Promise<KillWorld> {
    const siteSecret = randomBytes(32);
    const ahead = { ms: 0 };
    const paypal = await startPayPal({ automatic: false, now: () => Date.now() + ahead.ms });
    const btcpay = await new BtcpaySimulator().start();
    btcpay.held = true;
    const btcpaySecret = randomBytes(16).toString("hex");
    const given = {
      store: where,
      siteSecret: siteSecret.toString("base64"),
      config: [
        "[paypal]",
        `client_id = "${paypal.clientId}"`,
        'secret_file = "/paypal"',
        `webhook_id = "${paypal.webhookId}"`,
        `api = "${paypal.url}"`,
        "[btcpay]",
        `address = "${btcpay.address}"`,
        `store = "${btcpay.store}"`,
        'api_key_file = "/key"',
        'webhook_secret_file = "/secret"',
        'monero = ["XMR-CHAIN"]',
        "[cash]",
        'address = ["Example Collective"]',
      ].join("\n"),
      files: {
        "paypal.secret_file": paypal.secret,
        "btcpay.api_key_file": btcpay.apiKey,
        "btcpay.webhook_secret_file": btcpaySecret,
      },
      paypal: { address: paypal.url, root: paypal.authority.root },
    };
    const paidUntil = await makeMembers(where, siteSecret);
    const office = await started(spawn(), { ...given, aheadMs: 0 });
    const random = seeded(seed);
    return new KillWorld({ paypal, btcpay, paidUntil, given, btcpaySecret, ahead, random, office });
  }

  async close(): Promise<void> {
    for (const child of [this.#office.child, this.#standby]) child.kill("SIGKILL");
    await Promise.all([this.paypal.close(), this.btcpay.stop()]);
  }

  /** From 0 to 1; the same ones for the same seed. */
  random(): number {
    return this.#random();
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.random() * items.length)]!;
  }

  shuffled<Item>(items: readonly Item[]): Item[] {
    return items
      .map((item) => ({ item, at: this.random() }))
      .toSorted((a, b) => a.at - b.at)
      .map(({ item }) => item);
  }

  /** The clocks of the providers go on; the office's when it is started next. */
  advance(ms: number): void {
    this.#ahead.ms += ms;
  }

  nowS(): number {
    return (Date.now() + this.#ahead.ms) / 1000;
  }

  /** SIGKILL, and another office on the same store. */
  async kill(): Promise<void> {
    this.#office.child.kill("SIGKILL");
    await once(this.#office.child, "exit");
  }

  async restart(): Promise<void> {
    const child = this.#standby;
    this.#standby = spawn();
    this.#office = await started(child, { ...this.#given, aheadMs: this.#ahead.ms });
  }

  async ask<Answer>(path: string, body?: unknown): Promise<Answer> {
    const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
    return (await (await fetch(`${this.#office.url}${path}`, init)).json()) as Answer;
  }

  counts(): Promise<Counts> {
    return this.ask("/counts");
  }

  async begin(method: string, accountId: string | undefined, round: number): Promise<BegunOrder> {
    const wish = { method, accountId, attempt: String(round) };
    const begun = await this.ask<{ ok: boolean; value: { order: BegunOrder } }>("/begin", wish);
    assert.ok(begun.ok, `round ${round}: ${JSON.stringify(begun)}`);
    return begun.value.order;
  }

  /** The buyer pays, where they have not yet in this round; what the provider has to tell of it, of PayPal's events those after `madeBefore`. */
  *pay(method: string, reference: string, madeBefore: number): Generator<Delivery> {
    const { paypal, btcpay } = this;
    if (method.startsWith("paypal")) {
      if (paypal.state.orders.get(reference)?.status === "PAYER_ACTION_REQUIRED") paypal.approve(reference);
      const status = paypal.state.subscriptions.get(reference)?.status;
      if (status === "APPROVAL_PENDING") paypal.approve(reference);
      else if (status === "ACTIVE" && paypal.events.made.length === madeBefore) paypal.charge(reference);
      for (const event of paypal.events.made.slice(madeBefore))
        if (event.body.includes(reference)) yield this.delivery(event);
      return;
    }
    if (btcpay.invoices.get(reference)?.status === "New") {
      btcpay.pay(reference);
      btcpay.confirm(reference);
    }
    for (const { invoiceId, type, body } of btcpay.deliveries)
      if (invoiceId === reference && type === "InvoiceSettled")
        yield {
          path: "/webhooks/btcpay",
          headers: { "content-type": "application/json", "btcpay-sig": signature(this.#btcpaySecret, body) },
          body,
        };
  }

  delivery(event: SentEvent): Delivery {
    return { path: "/webhooks/paypal", ...this.paypal.events.signed(event) };
  }

  /** The answer's status; 0 where there was none. */
  async deliver({ path, headers, body }: Delivery): Promise<number> {
    try {
      const answer = await fetch(`${this.#office.url}${path}`, { method: "POST", headers, body });
      await answer.arrayBuffer();
      return answer.status;
    } catch {
      return 0;
    }
  }

  /** Each until it is taken, one after the other. */
  async deliverAll(deliveries: Iterable<Delivery>, where: string): Promise<void> {
    for (const delivery of deliveries) {
      let tries = 0;
      while ((await this.deliver(delivery)) !== 200) assert.ok(++tries < TRIES_MOST, `${where}: never taken`);
    }
  }

  /** Half of them anywhere, half where the answer is about to come: between the commit and the answer there is little time. */
  async waitAround({ ms: aimMs }: Aim): Promise<number> {
    const delayMs = aimMs * (this.random() < 0.5 ? 1.6 * this.random() : 0.8 + 0.4 * this.random());
    await sleep(delayMs);
    return delayMs;
  }
}

const compiled = mkdtempSync(join(tmpdir(), "lethe-kills-"));
process.on("exit", () => rmSync(compiled, { recursive: true, force: true }));

const spawn = (): ChildProcess =>
  fork(new URL("office.ts", import.meta.url), {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    env: { ...process.env, NODE_COMPILE_CACHE: compiled },
  });

async function started(child: ChildProcess, given: KillOffice): Promise<Office> {
  child.send(given);
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  return { child, url: `http://127.0.0.1:${port}` };
}

/** A pseudo-random number from 0 to 1, the same ones for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Accounts with time already paid, so that what comes later adds up exactly, whenever it comes. */
async function makeMembers(where: KillOffice["store"], siteSecret: Uint8Array) {
  const store = await openStore(where);
  const accounts = new Accounts({ store, clock: systemClock, siteSecret });
  const paidUntil: Record<string, number> = {};
  for (let number = 0; number < MEMBERS; number++) {
    const made = await accounts.signUp({ name: `member${number}`, password: "correct horse battery" });
    assert.ok(made.ok);
    const extended = await accounts.extend(made.value.id, 365);
    assert.ok(extended.ok);
    paidUntil[made.value.id] = extended.value.paidUntil!;
  }
  await store.close();
  return paidUntil;
}
