import { existsSync } from "node:fs";
import type { EngineSpec, Engines } from "../../lib/engines.ts";
import type { Log } from "../../lib/event-log.ts";
import { findProgram } from "../../lib/run-command.ts";
import type { ServerIdentity } from "../../link/identity.ts";
import type { ServerSettings } from "../../link/settings.ts";
import { engineFailure, type Failure, isStarting } from "../failure.ts";
import { openvpnPool } from "../firewall/port-forwarding.ts";
import { launcher } from "../launcher.ts";
import type { ExitStart, KeeperEngines, ListeningReport } from "../messages.ts";
import { Stealth } from "../stealth/stealth.ts";
import { placesOf, type Tunnel, tunnelsOf } from "../tunnel-plan.ts";
import { engineNames } from "../unix-names.ts";
import { openvpnEngine } from "./engine.ts";

/** An office that is there signs a new exit's certificate at once. */
const SIGNED_WITHIN_MS = 10_000;

/** OpenVPN on an exit, in the root process: a listener's process and device each, and what leads to them through TLS and obfs4. */
export class OpenvpnService {
  readonly #start: ExitStart;
  readonly #engines: Pick<Engines, "view" | "configurationPath">;
  readonly #log: Log;
  readonly #stealth: Stealth;
  #tunnels: Tunnel[] = [];
  #failure: Failure | undefined;
  #ipv6 = false;
  /** Since when the office's signature has been waited for; nothing where there is a certificate. */
  #unsignedSinceMs: number | undefined;

  constructor(options: {
    start: ExitStart;
    engines: Pick<Engines, "view" | "configurationPath">;
    log: Log;
  }) {
    this.#start = options.start;
    this.#engines = options.engines;
    this.#log = options.log;
    this.#stealth = new Stealth(options);
  }

  /** What members' profiles need to know of this exit. */
  get identity(): ServerIdentity {
    return this.#stealth.identity;
  }

  /** Takes new settings in. Until `prepare` nothing is known of what keeps OpenVPN from running. */
  update({ openvpn }: ServerSettings["services"]): void {
    this.#tunnels = tunnelsOf(openvpn);
    this.#failure = undefined;
  }

  /** Looks for what they need; gives the tunnels whose devices are to be there before the engines are. */
  prepare(services: ServerSettings["services"], ipv6: boolean): readonly Tunnel[] {
    this.#failure = whatIsMissing();
    this.#ipv6 = ipv6;
    this.#stealth.update(services, ipv6);
    return this.#runnable;
  }

  /** The engines that are to run, once the devices are there. Throws the file system's error. */
  specs(settings: ServerSettings): EngineSpec[] {
    if (this.#failure !== undefined && this.#tunnels.length > 0)
      this.#log("engine-unavailable", { part: "openvpn", reason: this.#failure });
    // The root process says when there is one: until then no listener of ours runs.
    const signed = existsSync(`${this.#start.folder}/tls.crt`);
    this.#unsignedSinceMs = signed ? undefined : (this.#unsignedSinceMs ?? performance.now());
    if (!signed || this.#runnable.length === 0) return [];
    return [...this.#runnable.map((tunnel) => this.#listener(tunnel, settings)), ...this.#stealth.specs()];
  }

  get #runnable(): readonly Tunnel[] {
    return this.#failure === undefined ? this.#tunnels : [];
  }

  #listener(tunnel: Tunnel, settings: ServerSettings): EngineSpec {
    const { accounts, folder } = this.#start;
    return openvpnEngine({
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
        ipv6: this.#ipv6,
        pool: settings.portForwarding === true ? openvpnPool(tunnel) : undefined,
        portShare: this.#stealth.sharePlace(tunnel),
      },
    });
  }

  #managementSocket(tunnel: Tunnel): string {
    return `${this.#start.run.management}/${tunnel.id}.sock`;
  }

  /** `outside`: what keeps every engine of this exit from running. */
  report(outside: Failure | undefined): {
    listening: ListeningReport[];
    engines: KeeperEngines["engines"];
    pending: boolean;
  } {
    const views = this.#tunnels.map((tunnel) => ({ tunnel, view: this.#engines.view(tunnel.id) }));
    const missing = outside ?? this.#failure;
    const unsigned = missing === undefined && this.#unsignedSinceMs !== undefined && this.#tunnels.length > 0;
    const signing = unsigned && performance.now() - this.#unsignedSinceMs! < SIGNED_WITHIN_MS;
    const inside = missing ?? (unsigned && !signing ? "no-certificate" : undefined);
    const serves = views.some(({ view }) => view?.state === "running");
    const listening = views.flatMap(({ tunnel, view }) => {
      const failed = inside ?? engineFailure(view);
      return placesOf(tunnel)
        .filter(({ address }) => this.#ipv6 || address !== "::" || !tunnel.listen.dual)
        .map((place) => ({
          service: "openvpn" as const,
          protocol: tunnel.protocol,
          ...place,
          ...(failed && { failed }),
        }));
    });
    const stealth = this.#stealth.report(inside);
    return {
      listening: [...listening, ...stealth.listening],
      engines: [
        ...views.map(({ tunnel, view }) => ({
          id: tunnel.id,
          service: "openvpn" as const,
          healthy: view?.state === "running",
          ...(view?.refused === "EADDRINUSE" && serves && { leftOut: true as const }),
          management: this.#managementSocket(tunnel),
        })),
        ...stealth.engines,
      ],
      pending: signing || this.#stealth.pending || views.some(({ view }) => isStarting(view)),
    };
  }
}

function whatIsMissing(): Failure | undefined {
  if (!existsSync("/dev/net/tun")) return "no-tun";
  return findProgram("openvpn") === undefined ? "not-installed" : undefined;
}
