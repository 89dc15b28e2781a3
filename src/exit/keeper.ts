import { z } from "zod";
import { type Clock, systemClock } from "../lib/clock.ts";
import { type Log, logFor, reasonOf } from "../lib/event-log.ts";
import { installLastResort } from "../lib/last-resort.ts";
import { becomeUser } from "../lib/privileges.ts";
import type { ExitCarrier } from "../link/carrier.ts";
import { RosterReplica } from "../link/replica.ts";
import type { ServerSettings } from "../link/settings.ts";
import { encodeTotals, type Totals } from "../link/totals.ts";
import { AuthoriseServer } from "./authorise-server.ts";
import { exitCarrier } from "./exit-carrier.ts";
import type { KeeperEngines, KeeperSettings, KeeperStart } from "./messages.ts";
import { Meter, type SlotTraffic } from "./meter.ts";
import { attachManagement, type ManagementLink } from "./openvpn/management.ts";
import { Sessions } from "./sessions.ts";

/**
 * The keeper: the one process of an exit that holds the roster. It talks to the office, answers every login, ends
 * sessions, and reports totals. Started by the exit (root) with an IPC channel; gives root up before it reads anything.
 */

type Engine = KeeperEngines["engines"][number];

export interface KeeperOptions {
  start: KeeperStart;
  clock: Clock;
  log: Log;
  sendSettings: (message: KeeperSettings) => void;
}

export class Keeper {
  #start: KeeperStart;
  #clock: Clock;
  #log: Log;
  #carrier: ExitCarrier;
  #replica: RosterReplica;
  #sessions: Sessions;
  #server: AuthoriseServer;
  #meter: Meter;
  #settings: ServerSettings | undefined;
  #engines: Engine[] = [];
  /** By management socket. */
  #managed = new Map<string, ManagementLink>();

  constructor({ start, clock, log, sendSettings }: KeeperOptions) {
    this.#start = start;
    this.#clock = clock;
    this.#log = log;
    this.#carrier = exitCarrier(start.link, start.server);
    this.#replica = new RosterReplica({
      server: start.server,
      publicKey: Buffer.from(start.sitePublicKey, "base64"),
      carrier: this.#carrier,
      clock,
      log,
      seal: { path: start.sealedRoster, key: Buffer.from(start.sealKey, "base64") },
    });
    const timeMs = () => this.#replica.timeMs();
    this.#sessions = new Sessions({ source: this.#replica, timeMs, clock, log });
    this.#server = new AuthoriseServer({ path: start.authoriseSocket, authoriser: this.#sessions, log });
    this.#meter = new Meter({
      clock,
      timeMs,
      bandwidthMbit: () => this.#settings?.bandwidthMbit,
      onSlot: (traffic) => this.#carrier.publishTotals(encodeTotals(this.#totals(traffic))),
    });
    this.#replica.onChange((changed) => this.#sessions.rosterChanged(changed));
    this.#replica.onSettings((settings, signed) => {
      this.#settings = settings;
      this.#sessions.setLimits(settings.limits);
      sendSettings({ type: "settings", signed: Buffer.from(signed).toString("base64") });
    });
  }

  /** Rejects with the system's error where the authorise socket cannot be made. */
  async start(): Promise<void> {
    this.#replica.start();
    this.#sessions.start();
    this.#meter.start();
    await this.#server.start();
  }

  /** The whole of what runs now: engines that are new are attached to, engines that are gone are let go. */
  setEngines(engines: Engine[]): void {
    this.#engines = engines;
    const wanted = new Set(
      engines.flatMap(({ management }) => (management === undefined ? [] : [management])),
    );
    for (const [path, link] of this.#managed) {
      if (wanted.has(path)) continue;
      this.#managed.delete(path);
      link.close();
    }
    for (const path of wanted) {
      if (this.#managed.has(path)) continue;
      const log = this.#log;
      this.#managed.set(
        path,
        attachManagement({ path, authoriser: this.#sessions, log, clock: this.#clock }),
      );
    }
  }

  async close(): Promise<void> {
    for (const link of this.#managed.values()) link.close();
    this.#meter.close();
    this.#sessions.close();
    this.#replica.close();
    await this.#server.close();
  }

  #totals(traffic: SlotTraffic): Totals {
    const services = new Map<Engine["service"], boolean>();
    for (const { service, healthy, management } of this.#engines) {
      // An engine whose logins nobody answers is of no use to a member.
      const answered = management === undefined || this.#managed.get(management)?.attached === true;
      services.set(service, (services.get(service) ?? true) && healthy && answered);
    }
    return {
      protocol: 1,
      server: this.#start.server,
      ...traffic,
      services: [...services].map(([service, healthy]) => ({ service, healthy })),
    };
  }
}

const path = z.string().min(1).max(200);
const key = z.base64().refine((text) => Buffer.from(text, "base64").length === 32);
const startSchema = z.object({
  type: z.literal("start"),
  server: z.string(),
  sitePublicKey: key,
  link: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("unix"), path }),
    z.object({
      kind: z.literal("nats"),
      servers: z.array(z.string().min(1).max(300)).min(1).max(16),
      site: z.string().regex(/^[0-9a-f]{8}$/),
      seed: z.string().min(1).max(200),
      ca: z.string().max(20_000),
    }),
  ]),
  authoriseSocket: path,
  sealedRoster: path,
  sealKey: key,
  account: z.object({ uid: z.int().min(0), gid: z.int().min(0) }),
}) satisfies z.ZodType<KeeperStart>;

const enginesSchema = z.object({
  type: z.literal("engines"),
  engines: z
    .array(
      z.object({
        id: z.string(),
        service: z.enum(["socks5", "http", "openvpn"]),
        healthy: z.boolean(),
        management: path.exactOptional(),
      }),
    )
    .max(64),
}) satisfies z.ZodType<KeeperEngines>;

/** The process: obeys the exit over IPC, and ends with it. */
export function runKeeper(): void {
  const clock = systemClock;
  const log = logFor("keeper");
  let keeper: Keeper | undefined;

  const stop = async () => {
    await keeper?.close();
    process.exit(0);
  };
  // Ctrl-C reaches the whole process group; the supervisor ends us in its order.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", stop);
  process.on("disconnect", stop);
  installLastResort(log);
  process.on("message", async (message) => {
    const start = startSchema.safeParse(message);
    if (start.success && keeper === undefined) {
      becomeUser(start.data.account.uid, start.data.account.gid);
      const sendSettings = (settings: KeeperSettings) => process.send?.(settings, () => {});
      keeper = new Keeper({ start: start.data, clock, log, sendSettings });
      try {
        await keeper.start();
      } catch (error) {
        log("port-taken", { reason: reasonOf(error) });
        process.exit(1);
      }
      log("started");
      return;
    }
    const engines = enginesSchema.safeParse(message);
    if (engines.success) keeper?.setEngines(engines.data.engines);
    else log("internal-error", { reason: "malformed" });
  });
}
