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
import { startPayPal } from "../simulators/paypal.ts";
import type { Counts, KillOffice } from "./office.ts";

const DAY_S = 86_400;
const PLAN_S = 30 * DAY_S;
const MEMBERS = 4;
/** A delivery that no office takes after so many new ones is a failure. */
const TRIES_MOST = 20;

/** When the office died, seen from the payment. */
export interface Tally {
  /** Nothing had been written. */
  before: number;
  /** It had been counted, and nobody had been told. */
  between: number;
  /** Whoever reported it had been told. */
  after: number;
}

interface Delivery {
  path: string;
  headers: Record<string, string>;
  body: string;
}

interface Office {
  child: ChildProcess;
  url: string;
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

/**
 * Pays `kills` times, each time kills the office (SIGKILL) at a random instant around the report of the payment, starts another on
 * the same store, has the report delivered again as the provider would, and compares what the store says with what was paid.
 * Throws where they differ. `where`: what `openStore` takes; an empty store.
 */
export async function killAndCount(options: {
  kills: number;
  seed: number;
  where: KillOffice["store"];
  /** Told after every hundred. */
  progress?: (done: number, tally: Tally) => void;
}): Promise<Tally> {
  const { kills, seed, where, progress } = options;
  const random = seeded(seed);
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)]!;

  const siteSecret = randomBytes(32);
  const paypal = await startPayPal({ automatic: false });
  const btcpay = await new BtcpaySimulator().start();
  btcpay.held = true;
  const secret = randomBytes(16).toString("hex");
  const given: KillOffice = {
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
    ].join("\n"),
    files: {
      "paypal.secret_file": paypal.secret,
      "btcpay.api_key_file": btcpay.apiKey,
      "btcpay.webhook_secret_file": secret,
    },
    paypal: { address: paypal.url, root: paypal.authority.root },
  };
  const members = await makeMembers(where, siteSecret);
  const expected = { ...members.paidUntil };
  let [vouchers, events] = [0, 0];
  const tally: Tally = { before: 0, between: 0, after: 0 };

  // The next one has read its sources when it is needed.
  let standby = spawn();
  const start = async (): Promise<Office> => {
    const child = standby;
    standby = spawn();
    child.send(given);
    const [{ port }] = (await once(child, "message")) as [{ port: number }];
    return { child, url: `http://127.0.0.1:${port}` };
  };
  let office = await start();
  // How long a report takes about, on this machine now, so that the deaths fall around its end.
  const aimMs: Record<string, number> = { paypal: 100, "paypal-subscription": 100, bitcoin: 50, monero: 50 };
  /** By account: the subscription that runs. Its next round is its next period's payment. */
  const running = new Map<string, BegunOrder>();
  try {
    for (let round = 0; round < kills; round++) {
      const method = pick(["paypal", "paypal-subscription", "bitcoin", "monero"]);
      const subscribed = method === "paypal-subscription";
      // A voucher renews nothing.
      const accountId = random() < 0.25 && !subscribed ? undefined : pick(members.ids);
      const order = (subscribed && running.get(accountId!)) || (await begin(method, accountId, round));
      if (subscribed) running.set(accountId!, order);
      const madeBefore = paypal.events.made.length;
      const reports = () => [...pay(method, order.reference, madeBefore)];
      const first = reports();
      // The report, the same again at once, or the buyer coming back at the same moment.
      const race = pick(["alone", "twice", "return"]);
      let told = false;
      const sent = [...first, ...(race === "twice" ? first : [])].map((delivery) =>
        deliver(office, delivery).then((status) => {
          told ||= status === 200;
        }),
      );
      if (race === "return")
        sent.push(
          ask(office, "/finish", order).then(
            () => undefined,
            () => undefined,
          ),
        );
      // Half of them anywhere, half where the answer is about to come: between the commit and the answer there is little time.
      const delayMs = aimMs[method]! * (random() < 0.5 ? 1.6 * random() : 0.8 + 0.4 * random());
      await sleep(delayMs);
      office.child.kill("SIGKILL");
      const knew = told;
      await once(office.child, "exit");
      await Promise.all(sent);

      office = await start();
      const paid = (await ask<Counts>(office, "/counts")).events > events;
      tally[knew ? "after" : paid ? "between" : "before"]++;
      aimMs[method]! *= knew ? 0.88 : paid ? 1 : 1.1;
      // Again, with what the provider has to tell by now, in any order; some of it twice.
      for (const delivery of shuffled([...reports(), ...reports()], random)) {
        let tries = 0;
        while ((await deliver(office, delivery)) !== 200)
          assert.ok(++tries < TRIES_MOST, `round ${round}: never taken`);
      }
      events++;
      if (accountId === undefined) vouchers++;
      else expected[accountId] = expected[accountId]! + PLAN_S;
      const counts = await ask<Counts>(office, "/counts");
      assert.deepEqual(
        counts,
        { paidUntil: expected, vouchers, events },
        `seed ${seed}, round ${round}: ${method}, ${race}, killed after ${delayMs.toFixed(2)} ms`,
      );
      if ((round + 1) % 100 === 0) progress?.(round + 1, tally);
    }
  } finally {
    for (const child of [office.child, standby]) child.kill("SIGKILL");
    await Promise.all([paypal.close(), btcpay.stop()]);
  }
  return tally;

  async function begin(method: string, accountId: string | undefined, round: number): Promise<BegunOrder> {
    const attempt = String(round);
    const begun = await ask<{ ok: boolean; value: { order: BegunOrder } }>(office, "/begin", {
      method,
      accountId,
      attempt,
    });
    assert.ok(begun.ok, `round ${round}: ${JSON.stringify(begun)}`);
    return begun.value.order;
  }

  /** The buyer pays, where they have not yet in this round; what the provider has to tell of it, of PayPal's events those after `madeBefore`. */
  function* pay(method: string, reference: string, madeBefore: number): Generator<Delivery> {
    if (method.startsWith("paypal")) {
      if (paypal.state.orders.get(reference)?.status === "PAYER_ACTION_REQUIRED") paypal.approve(reference);
      const status = paypal.state.subscriptions.get(reference)?.status;
      if (status === "APPROVAL_PENDING") paypal.approve(reference);
      else if (status === "ACTIVE" && paypal.events.made.length === madeBefore) paypal.charge(reference);
      for (const event of paypal.events.made.slice(madeBefore))
        if (event.body.includes(reference))
          yield { path: "/webhooks/paypal", ...paypal.events.signed(event) };
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
          headers: { "content-type": "application/json", "btcpay-sig": signature(secret, body) },
          body,
        };
  }
}

