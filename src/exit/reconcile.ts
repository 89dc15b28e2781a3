import { existsSync } from "node:fs";
import type { Pair } from "../certificates/pair.ts";
import type { EngineSpec, Engines, EngineView } from "../lib/engines.ts";
import type { Log } from "../lib/event-log.ts";
import { findProgram } from "../lib/run-command.ts";
import type { ServerIdentity } from "../link/identity.ts";
import type { ServerSettings } from "../link/settings.ts";
import {
  ipv6Facts,
  makeDevices,
  ownAddresses,
  removeDevices,
  resolverAddresses,
  tunnelDevices,
} from "./devices.ts";
import { levelsOf } from "./dns/levels.ts";
import { DnsService } from "./dns/service.ts";
import { UplinkQueue } from "./fair-use/uplink-queue.ts";
import { applyRules, removeRules } from "./firewall/apply.ts";
import { readRuleset } from "./firewall/foreign.ts";
import { listeningPorts } from "./firewall/listening.ts";
import { FORWARDED_PORTS, openvpnPool } from "./firewall/port-forwarding.ts";
import { reservePorts } from "./firewall/reserved-ports.ts";
import { firewallRules } from "./firewall/rules.ts";
import { Ikev2Service } from "./ikev2/service.ts";
import { launcher } from "./launcher.ts";
import type { ExitStart, KeeperEngines, ListeningReport } from "./messages.ts";
import { NetworkLock } from "./network-lock.ts";
import { openvpnEngine } from "./openvpn/engine.ts";
import { Stealth } from "./stealth/stealth.ts";
import { type Sysctls, setForwarding } from "./sysctls.ts";
import { placesOf, RESOLVER_4, type Tunnel, tunnelNetworks, tunnelsOf } from "./tunnel-plan.ts";
import { engineNames } from "./unix-names.ts";
import { WireguardService } from "./wireguard/service.ts";

type Failure = NonNullable<ListeningReport["failed"]>;

/** What came of the last pass, and how the engines are now. */
export interface ExitState {
  /** Nothing is on its way: each engine runs or has failed. */
  settled: boolean;
  /** One line a listener of every service that the engines here offer. */
  listening: ListeningReport[];
  engines: KeeperEngines["engines"];
  warnings: string[];
  /** Our own resolver where it answers. */
  resolvers: string[];
  ownAddresses: string[];
}

/** An office that is there signs a new exit's certificate at once. */
const SIGNED_WITHIN_MS = 10_000;
/** How often the machine is looked at for what we are not told of: addresses that come and go, a flushed firewall. */
const LOOK_EVERY_MS = 5000;

/**
 * Settings and the machine's state in, tunnels, firewall and engines out: one pass after another, never two at once, each
 * making only the changes that are missing. Whatever happens in between is seen by the next pass.
 */
export class Reconciler {
  readonly #start: ExitStart;
  readonly #engines: Engines;
  readonly #sysctls: Sysctls;
  readonly #log: Log;
  readonly #onState: (state: ExitState) => void;
  readonly #onIdentity: (part: ServerIdentity) => void;
  readonly #stealth: Stealth;
  readonly wireguard: WireguardService;
  readonly #ikev2: Ikev2Service;
  readonly #dns: DnsService;
  readonly #queue = new UplinkQueue();
  #settings: ServerSettings | undefined;
  #due = false;
  #running: Promise<void> | undefined;
  #passing = false;
  #closed = false;
  #look: NodeJS.Timeout | undefined;
  #seen = "";
  /** nft or ip said no in the last pass. */
  #refused = false;
  #saidUnprotected = false;
  #rules = "";
  #tunnels: Tunnel[] = [];
  /** What keeps every engine from running. */
  #failure: Failure | undefined;
  /** What keeps OpenVPN alone from running. */
  #openvpnFailure: Failure | undefined;
  /** The resolvers are wanted. */
  #resolving = false;
  /** Since when the office's signature has been waited for; nothing where there is a certificate. */
  #unsignedSinceMs: number | undefined;
  #ipv6 = false;
  #warnings: string[] = [];
  #foreignDrops: string[] = [];
  #saidBroken = false;
  #network: NetworkLock | undefined;
  #saidTaken = false;

