import type { Hono } from "hono";
import { Cash } from "../../billing/cash.ts";
import { Payments } from "../../billing/payments.ts";
import { Receipts } from "../../billing/receipts.ts";
import { Refunds } from "../../billing/refunds.ts";
import { OrderSeal } from "../../billing/sealed-order.ts";
import type { Fleet } from "../../fleet/fleet.ts";
import { FakeClock } from "../../lib/clock.ts";
import { type BlocklistOffice, createControl } from "../control/control.ts";
import { addOperatorControl } from "../control/operator.ts";
import { fleetOffice } from "../control/testkit.ts";
import { type Bench, openBench, PASSWORD } from "../testkit.ts";
import { createAdmin } from "./admin.ts";
import { type Ask, askControl } from "./ask.ts";
import type { AdminEnv } from "./options.ts";
import { Visits } from "./visits.ts";

export const BASE = "/qqqqqqqqqqqqqqqq";
/** Every page that links lead to, with one of a server. */
export const PAGES = [
  "overview",
  "servers",
  "server?name=amsterdam1",
  "accounts",
  "vouchers",
  "cash",
  "refunds",
  "tickets",
  "announcements",
  "blocklists",
  "switches",
];

/** The admin pages over the real control API and a real store, beside the site of the same office. For tests. */
export interface AdminBench extends Bench {
  admin: Hono<AdminEnv>;
  control: Hono;
  visits: Visits;
  clock: FakeClock;
  fleet: Fleet;
  payments: Payments;
  receipts: Receipts;
  cash: Cash;
  orders: OrderSeal;
  /** Payments that were given back at the provider. */
  givenBack: string[];
  /** How often the office was told that every account has new VPN credentials. */
  timesAllRenewed(): number;
}

export async function openAdminBench({
  url,
  ask,
  blocklists = { view: () => [], renew: async () => [] },
}: {
  url?: string;
  ask?: Ask;
  blocklists?: BlocklistOffice;
} = {}): Promise<AdminBench> {
  let timesAllRenewed = 0;
  const clock = new FakeClock();
  const bench = await openBench({}, clock);
  const { store, accounts, vouchers, switches, announcements, options } = bench;
  const { fleet, parts } = await fleetOffice(bench);
  const paymentKey = new Uint8Array(32).fill(5);
  const payments = new Payments({ store, clock, accounts, vouchers, paymentKey });
  const receipts = new Receipts(paymentKey);
  const cash = new Cash({ store, clock, payments, paymentKey });
  const givenBack: string[] = [];
  const paypal = {
    refund: async (paymentId: string) => {
      givenBack.push(paymentId);
      return "given" as const;
    },
    look: async () => "made" as const,
    cancel: async () => true,
  };
  const refunds = new Refunds({
    receipts,
    payments,
    accounts,
    clock,
    providers: { paypal },
    log: () => undefined,
  });
  const control: Hono = createControl({
    ...parts,
    blocklists,
    certificates: () => ({ certificates: [{ kind: "link", warning: "It is over." }], nowS: 0 }),
    allRenewed: async () => void timesAllRenewed++,
    mail: undefined,
    refunds,
    cash,
    sells: (plan: string) => plan === "year",
  });
  const visits = new Visits(clock);
  addOperatorControl(control, {
    switches,
    methods: ["gift-card", "coupon", "cash"],
    announcements,
    vouchers,
    accounts,
    admin: {
      open: async () => ({
        ok: true,
        value: { url: `http://127.0.0.1/open#${visits.invite()}`, minutes: 5 },
      }),
      closeAll: async () => visits.endAll(),
    },
  });
  const admin = createAdmin({
    siteName: options.siteName,
    base: BASE,
    url,
    visits,
    ask: ask ?? askControl(control),
    clock,
    log: options.log,
  });
  return {
    ...bench,
    admin,
    control,
    visits,
    clock,
    fleet,
    payments,
    receipts,
    cash,
    orders: new OrderSeal(paymentKey),
    givenBack,
    timesAllRenewed: () => timesAllRenewed,
    async close() {
      await fleet.close();
      await bench.close();
    },
  };
}

export async function newAccount({ accounts }: AdminBench, name: string) {
  const made = await accounts.signUp({ name, password: PASSWORD });
  if (!made.ok) throw new Error(made.error);
  return made.value;
}

/** A browser of the operator's: has come in by a link, keeps the cookie, and sends the forms of the pages it opened. */
export class Operator {
  cookie = "";
  readonly #app: Hono<AdminEnv>;
  readonly #origin: string;

  constructor(app: Hono<AdminEnv>, origin = "http://127.0.0.1:8081") {
    this.#app = app;
    this.#origin = origin;
  }

  /** Comes in with a code; the answer to it. */
  async enter(code: string): Promise<Response> {
    const answer = await this.post("/open", { code });
    this.cookie = answer.headers.getSetCookie()[0]?.split(";")[0] ?? "";
    return answer;
  }

  async get(page: string, headers: Record<string, string> = {}): Promise<Response> {
    return this.#send(page, { headers: { ...this.#own(), ...headers } });
  }

  async text(page: string): Promise<string> {
    return (await this.get(page)).text();
  }

  /** Sends a form of `page` with the token that stands there. */
  async fill(
    page: string,
    action: string,
    fields: Record<string, string>,
  ): Promise<{ status: number; text: string }> {
    const token = /name="token" value="([^"]+)"/.exec(await this.text(page))?.[1] ?? "";
    const answer = await this.post(action, { token, ...fields });
    return { status: answer.status, text: await answer.text() };
  }

  async post(
    page: string,
    fields: Record<string, string>,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    return this.#send(page, {
      method: "POST",
      body: new URLSearchParams(fields).toString(),
      headers: {
        ...this.#own(),
        "content-type": "application/x-www-form-urlencoded",
        "sec-fetch-site": "same-origin",
        ...headers,
      },
    });
  }

  #own(): Record<string, string> {
    return { host: new URL(this.#origin).host, ...(this.cookie !== "" && { cookie: this.cookie }) };
  }

  #send(page: string, init: RequestInit): Promise<Response> {
    const path = page.startsWith("/") ? page : `${BASE}/${page}`;
    return Promise.resolve(this.#app.request(`${this.#origin}${path}`, init));
  }
}

/** Somebody who is in. */
export async function operatorOf(bench: AdminBench): Promise<Operator> {
  const operator = new Operator(bench.admin);
  await operator.enter(bench.visits.invite());
  return operator;
}
