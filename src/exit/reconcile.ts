import type { Pair } from "../certificates/pair.ts";
import type { Engines } from "../lib/engines.ts";
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
import type { Failure } from "./failure.ts";
import { UplinkQueue } from "./fair-use/uplink-queue.ts";
import { applyRules, removeRules } from "./firewall/apply.ts";
import { readRuleset } from "./firewall/foreign.ts";
import { listeningPorts } from "./firewall/listening.ts";
import { FORWARDED_PORTS } from "./firewall/port-forwarding.ts";
import { reservePorts } from "./firewall/reserved-ports.ts";
import { firewallRules } from "./firewall/rules.ts";
import { Ikev2Service } from "./ikev2/service.ts";
import type { ExitStart, KeeperEngines, ListeningReport } from "./messages.ts";
import { NetworkLock } from "./network-lock.ts";
import { OpenvpnService } from "./openvpn/service.ts";
import { type Sysctls, setConntrack, setForwarding } from "./sysctls.ts";
import { RESOLVER_4, tunnelNetworks, tunnelsOf, WIREGUARD } from "./tunnel-plan.ts";
import { isInKernel, removeWireguardDevice } from "./wireguard/device.ts";
import { WireguardService } from "./wireguard/service.ts";

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
  readonly #openvpn: OpenvpnService;
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
  /** What keeps every engine from running. */
  #failure: Failure | undefined;
  /** The resolvers are wanted. */
  #resolving = false;
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
    this.#openvpn = new OpenvpnService(options);
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
    this.#openvpn.update(settings.services);
    this.#resolving = networks.length > 0;
    this.#warnings = [];
    this.#foreignDrops = [];
    this.#refused = false;
    this.#failure = this.#isRoot() ? missing(["nft", "ip"]) : "no-root";
    const leadsOn = (settings.hops ?? []).length > 0;
    if (this.#failure !== undefined || (networks.length === 0 && !leadsOn)) {
      if (this.#failure !== undefined && networks.length > 0)
        this.#log("engine-unavailable", { part: "openvpn", reason: this.#failure });
      await this.#runNothing(settings);
      if (this.#rules !== "") await this.#takeAway();
      return;
    }
    if (!(await this.#hasNetwork())) return this.#refuse(settings, "other", NETWORK_TAKEN);
    const { ipv6, ipv6Uplink } = ipv6Facts();
    // Without the firewall members' packets would leave with tunnel addresses, and reach what is closed.
    if (!(await this.#protect(settings, ipv6Uplink))) return this.#refuse(settings, "other", UNPROTECTED);
    reservePorts(this.#sysctls, settings);
    setConntrack(this.#sysctls);
    if (!setForwarding(this.#sysctls, ipv6Uplink)) {
      this.#warnings.push(NOT_FORWARDING);
    }
    await this.#queue.set();
    const own = new Set(tunnelsOf(settings.services.openvpn).map(({ device }) => device));
    const devices = {
      tunnels: this.#openvpn.prepare(settings.services, ipv6),
      others: networks.map(({ device }) => device).filter((device) => !own.has(device)),
      resolvers: this.#resolving ? (["none", ...levelsOf(settings)] as const) : [],
      ipv6,
    };
    if (!(await makeDevices(devices))) return this.#refuse(settings, "no-tun");
    await this.#engines.want([
      ...(this.#resolving ? await this.#dns.prepare(settings, ipv6, ipv6Uplink) : []),
      ...this.#openvpn.specs(settings),
      ...(await this.wireguard.prepare(settings.services.wireguard, ipv6)),
      ...(await this.#ikev2.prepare(settings, ipv6)),
    ]);
    this.wireguard.attach();
    this.#ikev2.attach();
    this.#dns.tidy();
    if (this.wireguard.publicKey !== undefined) this.#onIdentity({ wireguard: this.wireguard.publicKey });
    if (this.#openvpn.identity.obfs4 !== undefined) this.#onIdentity(this.#openvpn.identity);
    this.#foreignDrops = (await readRuleset())?.foreignDrops ?? [];
  }

  async #runNothing(settings: ServerSettings): Promise<void> {
    this.wireguard.standAside(settings.services.wireguard);
    await this.#endEngines();
  }

  async #endEngines(): Promise<void> {
    await this.#engines.want([]);
    // The kernel's WireGuard is no engine: it goes on, with whoever is in it, until its device goes.
    if (!this.#isRoot() || !isInKernel(WIREGUARD)) return;
    const network = this.#network ?? new NetworkLock();
    // It may be another exit's.
    if (await network.take(0)) await removeWireguardDevice(WIREGUARD);
    if (network !== this.#network) network.release();
  }

  /** There are no settings: what an earlier life left running ends, since nobody can say who may be online. */
  abandon(): Promise<void> {
    return this.#endEngines();
  }

  /** The machine said no: nothing runs, and the next look tries again. */
  async #refuse(settings: ServerSettings, failure: Failure, warning?: string): Promise<void> {
    this.#failure = failure;
    this.#refused = true;
    if (warning !== undefined) this.#warnings.push(warning);
    await this.#runNothing(settings);
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

  /** Says how everything is now. */
  report(): void {
    if (this.#settings === undefined || this.#closed) return;
    const openvpn = this.#openvpn.report(this.#failure);
    this.wireguard.attach();
    const wireguard = this.wireguard.report(this.#failure);
    this.#ikev2.attach();
    const ikev2 = this.#ikev2.report(this.#failure, this.#settings.services);
    const dns = this.#resolving && this.#failure === undefined ? this.#dns.report() : undefined;
    const pending = openvpn.pending || wireguard.pending || ikev2.pending || dns?.pending === true;
    this.#onState({
      settled: !this.#passing && !pending,
      listening: [...openvpn.listening, ...wireguard.listening, ...ikev2.listening],
      engines: [...openvpn.engines, ...wireguard.engines, ...ikev2.engines],
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

const NETWORK_TAKEN =
  "Another exit of Lethe runs on this machine, in the same network: devices, firewall and resolvers can be one's alone, and every VPN service stays off here until that one ends.";
const UNPROTECTED = "The firewall could not be set up (nft refused the rules): every VPN service stays off.";
const NOT_FORWARDING =
  "Forwarding could not be turned on (net.ipv4.ip_forward): members get no traffic over VPN.";

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