  constructor(options: {
    start: ExitStart;
    engines: Engines;
    sysctls: Sysctls;
    log: Log;
    onState: (state: ExitState) => void;
    /** What an engine is known by, when it is made and whenever it is another. */
    onIdentity: (part: ServerIdentity) => void;
    /** A file that the office has is to be brought; `fetched` says when it is there. */
    fetch: (sha256: string, bytes: number) => void;
    /** The public certificate that IKEv2 shows, too (public-certificate/shown.ts). */
    publicPair: (settings: ServerSettings) => Pair | undefined;
    /** The WireGuard devices that are online, whenever that has changed. */
    onWireguardOnline: (publicKeys: string[]) => void;
  }) {
    this.#start = options.start;
    this.#engines = options.engines;
    this.#stealth = new Stealth(options);
    this.wireguard = new WireguardService({
      folder: options.start.folder,
      account: options.start.accounts.vpn,
      engines: options.engines,
      log: options.log,
      onOnline: options.onWireguardOnline,
      onChange: () => this.report(),
    });
    this.#ikev2 = new Ikev2Service({ ...options, onChange: () => this.report() });
    this.#dns = new DnsService(options);
    this.#sysctls = options.sysctls;
    this.#log = options.log;
    this.#onState = options.onState;
    this.#onIdentity = options.onIdentity;
  }

  /** New settings: a pass follows. */
  update(settings: ServerSettings): void {
    this.#settings = settings;
    this.#look ??= setInterval(() => void this.#lookAround(), LOOK_EVERY_MS);
    this.#request();
  }

