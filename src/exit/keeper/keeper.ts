import { randomBytes } from "node:crypto";
import { dirname } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/event-log.ts";
import type { ExitCarrier } from "../../link/carrier.ts";
import type { ServerIdentity } from "../../link/identity.ts";
import { RosterReplica } from "../../link/replica.ts";
import { encodeReport, type Totals } from "../../link/reports.ts";
import type { ServerSettings } from "../../link/settings.ts";
import type { LoginAttempt } from "../authorise.ts";
import { loginServer } from "../ikev2/login-server.ts";
import { loginSocketOf } from "../ikev2/sockets.ts";
import { ViciSessions } from "../ikev2/vici-sessions.ts";
import type { FromKeeper, KeeperEngines, KeeperErrand, KeeperStart } from "../messages.ts";
import { attachManagement, type ManagementLink } from "../openvpn/management.ts";
import { PublicCertificateAsking } from "../public-certificate/asking.ts";
import { SelfTestLogins } from "../self-test/logins.ts";
import { OpenvpnTests } from "../self-test/openvpn-tests.ts";
import { SelfTest, type ServiceHealth } from "../self-test/rounds.ts";
import { SelfTestTarget, selfTestTargetPath } from "../self-test/target.ts";
import { wireguardWorks } from "../self-test/wireguard-client.ts";
import { WireguardMembers } from "../wireguard/members.ts";
import { wireguardKey } from "../wireguard/own-key.ts";
import { unpackKeys } from "../wireguard/rows.ts";
import { wishMessages } from "../wireguard/wishes.ts";
import { authoriseServer } from "./authorise-server.ts";
import { Errands } from "./errands.ts";
import { exitCarrier } from "./exit-carrier.ts";
import type { FrameServer } from "./frame-server.ts";
import { Meter, type SlotTraffic } from "./meter.ts";
import { Sessions } from "./sessions.ts";

type Engine = KeeperEngines["engines"][number];

interface KeeperOptions {
  start: KeeperStart;
  clock: Clock;
  log: Log;
  /** What the exit's root process is to hear. */
  sendToExit: (message: FromKeeper) => void;
}

/**
 * The one part of an exit that holds the roster: it talks to the office, answers every login, ends sessions, and reports
 * totals. main.ts is its process.
 */
export class Keeper {
  #start: KeeperStart;
  #clock: Clock;
  #log: Log;
  #carrier: ExitCarrier;
  #replica: RosterReplica;
  #sessions: Sessions;
  #server: FrameServer;
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
  #ikev2Logins: FrameServer;

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
      // A fleet's exits do not all ask at once when their office comes back (link/sync-schedule.ts).
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
    this.#server = authoriseServer({ path: start.authoriseSocket, authoriser: this.#sessions, log });
    this.#ikev2Logins = loginServer({
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
