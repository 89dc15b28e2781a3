import { randomBytes } from "node:crypto";
import { dirname } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { type Clock, systemClock } from "../lib/clock.ts";
import { type Log, logFor, reasonOf } from "../lib/event-log.ts";
import { installLastResort } from "../lib/last-resort.ts";
import { becomeUser } from "../lib/privileges.ts";
import type { ExitCarrier } from "../link/carrier.ts";
import { type ServerIdentity, serverIdentity } from "../link/identity.ts";
import { RosterReplica } from "../link/replica.ts";
import { encodeReport, type Totals } from "../link/reports.ts";
import { SERVICES } from "../link/services.ts";
import type { ServerSettings } from "../link/settings.ts";
import type { LoginAttempt } from "./authorise.ts";
import { AuthoriseServer } from "./authorise-server.ts";
import { Errands } from "./errands.ts";
import { exitCarrier } from "./exit-carrier.ts";
import { LoginServer } from "./ikev2/login-server.ts";
import { loginSocketOf } from "./ikev2/sockets.ts";
import { ViciSessions } from "./ikev2/vici-sessions.ts";
import type {
  ExitPublicCertificate,
  FromKeeper,
  KeeperAnswering,
  KeeperEngines,
  KeeperErrand,
  KeeperIdentity,
  KeeperStart,
  OpenvpnTested,
  WireguardOnline,
} from "./messages.ts";
import { Meter, type SlotTraffic } from "./meter.ts";
import { attachManagement, type ManagementLink } from "./openvpn/management.ts";
import { PublicCertificateAsking } from "./public-certificate/asking.ts";
import { SelfTestLogins } from "./self-test/logins.ts";
import { OpenvpnTests } from "./self-test/openvpn-tests.ts";
import { SelfTest, type ServiceHealth } from "./self-test/rounds.ts";
import { SelfTestTarget, selfTestTargetPath } from "./self-test/target.ts";
import { wireguardWorks } from "./self-test/wireguard-client.ts";
import { Sessions } from "./sessions.ts";
import { WireguardMembers } from "./wireguard/members.ts";
import { wireguardKey } from "./wireguard/own-key.ts";
import { unpackKeys } from "./wireguard/rows.ts";
import { wishMessages } from "./wireguard/wishes.ts";

/**
 * The keeper: the one process of an exit that holds the roster. It talks to the office, answers every login, ends
 * sessions, and reports totals. Started by the exit (root) with an IPC channel; gives root up before it reads anything.
 */

type Engine = KeeperEngines["engines"][number];

export interface KeeperOptions {
  start: KeeperStart;
  clock: Clock;
  log: Log;
  /** What the exit's root process is to hear. */
  sendToExit: (message: FromKeeper) => void;
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
  #identity: ServerIdentity = {};
  #target = new SelfTestTarget();
  #openvpnTests: OpenvpnTests;
  #selfTest: SelfTest;
  #errands: Errands;
  #wireguard: WireguardMembers;
  /** The key pair by which WireGuard is tested: as long as this process lives, and known to it alone. */
  #wireguardTestKey = wireguardKey(randomBytes(32));
  readonly publicCertificate: PublicCertificateAsking;
  /** By management socket. */
  #managed = new Map<string, Pick<ManagementLink, "attached" | "close">>();
  /** Of strongSwan, while it runs. */
  #ikev2: ViciSessions | undefined;
  #ikev2Logins: LoginServer;

