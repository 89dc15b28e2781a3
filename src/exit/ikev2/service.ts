import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Pair } from "../../certificates/pair.ts";
import { writeFileAtomic } from "../../lib/atomic-file.ts";
import type { EngineSpec, Engines } from "../../lib/engines.ts";
import type { Log } from "../../lib/event-log.ts";
import { findProgram } from "../../lib/run-command.ts";
import { certificateName } from "../../link/certificate-name.ts";
import type { ServerSettings } from "../../link/settings.ts";
import { engineFailure, type Failure } from "../failure.ts";
import type { ExitStart, KeeperEngines, ListeningReport } from "../messages.ts";
import { groupName, userName } from "../unix-names.ts";
import { connections, type Ikev2Path, pools } from "./configuration.ts";
import { clearDevice, pathHere, takeDevice } from "./device.ts";
import { CHARON, charonEngine, IKE_PORTS, IKEV2_ENGINE } from "./engine.ts";
import { RADIUS_PORT, radiusSecret } from "./secret.ts";
import { strongswanIsMended } from "./version.ts";
import { ViciClient } from "./vici-client.ts";
import type { ViciMessage } from "./vici-message.ts";

/** From one try to tell strongSwan to the next. */
const TELL_AGAIN_MS = 1000;

/** What strongSwan is told over VICI. */
interface Load {
  keys: string[];
  chain: string[];
  pools: Record<string, object>;
  connections: Record<string, object>;
}

/** IKEv2 on an exit, in the root process: strongSwan, its device, and what it is told. */
export class Ikev2Service {
  readonly #start: ExitStart;
  readonly #engines: Engines;
  readonly #log: Log;
  readonly #publicPair: (settings: ServerSettings) => Pair | undefined;
  readonly #onChange: () => void;
  #ipv6 = false;
  #failure: Failure | undefined;
  #warnings: string[] = [];
  #path: Ikev2Path | undefined;
  #mended: boolean | undefined;
  #load: { load: Load; hash: string } | undefined;
  /** What strongSwan has been told: its process's number and the hash. */
  #loaded = "";
  #loading: Promise<void> | undefined;
  /** It does not take what it is told, and that has been said. */
  #saidUntold = false;

  constructor(options: {
    start: ExitStart;
    engines: Engines;
    log: Log;
    /** The public certificate for the settings' `publicName`, where there is one. */
    publicPair: (settings: ServerSettings) => Pair | undefined;
    /** Something of `report` is another. */
    onChange: () => void;
  }) {
    this.#start = options.start;
    this.#engines = options.engines;
    this.#log = options.log;
    this.#publicPair = options.publicPair;
    this.#onChange = options.onChange;
  }

