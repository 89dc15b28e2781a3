import { dirname } from "node:path";
import type { Pair } from "../certificates/pair.ts";
import { systemClock } from "../lib/clock.ts";
import { Engines } from "../lib/engines.ts";
import { type Log, logFor } from "../lib/event-log.ts";
import { ForkedChild } from "../lib/forked-child.ts";
import { certificateName } from "../link/certificate-name.ts";
import type { ServerIdentity } from "../link/identity.ts";
import type { ServerSettings } from "../link/settings.ts";
import type { Trust } from "../link/signed.ts";
import { openSettings } from "../link/signed-settings.ts";
import { siteId, verifyingKey } from "../link/site-key.ts";
import { keeperMessage } from "./checked-messages.ts";
import { Forwarders } from "./forwarders.ts";
import { RadiusWorker } from "./ikev2/worker.ts";
import type {
  ExitReport,
  ExitStart,
  KeeperAnswering,
  KeeperEngines,
  KeeperErrand,
  KeeperIdentity,
  KeeperStart,
  OpenvpnTested,
  TestOpenvpn,
  WireguardOnline,
} from "./messages.ts";
import { onlyNews } from "./only-news.ts";
import { CERTIFICATE_LOOK_MS, OwnCertificate } from "./own-certificate.ts";
import { PublicCertificate } from "./public-certificate/public-certificate.ts";
import { type ExitState, Reconciler } from "./reconcile.ts";
import { OpenvpnTester } from "./self-test/openvpn-tester.ts";
import { Sysctls } from "./sysctls.ts";
import { packKeys } from "./wireguard/rows.ts";
import { WireguardWishes } from "./wireguard/wishes.ts";

/** Without settings nobody can say who may be online: what an earlier life left running then ends. */
const SETTINGS_WITHIN_MS = 60_000;

export interface ExitRootOptions {
  start: ExitStart;
  /** bundle.ts, or the bundle: what the children are started from. */
  entry: string;
  log: Log;
  /** Whenever something of it has changed. */
  onReport: (report: ExitReport) => void;
  /** Settings that hold, as the office signed them. */
  onSettings?: (settings: ServerSettings) => void;
  /** A file that was asked for lies in the sealed roster's folder, as the keeper says: it is not to be believed. */
  onFetched?: (sha256: string) => void;
  /** The office has answered since the keeper started. */
  onLinked?: () => void;
}

/**
 * The exit's root process. It reads nothing from the Internet: the keeper (link, roster, logins) and the proxies do, as
 * children that give root up; their messages are checked. Here the settings they bring become devices, firewall, engines.
 */
export class ExitRoot {
  readonly #start: ExitStart;
  readonly #log: Log;
  readonly #trust: Trust;
  readonly #engines: Engines;
  readonly #reconciler: Reconciler;
  readonly #keeper: ForkedChild;
  readonly #openvpnTester: OpenvpnTester;
  readonly #forwarders: Forwarders;
  readonly #radius: RadiusWorker;
  readonly #onSettings: (settings: ServerSettings) => void;
  readonly #onFetched: (sha256: string) => void;
  readonly #onLinked: () => void;
  /** What the keeper has been asked to get and has not got yet. */
  readonly #errands = new Map<string, KeeperErrand>();
  #identity: ServerIdentity = {};
  #settings: ServerSettings | undefined;
  /** Of the settings: older ones are not taken. */
  #version = 0;
  #state: ExitState | undefined;
  #ending = false;
  #patience: NodeJS.Timeout | undefined;
  #renewal: NodeJS.Timeout | undefined;
  readonly #certificate: OwnCertificate | undefined;
  readonly #public: PublicCertificate;
  readonly #wireguardWishes: WireguardWishes;
  #wireguardOnline: WireguardOnline | undefined;
  readonly #onReport: (report: ExitReport) => void;
  readonly #tellEngines = onlyNews<KeeperEngines>((news) => this.#keeper.send(news));
  readonly #tellIdentity = onlyNews<KeeperIdentity>((news) => this.#keeper.send(news));

