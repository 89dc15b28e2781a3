import { dirname } from "node:path";
import type { EngineSpec, Engines } from "../../lib/engines.ts";
import { findProgram } from "../../lib/run-command.ts";
import type { ServerIdentity } from "../../link/identity.ts";
import type { ServerSettings } from "../../link/settings.ts";
import { engineFailure, type Failure, isStarting } from "../failure.ts";
import { launcher, unprivileged } from "../launcher.ts";
import type { Account, ExitStart, KeeperEngines, ListeningReport } from "../messages.ts";
import type { Tunnel } from "../tunnel-plan.ts";
import { engineNames } from "../unix-names.ts";
import { type Door, doorsOf, type Place, sharePlaceOf, TLS_ENGINE } from "./doors.ts";
import { obfs4Engine } from "./obfs4.ts";
import { obfs4Identity } from "./obfs4-identity.ts";
import { stunnelEngine } from "./stunnel.ts";

/** The part of OpenVPN's service that leads members' clients to it through TLS and obfs4. */
export class Stealth {
  readonly #start: ExitStart;
  readonly #engines: Pick<Engines, "view" | "configurationPath">;
  #doors: Door[] = [];
  readonly #missing = new Map<Door["service"], Failure>();
  /** What members' profiles need to know of this exit. */
  identity: ServerIdentity = {};

  constructor(options: { start: ExitStart; engines: Pick<Engines, "view" | "configurationPath"> }) {
    this.#start = options.start;
    this.#engines = options.engines;
  }

  /** Takes new settings in; `specs` and `sharePlace` follow them. */
  update(services: ServerSettings["services"], ipv6: boolean): void {
    this.#doors = doorsOf(services, ipv6);
    this.#missing.clear();
    if (findProgram("stunnel4") === undefined) this.#missing.set("stealth-tls", "not-installed");
    if (findProgram("obfs4proxy") === undefined) this.#missing.set("stealth-obfs4", "not-installed");
    else if (unprivileged(this.#account) === undefined) this.#missing.set("stealth-obfs4", "other");
  }

  /**
   * They read the Internet before anybody has logged in: as the tunnels' own user, one that is broken into could ask
   * wireguard-go and strongSwan for their keys and for members' addresses.
   */
  get #account(): Account {
    const { vpn, stealth } = this.#start.accounts;
    return stealth ?? vpn;
  }

  /** Where OpenVPN's listener hands on what does not speak OpenVPN. */
  sharePlace(tunnel: Tunnel): Place | undefined {
    return this.#missing.has("stealth-tls") ? undefined : sharePlaceOf(this.#doors, tunnel);
  }

  /** The engines; for an exit that has its certificate and OpenVPN. */
  specs(): EngineSpec[] {
    const { folder, run } = this.#start;
    const account = this.#account;
    const doors = this.#doors.filter(({ service }) => !this.#missing.has(service));
    const tls = doors.filter(({ service }) => service === "stealth-tls");
    const obfs4 = doors.filter(
      ({ service, listen, accept }) => service === "stealth-obfs4" && listen === accept,
    );
    const identity = obfs4.length > 0 ? obfs4Identity(folder) : undefined;
    this.identity = identity === undefined ? {} : { obfs4: identity.bridge };
    return [
      ...(tls.length === 0
        ? []
        : [
            stunnelEngine({
              program: findProgram("stunnel4")!,
              launcher: launcher({ fewCapabilities: true }),
              doors: tls,
              place: { folder, runAs: engineNames(account) },
              configurationPath: this.#engines.configurationPath(TLS_ENGINE),
            }),
          ]),
      ...obfs4.map((door) =>
        obfs4Engine({
          program: findProgram("obfs4proxy")!,
          launcher: unprivileged(account, { lowPorts: door.accept.port < 1024 })!,
          env: findProgram("env")!,
          door,
          state: identity!.state,
          folder: `${dirname(run.engines)}/${door.engine}`,
          account,
        }),
      ),
    ];
  }

  get pending(): boolean {
    return this.#doors.some(({ engine }) => isStarting(this.#engines.view(engine)));
  }

  /** How it is now. `inside`: why OpenVPN's own listener does not serve, where it does not. */
  report(inside: Failure | undefined): { listening: ListeningReport[]; engines: KeeperEngines["engines"] } {
    const states = this.#doors.map((door) => {
      const failed =
        inside ?? this.#missing.get(door.service) ?? engineFailure(this.#engines.view(door.engine));
      const behind = door.sharedWith && engineFailure(this.#engines.view(door.sharedWith.id));
      return { door, failed: failed ?? behind };
    });
    const engines = [...new Set(states.map(({ door }) => door.engine))].map((id) => {
      const own = states.filter(({ door }) => door.engine === id);
      const healthy =
        own.every(({ failed }) => failed === undefined) && this.#engines.view(id)?.state === "running";
      return { id, service: own[0]!.door.service, healthy };
    });
    return {
      listening: states.map(({ door: { service, listen }, failed }) => ({
        service,
        protocol: "tcp",
        ...listen,
        ...(failed && { failed }),
      })),
      engines,
    };
  }
}
