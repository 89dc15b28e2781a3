import { monitorEventLoopDelay } from "node:perf_hooks";
import { Accounts } from "../../src/accounts/accounts.ts";
import { Devices } from "../../src/accounts/devices.ts";
import { Vouchers } from "../../src/billing/vouchers.ts";
import { Fleet } from "../../src/fleet/fleet.ts";
import { feedRoster } from "../../src/fleet/roster.ts";
import { Status } from "../../src/fleet/status.ts";
import { systemClock } from "../../src/lib/clock.ts";
import type { Log } from "../../src/lib/event-log.ts";
import { NatsOfficeCarrier } from "../../src/link/nats-office-carrier.ts";
import { RosterPublisher } from "../../src/link/publisher.ts";
import { siteKeyFromPem } from "../../src/link/site-key.ts";
import { settingsFor } from "../../src/link/testing.ts";
import { siteServer } from "../../src/office/site-server.ts";
import { takeReport } from "../../src/office/take-report.ts";
import { inventory } from "../../src/store/inventory.ts";
import { openStore, type Store } from "../../src/store/open.ts";
import { Switches } from "../../src/store/switches.ts";
import { Announcements } from "../../src/support/announcements.ts";
import { Challenges } from "../../src/support/challenge.ts";
import { HelpCentre } from "../../src/support/help-centre.ts";
import { Tickets } from "../../src/support/tickets.ts";
import { createSite } from "../../src/web/site.ts";
import { answerParent } from "./child.ts";
import { nowMs } from "./figures.ts";
import { accountName, PASSWORD } from "./fill.ts";

/**
 * The office of the benchmark: the product's store, accounts, site, status and publisher, put together as office/main.ts does
 * it, less what would only be in the way here (the user of its own, the supervisor, lethe.toml).
 */
export interface OfficeStart {
  where: { path: string } | { url: string };
  /** 32 bytes. */
  siteSecret: Uint8Array;
}

export interface LinkStart {
  siteKeyPem: string;
  servers: string[];
  site: string;
  seed: string;
  ca: string;
  /** The exits' names on the link. */
  exits: string[];
}

const clock = systemClock;
const events = new Map<string, number>();
const log: Log = (code, fields) => {
  const event = [code, fields?.part, fields?.reason].filter((word) => word !== undefined).join(" ");
  events.set(event, (events.get(event) ?? 0) + 1);
};
const loopDelay = monitorEventLoopDelay({ resolution: 2 });

interface Office {
  store: Store;
  accounts: Accounts;
  vouchers: Vouchers;
  status: Status;
}
let office: Office;
let officeSecret: Uint8Array;

export interface Extended {
  username: string;
  untilMinutes: number;
  /** When it was asked for (nowMs). */
  atMs: number;
}

const tasks = {
  /** Opens the store and the site; resolves with the site's port on 127.0.0.1. */
  async start({ where, siteSecret }: OfficeStart): Promise<{ port: number; startMs: number }> {
    const startedMs = nowMs();
    const store = await openStore(where);
    const accounts = new Accounts({ store, clock, siteSecret });
    const vouchers = new Vouchers({ store, clock, siteSecret, accounts });
    // As office/main.ts has it.
    const status = new Status({ store, clock, gatherMs: 500 });
    officeSecret = siteSecret;
    office = { store, accounts, vouchers, status };
    const site = createSite({
      siteName: "Example Collective",
      secure: false,
      sessionSecret: siteSecret,
      clock,
      log,
      accounts,
      vouchers,
      devices: new Devices({ store, accounts }),
      status,
      switches: new Switches(store),
      announcements: new Announcements({ store, clock }),
      support: {
        help: new HelpCentre([], () => ({})),
        tickets: new Tickets({ store, clock, secret: siteSecret, recipients: [] }),
        challenges: new Challenges(siteSecret, clock),
      },
      inventory,
      profiles: () => [],
      // The load plays many people from one address, and says whom.
      clientAddress: (c) => c.req.header("x-forwarded-for") ?? "198.18.0.1",
    });
    const server = siteServer(site.fetch);
    server.listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    return { port: address.port, startMs: nowMs() - startedMs };
  },

  /** Reads the whole roster out of the store and offers it on NATS. */
  async link({ siteKeyPem, exits, ...nats }: LinkStart): Promise<{ rosterMs: number; rows: number }> {
    const startedMs = nowMs();
    const { store, accounts, status } = office;
    const fleet = new Fleet({ store, clock, siteSecret: officeSecret, offers: () => [] });
    await fleet.start();
    const carrier = new NatsOfficeCarrier({ ...nats, log });
    const publisher = new RosterPublisher({
      key: siteKeyFromPem(siteKeyPem),
      clock,
      carriers: [carrier],
      log,
    });
    publisher.onReport(takeReport({ fleet, status, log }));
    for (const server of exits) publisher.setSettings(server, settingsFor(server));
    await feedRoster({ members: accounts.roster, publisher, clock });
    await publisher.start();
    return { rosterMs: nowMs() - startedMs, rows: publisher.size };
  },

  /** Extends accounts by a day, one after the other, as an operator or a payment does. */
  async extend({ indices }: { indices: number[] }): Promise<Extended[]> {
    const done: Extended[] = [];
    for (const index of indices) {
      const account = await office.accounts.byName(accountName(index));
      if (account === undefined) throw new Error("no such account");
      const { username } = await office.accounts.vpnCredentials(account.id);
      const atMs = nowMs();
      const extended = await office.accounts.extend(account.id, 1);
      if (!extended.ok) throw new Error(extended.error);
      done.push({ username, untilMinutes: extended.value.paidUntil! / 60, atMs });
    }
    return done;
  },

  /** How many servers the status page shows as up. */
  async serversUp(): Promise<number> {
    return (await office.status.list()).filter(({ state }) => state === "up").length;
  },

  /** New voucher codes of 30 days each. */
  async vouchers({ count }: { count: number }): Promise<string[]> {
    const codes: string[] = [];
    while (codes.length < count)
      codes.push(
        ...(await office.vouchers.create({ days: 30, count: Math.min(10_000, count - codes.length) })),
      );
    return codes;
  },

  /** Fails unless a member can log in: the figures would be of refusals. */
  async checkLogIn(): Promise<void> {
    if ((await office.accounts.logIn(accountName(0), PASSWORD)) === undefined)
      throw new Error("the filled store lets nobody in");
  },

  /** Processor time so far, with that of the thread pool (Argon2id), and memory now. */
  use(): { cpuMs: number; rssBytes: number } {
    const { user, system } = process.cpuUsage();
    return { cpuMs: (user + system) / 1000, rssBytes: process.memoryUsage.rss() };
  },

  /** From now on the event loop is watched (which costs some time of its own). */
  watchLoop(): void {
    loopDelay.reset();
    loopDelay.enable();
  },

  /** The longest that it has stood still since then, ms. */
  longestStall(): number {
    loopDelay.disable();
    return loopDelay.max / 1e6;
  },

  /** What was logged so far, by code. */
  events(): Record<string, number> {
    return Object.fromEntries(events);
  },
};

export type OfficeTasks = typeof tasks;
answerParent(tasks);