  constructor(options: ExitRootOptions) {
    const { start, entry, log } = options;
    this.#start = start;
    this.#log = log;
    this.#onReport = onlyNews(options.onReport);
    this.#onSettings = options.onSettings ?? (() => {});
    this.#onFetched = (sha256) => {
      this.#errands.delete(sha256);
      this.#reconciler.fetched();
      options.onFetched?.(sha256);
    };
    this.#onLinked = options.onLinked ?? (() => {});
    const publicKey = Buffer.from(start.sitePublicKey, "base64");
    this.#trust = { site: siteId(publicKey), key: verifyingKey(publicKey) };
    this.#engines = new Engines({
      folder: start.run.engines,
      log,
      onChange: () => this.#reconciler.report(),
    });
    this.#reconciler = new Reconciler({
      start,
      engines: this.#engines,
      sysctls: new Sysctls(`${start.run.engines}/sysctls.json`),
      log,
      onState: (state) => {
        this.#state = state;
        this.#tell();
      },
      onIdentity: (part) => this.identify(part),
      fetch: (sha256, bytes) => this.fetch(sha256, bytes),
      publicPair: (settings) => this.#public.ofIkev2(settings),
      onWireguardOnline: (keys) => {
        this.#wireguardOnline = { type: "wireguard-online", keys: packKeys(keys) };
        this.#keeper.send(this.#wireguardOnline);
      },
    });
    this.#wireguardWishes = new WireguardWishes(this.#reconciler.wireguard.peers);
    const { authority } = start;
    this.#certificate =
      authority === undefined
        ? undefined
        : new OwnCertificate({
            folder: start.folder,
            authority,
            clock: systemClock,
            log,
            ask: (request) => this.#runErrand("certify", { type: "certify", request }),
            onUntil: (certificateUntil) => this.identify({ certificateUntil }),
          });
    this.#public = new PublicCertificate({
      folder: start.folder,
      // Beside an office port 80 is the site's, and the office answers there itself.
      answers: start.link.kind === "nats",
      log,
      answer: (challenges) => this.#forwarders.answer(challenges),
      tellKeeper: (message) => this.#keeper.send(message),
      onPair: () => this.#tell(),
      // strongSwan is told of certificates in a pass; sessions stay as they are.
      passAgain: (settings) => this.#reconciler.update(settings),
    });
    this.#openvpnTester = new OpenvpnTester({
      folder: start.folder,
      account: start.accounts.vpn,
      runFolder: dirname(start.run.engines),
    });
    this.#keeper = new ForkedChild({
      module: entry,
      args: ["keeper"],
      log: logFor("keeper"),
      onStart: (child) => this.#startKeeper(child),
      onMessage: (message) => this.#onKeeper(message),
    });
    this.#forwarders = new Forwarders({
      start,
      entry,
      log,
      onListening: () => this.#tell(),
      onAnswering: (answering) =>
        this.#keeper.send({ type: "answering", ...answering } satisfies KeeperAnswering),
      onIdentity: (part) => this.identify(part),
    });
    this.#radius = new RadiusWorker(entry, start);
  }

  run(): void {
    this.#patience = setTimeout(() => void this.#reconciler.abandon(), SETTINGS_WITHIN_MS);
    this.#renewal = setInterval(() => this.#certify(), CERTIFICATE_LOOK_MS);
    this.#public.start();
    this.#log("started");
    this.#keeper.start();
    this.#forwarders.start();
  }

  /**
   * Ends the children. With `leave` engines, devices and firewall stay as they are for the next start; without it all that
   * was made is taken away. False where it is ending already.
   */
  async end(leave: boolean): Promise<boolean> {
    if (this.#ending) return false;
    this.#ending = true;
    this.#log("stopping");
    clearTimeout(this.#patience);
    clearInterval(this.#renewal);
    this.#public.close();
    await this.#reconciler.close();
    if (leave) this.#engines.release();
    await Promise.all([this.#forwarders.stop(), this.#radius.stop(), this.#keeper.stop(2000)]);
    if (!leave) await this.#reconciler.clear();
    this.#log("stopped");
    return true;
  }

  #startKeeper(child: ForkedChild): void {
    const { server, sitePublicKey, link, run, sealKey, accounts, release, upgrade } = this.#start;
    child.send({
      type: "start",
      server,
      sitePublicKey,
      link,
      authoriseSocket: run.authoriseSocket,
      sealedRoster: run.sealedRoster,
      sealKey,
      account: accounts.keeper,
      processes: this.#forwarders.processes,
      ...(release !== undefined && { release }),
      ...(upgrade !== undefined && { upgrade }),
    } satisfies KeeperStart);
    child.send(this.#engineNews());
    child.send({ type: "identity", identity: this.#identity } satisfies KeeperIdentity);
    if (this.#wireguardOnline !== undefined) child.send(this.#wireguardOnline);
    // Of one that has crashed nobody remembers what it was asked for.
    for (const errand of this.#errands.values()) child.send(errand);
    if (this.#settings !== undefined) this.#public.refresh();
  }

  #onKeeper(message: unknown): void {
    const { data, success } = keeperMessage.safeParse(message);
    if (!success || this.#ending) return;
    if (data.type === "settings") this.#takeSettings(Buffer.from(data.signed, "base64"));
    else if (data.type === "wireguard-peers") this.#wireguardWishes.take(data);
    else if (data.type === "test-openvpn") void this.#testOpenvpn(data);
    else if (data.type === "certificate") this.#takeCertificate(data.certificate);
    else if (data.type === "fetched") this.#onFetched(data.sha256);
    else if (data.type === "challenges") this.#public.answerChallenges(data.challenges);
    else if (data.type === "public-certificate") this.#public.install(data.certificate);
    else this.#onLinked();
  }

  /** What more is known of what the services are known by, or is another now; the office hears of it. */
  identify(part: ServerIdentity): void {
    this.#identity = { ...this.#identity, ...part };
    this.#tellIdentity({ type: "identity", identity: this.#identity });
  }

  /** A file that the office has (its SHA-256 in hex) is to be fetched; `onFetched` says when it is there. */
  fetch(sha256: string, bytes: number): void {
    this.#runErrand(sha256, { type: "fetch", sha256, bytes });
  }

  #runErrand(name: string, errand: KeeperErrand): void {
    this.#errands.set(name, errand);
    this.#keeper.send(errand);
  }

  /** Asks for a certificate where there is none, or none that will do for much longer. Once in a day is often enough. */
  #certify(): void {
    const { server, withoutRoot } = this.#start;
    const { openvpn, ikev2 } = this.#settings?.services ?? {};
    if (process.getuid!() !== 0 || withoutRoot) return;
    if (this.#settings === undefined || (openvpn === undefined && ikev2 === undefined)) return;
    const name = this.#settings.certificateName ?? certificateName(server);
    this.#certificate?.look(name);
  }

  #takeCertificate(certificate: string): void {
    this.#errands.delete("certify");
    if (this.#certificate?.take(certificate) === true && this.#settings !== undefined)
      this.#reconciler.update(this.#settings);
  }

  /** The supervisor's: the certificate of the site on this machine. */
  takeSitePair(pair: Pair): void {
    this.#public.takeSitePair(pair);
  }

  async #testOpenvpn({ id, engine, username, password }: TestOpenvpn): Promise<void> {
    const settings = this.#settings;
    const login = { username, password };
    const passed = settings !== undefined && (await this.#openvpnTester.test(settings, engine, login));
    this.#keeper.send({ type: "openvpn-tested", id, passed } satisfies OpenvpnTested);
  }

  #takeSettings(signed: Uint8Array): void {
    const opened = openSettings(signed, this.#trust, this.#start.server, this.#version);
    if (!opened.ok) {
      this.#log("roster-refused", { reason: opened.reason ?? "foreign" });
      return;
    }
    this.#settings = opened.settings;
    this.#version = opened.version;
    clearTimeout(this.#patience);
    this.#certify();
    this.#forwarders.update(opened.settings);
    this.#public.update(opened.settings);
    this.#radius.want(opened.settings.services.ikev2 !== undefined);
    this.#reconciler.update(opened.settings);
    this.#onSettings(opened.settings);
    this.#tell();
  }

  #engineNews(): KeeperEngines {
    const proxied = this.#forwarders.listening;
    const services = [...new Set(proxied.map(({ service }) => service))];
    return {
      type: "engines",
      engines: [
        ...(this.#state?.engines ?? []),
        ...services.map((service) => ({
          id: service,
          service,
          healthy: proxied.some((report) => report.service === service && report.failed === undefined),
        })),
      ],
    };
  }

  #report(): ExitReport {
    return {
      type: "report",
      settled: this.#state?.settled === true && this.#forwarders.settled,
      services: [...this.#forwarders.listening, ...(this.#state?.listening ?? [])],
      warnings: this.#state?.warnings ?? [],
    };
  }

  /** Tells everybody what has changed for them since they were told last. */
  #tell(): void {
    if (this.#ending) return;
    this.#tellEngines(this.#engineNews());
    if (this.#state !== undefined) this.#forwarders.tell(this.#state, this.#public.pair);
    this.#onReport(this.#report());
  }
}