  constructor({ start, clock, log, sendToExit }: KeeperOptions) {
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
      // A fleet's exits do not all ask at once when their office comes back.
      jitterMs: start.link.kind === "nats" ? 30_000 : 0,
    });
    const timeMs = () => this.#replica.timeMs();
    const logins = new SelfTestLogins();
    const selfTest = (attempt: LoginAttempt) => logins.admit(attempt);
    const confirmed = () => this.#replica.confirmed;
    this.#sessions = new Sessions({
      source: this.#replica,
      timeMs,
      clock,
      log,
      confirmed,
      selfTest,
      selfTestChallenge: (attempt, verify) => logins.challenge(attempt, verify),
    });
    this.#server = new AuthoriseServer({ path: start.authoriseSocket, authoriser: this.#sessions, log });
    this.#ikev2Logins = new LoginServer({
      path: loginSocketOf(start.authoriseSocket),
      decide: async (question) =>
        (await this.#ikev2?.decide(question)) ?? { admitted: false, reason: "unavailable" },
      log,
    });
    this.#meter = new Meter({
      clock,
      timeMs,
      bandwidthMbit: () => this.#settings?.bandwidthMbit,
      onSlot: (traffic) => this.#carrier.publishReport(encodeReport(this.#totals(traffic))),
    });
    this.#openvpnTests = new OpenvpnTests(sendToExit);
    this.#selfTest = new SelfTest({
      clock,
      timeMs,
      logins,
      processes: start.processes,
      target: this.#target,
      testOpenvpn: (engine, login, timeoutMs) => this.#openvpnTests.run(engine, login, timeoutMs),
      testWireguard: (port, timeoutMs) => this.#testWireguard(port, timeoutMs),
      onResult: (minute, services) => this.#reportHealth(minute, services),
    });
    this.#errands = new Errands({
      carrier: this.#carrier,
      folder: dirname(start.sealedRoster),
      done: sendToExit,
    });
    this.publicCertificate = new PublicCertificateAsking({ carrier: this.#carrier, tell: sendToExit });
    this.#wireguard = new WireguardMembers({
      source: this.#replica,
      authoriser: this.#sessions,
      timeMs,
      clock,
      send: (peers) => {
        for (const message of wishMessages(peers)) sendToExit(message);
      },
      selfTest: this.#wireguardTestKey.publicKey,
    });
    this.#replica.onPeers((changed) => this.#wireguard.rosterChanged(changed));
    this.#replica.onUp(() => this.#reportIdentity());
    this.#replica.onAnswer(() => sendToExit({ type: "linked" }));
    this.#replica.onChange((changed) => this.#sessions.rosterChanged(changed));
    this.#replica.onSettings((settings, signed) => {
      this.#settings = settings;
      this.#sessions.setLimits(settings.limits);
      this.#sessions.setDraining(settings.draining === true);
      this.#selfTest.update({ settings });
      sendToExit({ type: "settings", signed: Buffer.from(signed).toString("base64") });
    });
  }

  /** Rejects with the system's error where a socket file cannot be made. */
  async start(): Promise<void> {
    this.#replica.start();
    this.#sessions.start();
    this.#wireguard.start();
    this.#meter.start();
    await this.#target.start(selfTestTargetPath(this.#start.authoriseSocket));
    await this.#server.start();
    await this.#ikev2Logins.start();
  }

  /** The exit wants something of the office. */
  runErrand(errand: KeeperErrand): void {
    this.#errands.run(errand);
  }

  /** All that the services are known by. */
  setIdentity(identity: ServerIdentity): void {
    if (isDeepStrictEqual(identity, this.#identity)) return;
    this.#identity = identity;
    this.#reportIdentity();
  }

  /** Which WireGuard devices have a session in the engine now. */
  wireguardOnline(keys: string): void {
    this.#wireguard.engineSays(unpackKeys(keys) ?? []);
  }

  /** The exit has run a client against one of its OpenVPN listeners. */
  openvpnTested(id: number, passed: boolean): void {
    this.#openvpnTests.answered(id, passed);
  }

  /** The whole of what runs now: engines that are new are attached to, engines that are gone are let go. */
  setEngines(engines: Engine[]): void {
    this.#engines = engines;
    const wanted = new Map(
      engines.flatMap(({ management, service }) =>
        management === undefined ? [] : ([[management, service]] as const),
      ),
    );
    for (const [path, link] of this.#managed) {
      if (wanted.has(path)) continue;
      this.#managed.delete(path);
      link.close();
      if (link === this.#ikev2) this.#ikev2 = undefined;
    }
    for (const [path, service] of wanted) {
      if (this.#managed.has(path)) continue;
      const options = { path, authoriser: this.#sessions, log: this.#log, clock: this.#clock };
      if (service === "ikev2") this.#ikev2 = new ViciSessions(options);
      this.#managed.set(path, service === "ikev2" ? this.#ikev2! : attachManagement(options));
    }
    this.#selfTest.update({ engines });
  }

  async close(): Promise<void> {
    this.#errands.close();
    this.publicCertificate.close();
    this.#wireguard.close();
    this.#selfTest.close();
    this.#target.close();
    for (const link of this.#managed.values()) link.close();
    this.#meter.close();
    this.#sessions.close();
    this.#replica.close();
    await this.#server.close();
    await this.#ikev2Logins.close();
  }

  /** By the device that only this process has, and that may go nowhere. */
  async #testWireguard(port: number, timeoutMs: number): Promise<boolean> {
    const serverKey = this.#identity.wireguard;
    if (serverKey === undefined) return false;
    return wireguardWorks({ address: "127.0.0.1", port, serverKey, key: this.#wireguardTestKey, timeoutMs });
  }

  #totals(traffic: SlotTraffic): Totals {
    const services = new Map<Engine["service"], boolean>();
    for (const { service, healthy, leftOut, management } of this.#engines) {
      if (leftOut) continue;
      // An engine whose logins nobody answers is of no use to a member.
      const answered = management === undefined || this.#managed.get(management)?.attached === true;
      services.set(service, (services.get(service) ?? true) && healthy && answered);
    }
    return {
      kind: "totals",
      protocol: 2,
      server: this.#start.server,
      ...traffic,
      services: [...services].map(([service, healthy]) => ({ service, healthy })),
    };
  }

  /** Sent where it may be news to the office; of that, the office is the judge. */
  #reportIdentity(): void {
    if (Object.keys(this.#identity).length === 0) return;
    const { server } = this.#start;
    const report = { kind: "identity", protocol: 2, server, ...this.#identity } as const;
    this.#carrier.publishReport(encodeReport(report));
  }

  #reportHealth(minute: number, services: ServiceHealth[]): void {
    const { server, release = "", upgrade } = this.#start;
    const health = { kind: "health", protocol: 2, server, minute, release, services } as const;
    this.#carrier.publishReport(encodeReport(upgrade === undefined ? health : { ...health, upgrade }));
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
  processes: z.object({ proxy: z.int().min(1), ssh: z.int().min(1) }),
  release: z
    .string()
    .regex(/^[0-9a-f]{12}$/)
    .exactOptional(),
  upgrade: z.literal("failed").exactOptional(),
}) satisfies z.ZodType<KeeperStart>;

const enginesSchema = z.object({
  type: z.literal("engines"),
  engines: z
    .array(
      z.object({
        id: z.string(),
        service: z.enum(SERVICES),
        healthy: z.boolean(),
        leftOut: z.literal(true).exactOptional(),
        management: path.exactOptional(),
      }),
    )
    .max(64),
}) satisfies z.ZodType<KeeperEngines>;

const identitySchema = z.object({
  type: z.literal("identity"),
  identity: serverIdentity,
}) satisfies z.ZodType<KeeperIdentity>;

const wireguardOnlineSchema = z.object({
  type: z.literal("wireguard-online"),
  keys: z.base64(),
}) satisfies z.ZodType<WireguardOnline>;

const testedSchema = z.object({
  type: z.literal("openvpn-tested"),
  id: z.int().min(0),
  passed: z.boolean(),
}) satisfies z.ZodType<OpenvpnTested>;

const errandSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("certify"), request: z.string().max(20_000) }),
  z.object({
    type: z.literal("fetch"),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    bytes: z.int().min(1).max(500_000_000),
  }),
]) satisfies z.ZodType<KeeperErrand>;

const publicCertificateSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("public-certificate"),
    standing: z
      .object({ request: z.string().max(20_000).exactOptional(), until: z.int().exactOptional() })
      .exactOptional(),
  }),
  z.object({
    type: z.literal("answering"),
    tokens: z.array(z.string()).max(4),
    portTaken: z.literal(true).exactOptional(),
  }),
]) satisfies z.ZodType<ExitPublicCertificate | KeeperAnswering>;

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
      const sendToExit = (message: FromKeeper) => process.send?.(message, () => {});
      keeper = new Keeper({ start: start.data, clock, log, sendToExit });
      try {
        await keeper.start();
      } catch (error) {
        log("port-taken", { reason: reasonOf(error) });
        process.exit(1);
      }
      log("started");
      return;
    }
    const tested = testedSchema.safeParse(message);
    if (tested.success) return keeper?.openvpnTested(tested.data.id, tested.data.passed);
    const errand = errandSchema.safeParse(message);
    if (errand.success) return keeper?.runErrand(errand.data);
    const news = publicCertificateSchema.safeParse(message);
    if (news.success)
      return news.data.type === "answering"
        ? keeper?.publicCertificate.answers(news.data)
        : keeper?.publicCertificate.stands(news.data.standing);
    const identity = identitySchema.safeParse(message);
    if (identity.success) return keeper?.setIdentity(identity.data.identity);
    const online = wireguardOnlineSchema.safeParse(message);
    if (online.success) return keeper?.wireguardOnline(online.data.keys);
    const engines = enginesSchema.safeParse(message);
    if (engines.success) keeper?.setEngines(engines.data.engines);
    else log("internal-error", { reason: "malformed" });
  });
}