  /** Makes ready what these settings need; gives the engine that is to run, where one is. Throws the file system's error. */
  async prepare(settings: ServerSettings, ipv6: boolean): Promise<EngineSpec[]> {
    this.#ipv6 = ipv6;
    this.#warnings = [];
    this.#failure = undefined;
    if (settings.services.ikev2 === undefined) {
      if (existsSync(this.#note)) await clearDevice(this.#note);
      return [];
    }
    this.#failure = await this.#missing();
    if (this.#failure !== undefined) return [];
    this.#path ??= existsSync(this.#note) ? "libipsec" : await pathHere();
    const load = this.#plan(settings, this.#path);
    this.#load = { load, hash: createHash("sha256").update(JSON.stringify(load)).digest("hex") };
    return [
      charonEngine({
        program: findProgram(CHARON)!,
        configurationPath: this.#engines.configurationPath(IKEV2_ENGINE),
        note: this.#note,
        ipv6,
        place: {
          path: this.#path,
          viciSocket: this.#viciSocket,
          radiusPort: RADIUS_PORT,
          radiusSecret: radiusSecret(this.#start.run.engines),
          ...this.#runAs(),
        },
        onStart: (devices) => {
          writeFileAtomic(this.#before, JSON.stringify(devices));
          this.#loaded = "";
        },
        ready: async () => {
          return existsSync(this.#viciSocket) && this.#tell("new");
        },
      }),
    ];
  }

  async #missing(): Promise<Failure | undefined> {
    if (findProgram(CHARON) === undefined || !existsSync(EAP_RADIUS)) return "not-installed";
    this.#mended ??= await strongswanIsMended();
    if (!this.#mended) {
      this.#warnings.push(
        "The installed strongSwan is too old to be safe (GHSA-4qm7-rm85-wr68): IKEv2 stays off until it is upgraded (apt-get install charon-systemd libcharon-extra-plugins).",
      );
      return "other";
    }
    if (!existsSync("/dev/net/tun")) return "no-tun";
    return existsSync(join(this.#start.folder, "tls.crt")) ? undefined : "no-certificate";
  }

  #runAs(): { runAs?: { user: string; group: string } } {
    const { vpn, keeper } = this.#start.accounts;
    const [user, group] = [vpn.uid === 0 ? undefined : userName(vpn.uid), groupName(keeper.gid)];
    return user === undefined || group === undefined ? {} : { runAs: { user, group } };
  }

  #plan(settings: ServerSettings, path: Ikev2Path): Load {
    const { folder, server } = this.#start;
    const read = (name: string): string => readFileSync(join(folder, name), "utf8");
    const own = { id: settings.certificateName ?? certificateName(server), certificate: read("tls.crt") };
    const { publicName } = settings;
    const shown = publicName === undefined ? undefined : this.#publicPair(settings);
    const chain = shown?.certificate.match(CERTIFICATE) ?? [];
    const identities = [own, ...(chain.length === 0 ? [] : [{ id: publicName!, certificate: chain[0]! }])];
    const forwarding = settings.portForwarding === true;
    return {
      keys: [read("tls.key"), ...(shown === undefined ? [] : [shown.key])],
      chain: chain.slice(1),
      pools: pools({ forwarding, ipv6: this.#ipv6 }),
      connections: connections({ identities, path, forwarding, ipv6: this.#ipv6 }),
    };
  }

  /** To be called after `prepare` and whenever an engine comes or goes: tells a strongSwan that runs what is new. */
  attach(): void {
    const view = this.#engines.view(IKEV2_ENGINE);
    if (view?.state !== "running" || view.pid === undefined || this.#load === undefined) return;
    const wanted = `${view.pid} ${this.#load.hash}`;
    if (this.#loaded.startsWith("new ")) this.#remember(this.#loaded.replace("new", String(view.pid)));
    if (this.#loaded === "" && existsSync(this.#record)) this.#loaded = readFileSync(this.#record, "utf8");
    if (this.#loaded === wanted || this.#loading !== undefined) return;
    this.#loading = this.#tell(String(view.pid)).then(async (told) => {
      if (!told) {
        if (!this.#saidUntold) this.#log("engine-unavailable", { part: "ikev2", reason: "other" });
        await new Promise((resolve) => setTimeout(resolve, TELL_AGAIN_MS).unref());
      }
      this.#saidUntold = !told;
      this.#loading = undefined;
      this.#onChange();
    });
  }

  #remember(loaded: string): void {
    this.#loaded = loaded;
    writeFileAtomic(this.#record, loaded);
  }

  /** Sessions that are there stay as they are. False where strongSwan did not take it. */
  async #tell(process: string): Promise<boolean> {
    if (this.#load === undefined) return false;
    const { load, hash } = this.#load;
    // Here as well as at the start: a strongSwan that we take over may have been left before its device had its name.
    if (this.#path === "libipsec" && !(await this.#hasDevice())) return false;
    let vici: ViciClient | undefined;
    try {
      vici = await ViciClient.open(this.#viciSocket);
      for (const data of load.keys) await vici.request("load-key", { type: "any", data });
      for (const data of load.chain) await vici.request("load-cert", { type: "X509", flag: "CA", data });
      for (const [name, pool] of Object.entries(load.pools))
        await vici.request("load-pool", { [name]: pool as ViciMessage });
      for (const [name, connection] of Object.entries(load.connections))
        await vici.request("load-conn", { [name]: connection as ViciMessage });
      if (Object.keys(load.connections).length === 1)
        await vici.request("unload-conn", { name: "lethe-1" }).catch(() => {});
      if (process === "new") this.#loaded = `new ${hash}`;
      else this.#remember(`${process} ${hash}`);
      return true;
    } catch {
      return false;
    } finally {
      vici?.close();
    }
  }

  async #hasDevice(): Promise<boolean> {
    try {
      return await takeDevice(JSON.parse(readFileSync(this.#before, "utf8")), this.#note, this.#ipv6);
    } catch {
      return false;
    }
  }

  /** `outside`: what keeps every engine of this exit from running. */
  report(
    outside: Failure | undefined,
    services: ServerSettings["services"],
  ): {
    listening: ListeningReport[];
    engines: KeeperEngines["engines"];
    warnings: string[];
    pending: boolean;
  } {
    if (services.ikev2 === undefined) return { listening: [], engines: [], warnings: [], pending: false };
    const view = this.#engines.view(IKEV2_ENGINE);
    const told = this.#load !== undefined && this.#loaded.endsWith(` ${this.#load.hash}`);
    const ready = view?.state === "running" && told;
    const failed = outside ?? this.#failure ?? engineFailure(view);
    return {
      listening: IKE_PORTS.map((port) => ({
        service: "ikev2",
        protocol: "udp",
        address: "0.0.0.0",
        port,
        ...(failed !== undefined && { failed }),
      })),
      engines: [
        {
          id: IKEV2_ENGINE,
          service: "ikev2",
          healthy: ready && failed === undefined,
          ...(view?.state === "running" && { management: this.#viciSocket }),
        },
      ],
      warnings: this.#warnings,
      pending: failed === undefined && !ready,
    };
  }

  /** Takes away what is not the engine's: its device's placeholder, and with it the routes that a killed one left. */
  async clear(): Promise<void> {
    if (existsSync(this.#note)) await clearDevice(this.#note);
  }

  get #viciSocket(): string {
    return join(this.#start.run.management, "ikev2.sock");
  }

  get #note(): string {
    return join(this.#start.run.engines, "ikev2.placeholder");
  }

  /** strongSwan's devices as they were before ours started. */
  get #before(): string {
    return join(this.#start.run.engines, "ikev2.before");
  }

  get #record(): string {
    return join(this.#start.run.engines, "ikev2.told");
  }
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
/** Of Debian's libcharon-extra-plugins. */
export const EAP_RADIUS = "/usr/lib/ipsec/plugins/libstrongswan-eap-radius.so";