const compiled = mkdtempSync(join(tmpdir(), "lethe-kills-"));
process.on("exit", () => rmSync(compiled, { recursive: true, force: true }));

const spawn = (): ChildProcess =>
  fork(new URL("office.ts", import.meta.url), {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    env: { ...process.env, NODE_COMPILE_CACHE: compiled },
  });

async function ask<Answer>(office: Office, path: string, body?: unknown): Promise<Answer> {
  const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  return (await (await fetch(`${office.url}${path}`, init)).json()) as Answer;
}

/** The answer's status; 0 where there was none. */
async function deliver(office: Office, { path, headers, body }: Delivery): Promise<number> {
  try {
    const answer = await fetch(`${office.url}${path}`, { method: "POST", headers, body });
    await answer.arrayBuffer();
    return answer.status;
  } catch {
    return 0;
  }
}

function shuffled<Item>(items: Item[], random: () => number): Item[] {
  return items
    .map((item) => ({ item, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/** Accounts with a day already paid, so that what comes later adds up exactly, whenever it comes. */
async function makeMembers(where: KillOffice["store"], siteSecret: Uint8Array) {
  const store = await openStore(where);
  const accounts = new Accounts({ store, clock: systemClock, siteSecret });
  const paidUntil: Record<string, number> = {};
  for (let number = 0; number < MEMBERS; number++) {
    const made = await accounts.signUp({ name: `member${number}`, password: "correct horse battery" });
    assert.ok(made.ok);
    const extended = await accounts.extend(made.value.id, 1);
    assert.ok(extended.ok);
    paidUntil[made.value.id] = extended.value.paidUntil!;
  }
  await store.close();
  return { ids: Object.keys(paidUntil), paidUntil };
}