  #request(): void {
    this.#due = true;
    this.#running ??= this.#passes().finally(() => {
      this.#running = undefined;
    });
  }

  async #passes(): Promise<void> {
    this.#passing = true;
    while (this.#due && !this.#closed) {
      this.#due = false;
      try {
        const outside = outsideFacts(this.#settings!);
        await this.#pass(this.#settings!);
        // What nft or ip refused once they may take the next time: such a pass counts as not done.
        this.#seen = this.#refused ? "" : seenAs(outside, insideFacts());
        this.#saidBroken = false;
      } catch {
        // The disk may be full or a folder gone; the next look tries again.
        this.#failure = "other";
        this.#seen = "";
        if (!this.#saidBroken) this.#log("internal-error", { part: "exit" });
        this.#saidBroken = true;
      }
    }
    this.#passing = false;
    this.report();
  }

  async #pass(settings: ServerSettings): Promise<void> {
    const networks = tunnelNetworks(settings.services);
    this.#tunnels = tunnelsOf(settings.services.openvpn);
    this.#resolving = networks.length > 0;
    this.#warnings = [];
    this.#foreignDrops = [];
    this.#openvpnFailure = undefined;
    this.#refused = false;
    this.#failure = this.#isRoot() ? missing(["nft", "ip"]) : "no-root";
    const leadsOn = (settings.hops ?? []).length > 0;
    if (this.#failure !== undefined || (networks.length === 0 && !leadsOn)) {
      if (this.#failure !== undefined && networks.length > 0)
        this.#log("engine-unavailable", { part: "openvpn", reason: this.#failure });
      this.wireguard.standAside(settings.services.wireguard);
      await this.#engines.want([]);
      if (this.#rules !== "") await this.#takeAway();
      return;
    }
    if (!(await this.#hasNetwork())) {
      this.#failure = "other";
      this.#refused = true;
      this.#warnings.push(
        "Another exit of Lethe runs on this machine, in the same network: devices, firewall and resolvers can be one's alone, and every VPN service stays off here until that one ends.",
      );
      this.wireguard.standAside(settings.services.wireguard);
      await this.#engines.want([]);
      return;
    }
    const { ipv6, ipv6Uplink } = ipv6Facts();
    if (!(await this.#protect(settings, ipv6Uplink))) {
      // Without the firewall members' packets would leave with tunnel addresses, and reach what is closed.
      this.#failure = "other";
      this.#refused = true;
      this.#warnings.push(
        "The firewall could not be set up (nft refused the rules): every VPN service stays off.",
      );
      this.wireguard.standAside(settings.services.wireguard);
      await this.#engines.want([]);
      return;
    }
    reservePorts(this.#sysctls, settings);
    if (!setForwarding(this.#sysctls, ipv6Uplink)) {
      this.#warnings.push(
        "Forwarding could not be turned on (net.ipv4.ip_forward): members get no traffic over VPN.",
      );
    }
    await this.#queue.set();
    this.#openvpnFailure = existsSync("/dev/net/tun") ? missing(["openvpn"]) : "no-tun";
    const tunnels = this.#openvpnFailure === undefined ? this.#tunnels : [];
    this.#ipv6 = ipv6;
    this.#stealth.update(settings.services, ipv6);
    const own = new Set(this.#tunnels.map(({ device }) => device));
    const devices = {
      tunnels,
      others: networks.map(({ device }) => device).filter((device) => !own.has(device)),
      resolvers: this.#resolving ? (["none", ...levelsOf(settings)] as const) : [],
      ipv6,
    };
    if (!(await makeDevices(devices))) {
      this.#failure = "no-tun";
      this.#refused = true;
      this.wireguard.standAside(settings.services.wireguard);
      await this.#engines.want([]);
      return;
    }
    if (this.#openvpnFailure !== undefined && this.#tunnels.length > 0)
      this.#log("engine-unavailable", { part: "openvpn", reason: this.#openvpnFailure });
    await this.#engines.want([
      ...(this.#resolving ? await this.#dns.prepare(settings, ipv6, ipv6Uplink) : []),
      ...this.#openvpnSpecs(settings, tunnels, ipv6),
      ...(this.#signed() && tunnels.length > 0 ? this.#stealth.specs() : []),
      ...(await this.wireguard.prepare(settings.services.wireguard, ipv6)),
      ...(await this.#ikev2.prepare(settings, ipv6)),
    ]);
    this.wireguard.attach();
    this.#ikev2.attach();
    this.#dns.tidy();
    if (this.wireguard.publicKey !== undefined) this.#onIdentity({ wireguard: this.wireguard.publicKey });
    if (this.#stealth.identity.obfs4 !== undefined) this.#onIdentity(this.#stealth.identity);
    // The root process says when there is one: until then the resolver alone runs.
    this.#unsignedSinceMs = this.#signed() ? undefined : (this.#unsignedSinceMs ?? performance.now());
    this.#foreignDrops = (await readRuleset())?.foreignDrops ?? [];
  }

  async #hasNetwork(patienceMs?: number): Promise<boolean> {
    this.#network ??= new NetworkLock();
    // A former life of ours, or of a machine's other exit, may just be ending; later on nobody need wait.
    const taken = await this.#network.take(this.#saidTaken ? 0 : patienceMs);
    if (!taken && !this.#saidTaken) this.#log("engine-unavailable", { part: "exit", reason: "another-exit" });
    this.#saidTaken = !taken;
    return taken;
  }

  async #protect(settings: ServerSettings, ipv6Uplink: boolean): Promise<boolean> {
    const rules = firewallRules(settings, {
      tunnels: tunnelNetworks(settings.services),
      ownAddresses: [...ownAddresses(), ...settings.ownAddresses],
      ipv6Uplink,
      levels: levelsOf(settings),
      listening: listeningFacts(settings),
    });
    if (rules === this.#rules) return true;
    const applied = await applyRules(rules);
    this.#rules = applied ? rules : "";
    if (applied || !this.#saidUnprotected)
      this.#log(applied ? "firewall-applied" : "firewall-unavailable", { part: "firewall" });
    this.#saidUnprotected = !applied;
    return applied;
  }

  #signed(): boolean {
    return existsSync(`${this.#start.folder}/tls.crt`);
  }

  #openvpnSpecs(settings: ServerSettings, tunnels: readonly Tunnel[], ipv6: boolean): EngineSpec[] {
    const { accounts, folder } = this.#start;
    return (this.#signed() ? tunnels : []).map((tunnel) =>
      openvpnEngine({
        program: findProgram("openvpn")!,
        launcher: launcher({ fewCapabilities: true }),
        tunnel,
        tlsCrypt: settings.services.openvpn!.tlsCrypt,
        configurationPath: this.#engines.configurationPath(tunnel.id),
        place: {
          folder,
          managementSocket: this.#managementSocket(tunnel),
          runAs: engineNames(accounts.vpn),
          keeper: engineNames(accounts.keeper),
          ipv6,
          pool: settings.portForwarding === true ? openvpnPool(tunnel) : undefined,
          portShare: this.#stealth.sharePlace(tunnel),
        },
      }),
    );
  }

  #managementSocket(tunnel: Tunnel): string {
    return `${this.#start.run.management}/${tunnel.id}.sock`;
  }

  /** Says how everything is now. */
  report(): void {
    if (this.#settings === undefined || this.#closed) return;
    const views = this.#tunnels.map((tunnel) => ({ tunnel, view: this.#engines.view(tunnel.id) }));
    this.wireguard.attach();
    const wireguard = this.wireguard.report(this.#failure);
    this.#ikev2.attach();
    const ikev2 = this.#ikev2.report(this.#failure, this.#settings.services);
    const dns = this.#resolving && this.#failure === undefined ? this.#dns.report() : undefined;
    const pending =
      this.#stealth.pending ||
      wireguard.pending ||
      ikev2.pending ||
      dns?.pending === true ||
      views.some(({ view }) => view?.state === "starting" && view.refused === undefined);
    const unsigned =
      this.#unsignedSinceMs !== undefined &&
      this.#tunnels.length > 0 &&
      (this.#failure ?? this.#openvpnFailure) === undefined;
    const signing = unsigned && performance.now() - this.#unsignedSinceMs! < SIGNED_WITHIN_MS;
    const inside =
      this.#failure ?? this.#openvpnFailure ?? (unsigned && !signing ? "no-certificate" : undefined);
    const serves = views.some(({ view }) => view?.state === "running");
    const listening = views.flatMap(({ tunnel, view }) => {
      const failed = inside ?? failureOf(view);
      return placesOf(tunnel)
        .filter(({ address }) => this.#ipv6 || address !== "::" || !tunnel.listen.dual)
        .map((place) => ({
          service: "openvpn" as const,
          protocol: tunnel.protocol,
          ...place,
          ...(failed && { failed }),
        }));
    });
    const stealth = this.#stealth.report(inside, failureOf);
    this.#onState({
      settled: !this.#passing && !pending && !signing,
      listening: [...listening, ...stealth.listening, ...wireguard.listening, ...ikev2.listening],
      engines: [
        ...views.map(({ tunnel, view }) => ({
          id: tunnel.id,
          service: "openvpn" as const,
          healthy: view?.state === "running",
          ...(view?.refused === "EADDRINUSE" && serves && { leftOut: true as const }),
          management: this.#managementSocket(tunnel),
        })),
        ...stealth.engines,
        ...wireguard.engines,
        ...ikev2.engines,
      ],
      warnings: [
        ...this.#warnings,
        ...wireguard.warnings,
        ...ikev2.warnings,
        ...this.#foreignDrops,
        ...(dns?.warnings ?? []),
      ],
      resolvers: dns?.resolves === true ? [RESOLVER_4] : [],
      ownAddresses: [...new Set([...ownAddresses(), ...this.#settings.ownAddresses])],
    });
  }

  /** A file that was to be fetched is there: a pass follows. */
  fetched(): void {
    if (this.#settings !== undefined) this.#request();
  }

  async #lookAround(): Promise<void> {
    if (this.#passing) return;
    const found = this.#rules === "" ? undefined : await readRuleset();
    if (this.#passing || this.#closed) return;
    const flushed = found?.ours === false;
    if (flushed) this.#rules = "";
    if (flushed || seenAs(outsideFacts(this.#settings!), insideFacts()) !== this.#seen) this.#request();
    else if (found !== undefined) {
      this.#foreignDrops = found.foreignDrops;
      this.report();
    }
  }

  async #takeAway(): Promise<void> {
    await this.#ikev2.clear();
    this.#dns.clear();
    await this.#queue.restore();
    await removeDevices();
    await removeRules();
    this.#sysctls.restore();
    this.#rules = "";
  }

  /** Stops passing; everything stays as it is. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#look);
    await Promise.all([this.#running, this.wireguard.close()]);
  }

  /** Ends the engines and takes away all that was ever made, also by an earlier life. */
  async clear(): Promise<void> {
    await this.close();
    await this.#engines.stopAll();
    // Whoever has the network keeps it, and is not waited for.
    if (this.#isRoot() && (await this.#hasNetwork(0))) await this.#takeAway();
    this.#network?.release();
  }

  #isRoot(): boolean {
    return process.getuid!() === 0 && this.#start.withoutRoot !== true;
  }
}

/** What others change, and what we make: the one must be looked at before a pass, the other after it. */
const outsideFacts = (settings: ServerSettings): unknown[] => [
  ownAddresses(),
  ipv6Facts(),
  listeningFacts(settings),
];
/** Who else listens matters where ports are given to members. */
const listeningFacts = (settings: ServerSettings): number[] =>
  settings.portForwarding === true ? listeningPorts().filter((port) => FORWARDED_PORTS.includes(port)) : [];
const insideFacts = (): unknown[] => [tunnelDevices().sort(), resolverAddresses()];
const seenAs = (...facts: unknown[]): string => JSON.stringify(facts);

/** What keeps these programs from being run here. */
function missing(programs: readonly string[]): Failure | undefined {
  return programs.every((name) => findProgram(name) !== undefined) ? undefined : "not-installed";
}

function failureOf(view: EngineView | undefined): Failure | undefined {
  if (view === undefined || view.state === "running") return undefined;
  const { state, refused } = view;
  if (state === "starting" && refused === undefined) return undefined;
  return refused === "EADDRINUSE" || refused === "EACCES" || refused === "EADDRNOTAVAIL" ? refused : "other";
}
