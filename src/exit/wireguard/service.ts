import { systemClock } from "../../lib/clock.ts";
import type { EngineSpec, Engines } from "../../lib/engines.ts";
import type { Log, Reason } from "../../lib/event-log.ts";
import { findProgram } from "../../lib/run-command.ts";
import type { ServerSettings } from "../../link/settings.ts";
import { type Failure, failureOf } from "../failure.ts";
import { wireguardLauncher } from "../launcher.ts";
import type { Account, KeeperEngines, ListeningReport } from "../messages.ts";
import { WIREGUARD } from "../tunnel-plan.ts";
import { kernelControl, wireguardGoControl } from "./control.ts";
import { makeWireguardDevice, type WireguardKind } from "./device.ts";
import { uapiSocket, WIREGUARD_GO, wireguardGoEngine } from "./engine.ts";
import { ownWireguardKey, type WireguardKey } from "./own-key.ts";
import { WireguardPeers } from "./peers.ts";

type Settings = NonNullable<ServerSettings["services"]["wireguard"]>;

const WIREGUARD_ENGINE = "wireguard";
/** The kernel has no process that could be another one. */
const KERNEL = "kernel";

/** WireGuard on an exit, in the root process: its device, its engine where the kernel has none, and who is in it. */
export class WireguardService {
  readonly peers: WireguardPeers;
  readonly #folder: string;
  readonly #account: Account;
  readonly #engines: Engines;
  #settings: Settings | undefined;
  #key: WireguardKey | undefined;
  #kind: WireguardKind | undefined;
  #failure: Failure | undefined;

  constructor(options: {
    /** Where the exit keeps its keys. */
    folder: string;
    /** Who wireguard-go runs as. */
    account: Account;
    engines: Engines;
    log: Log;
    /** Who is online, whenever that has changed. */
    onOnline: (publicKeys: string[]) => void;
    /** Something of `report` is another. */
    onChange: () => void;
  }) {
    this.#folder = options.folder;
    this.#account = options.account;
    this.#engines = options.engines;
    this.peers = new WireguardPeers({
      clock: systemClock,
      log: options.log,
      onOnline: options.onOnline,
      onState: options.onChange,
    });
  }

  /** The exit's public key in base64, once there is one. */
  get publicKey(): string | undefined {
    return this.#key?.publicKey;
  }

  /** Makes ready what these settings need; gives the engine that is to run, where one is. Throws the file system's error. */
  async prepare(settings: Settings | undefined, ipv6: boolean): Promise<EngineSpec[]> {
    const { specs = [], kind, failure } = settings === undefined ? {} : await this.#ready(settings, ipv6);
    this.#settings = settings;
    this.#kind = kind;
    this.#failure = failure;
    return specs;
  }

  async #ready(
    { port }: Settings,
    ipv6: boolean,
  ): Promise<{ specs?: EngineSpec[]; kind?: WireguardKind; failure?: Failure }> {
    if (findProgram("wg") === undefined) return { failure: "not-installed" };
    this.#key = ownWireguardKey(this.#folder);
    const kind = await makeWireguardDevice(WIREGUARD, { ipv6, uid: this.#account.uid });
    if (kind === undefined) return { failure: "no-tun" };
    if (kind === "kernel") return { kind };
    const program = findProgram(WIREGUARD_GO);
    const launcher = wireguardLauncher(this.#account);
    if (program === undefined || launcher === undefined) return { failure: "not-installed" };
    const { device } = WIREGUARD;
    const { publicKey } = this.#key;
    const account = this.#account;
    return { kind, specs: [wireguardGoEngine({ program, launcher, device, publicKey, port, account })] };
  }

  /** Nothing of it can run now, since something that every engine needs is missing. */
  standAside(settings: Settings | undefined): void {
    this.#settings = settings;
    this.#failure = "other";
    this.attach();
  }

  /** To be called after `prepare` and whenever an engine comes or goes. */
  attach(): void {
    const place = this.#place();
    if (place === undefined) this.peers.attach(undefined, undefined);
    else if (this.#kind === "kernel") this.peers.attach(`${KERNEL} ${place.port}`, kernelControl(place));
    else {
      const view = this.#engines.view(WIREGUARD_ENGINE);
      const pid = view?.state === "running" ? view.pid : undefined;
      this.peers.attach(
        pid === undefined ? undefined : `${pid}`,
        wireguardGoControl(place, uapiSocket(place.device)),
      );
    }
  }

  #place(): { device: string; port: number; key: WireguardKey } | undefined {
    if (this.#settings === undefined || this.#key === undefined || this.#failure !== undefined)
      return undefined;
    return { device: WIREGUARD.device, port: this.#settings.port, key: this.#key };
  }

  /** `outside`: what keeps every engine of this exit from running. */
  report(outside: Failure | undefined): {
    listening: ListeningReport[];
    engines: KeeperEngines["engines"];
    warnings: string[];
    pending: boolean;
  } {
    const settings = this.#settings;
    if (settings === undefined) return { listening: [], engines: [], warnings: [], pending: false };
    const { ready, failed } = this.peers.state;
    const view = this.#engines.view(WIREGUARD_ENGINE);
    const reason = ready ? undefined : (view?.refused ?? failed ?? deadEngine(view?.state));
    const why = outside ?? this.#failure ?? (reason && failureOf(reason));
    const kind = this.#kind === undefined ? {} : { runsIn: this.#kind };
    const line = { service: "wireguard", protocol: "udp", port: settings.port } as const;
    return {
      listening: [{ ...line, address: "0.0.0.0", ...kind, ...(why !== undefined && { failed: why }) }],
      engines: [{ id: WIREGUARD_ENGINE, service: "wireguard", healthy: ready && why === undefined }],
      warnings: view?.refused === "another-exit" ? [SOCKET_TAKEN] : [],
      pending: why === undefined && !ready,
    };
  }

  /** Stops watching; device, engine and peers stay as they are. */
  close(): Promise<void> {
    return this.peers.close();
  }
}

const SOCKET_TAKEN = `Another exit of Lethe on this machine, in a network of its own, has ${uapiSocket(WIREGUARD.device)}, and wireguard-go looks nowhere else: WireGuard stays off here. Give this one a /run/wireguard of its own (systemd.exec(5): BindPaths=), or take a kernel that knows WireGuard, which needs no socket.`;

const deadEngine = (state: string | undefined): Reason | undefined =>
  state === "backing-off" ? "other" : undefined;
