import type { Clock } from "../../lib/clock.ts";
import { resolverOf } from "../../lib/dns-levels.ts";
import { certificateName } from "../../link/certificate-name.ts";
import type { Service } from "../../link/services.ts";
import type { ServerSettings } from "../../link/settings.ts";
import { believesForwarders } from "../dns/configuration.ts";
import { levelsOf } from "../dns/levels.ts";
import { IKEV2_ENGINE } from "../ikev2/engine.ts";
import type { KeeperEngines, Processes } from "../messages.ts";
import { doorsOf } from "../stealth/doors.ts";
import { tunnelsOf } from "../tunnel-plan.ts";
import { dialled, haveAddress } from "./addresses.ts";
import { ikeWorks } from "./ike-client.ts";
import type { SelfTestLogin, SelfTestLogins } from "./logins.ts";
import { httpProxyWorks, type ProxyTest, socks5Works } from "./proxy-clients.ts";
import { resolverWorks } from "./resolver.ts";
import { sshWorks } from "./ssh-client.ts";
import type { SelfTestTarget } from "./target.ts";
import { validationWorks } from "./validation.ts";

const MINUTE_MS = 60_000;
/** Whatever has not answered by then hangs. */
const TIMEOUT_MS = 8000;
/** The first round comes as soon as everything runs; what does not by then is found to be ill. */
const FIRST_WITHIN_MS = 30_000;
const SETTLE_MS = 200;
/** A first round that finds an illness is made again after so long, unsaid: most starts are just not through yet. */
const SECOND_LOOK_MS = 3000;
/** What was ill is looked at again so early in the next minute, at random. */
const AGAIN_WITHIN_MS = 10_000;
interface Proxy {
  of: (services: ServerSettings["services"]) => { listen: { address: string; port: number }[] } | undefined;
  works: (test: ProxyTest) => Promise<boolean>;
  processes: keyof Processes;
  /**
   * Several processes listen on one port and the kernel chooses: with so many tries one that hangs is rarely missed. Each has
   * every place, so the tries are spread over these; where there is one process, one try a place is enough.
   */
  tries: number;
}
const PROXIES = {
  socks5: { of: ({ socks5 }) => socks5, works: socks5Works, processes: "proxy", tries: 8 },
  http: { of: ({ http }) => http, works: httpProxyWorks, processes: "proxy", tries: 8 },
  "socks5-tls": {
    of: ({ socks5Tls }) => socks5Tls,
    works: (test) => socks5Works({ ...test, secure: true }),
    processes: "proxy",
    tries: 4,
  },
  https: {
    of: ({ https }) => https,
    works: (test) => httpProxyWorks({ ...test, secure: true }),
    processes: "proxy",
    tries: 4,
  },
  ssh: { of: ({ ssh }) => ssh, works: sshWorks, processes: "ssh", tries: 4 },
} satisfies Partial<Record<Service, Proxy>>;
const proxiesOf = ({ services }: ServerSettings) =>
  (Object.entries(PROXIES) as [keyof typeof PROXIES, Proxy][]).flatMap(([service, proxy]) => {
    const offered = proxy.of(services);
    return offered === undefined ? [] : [{ service, proxy, listen: offered.listen }];
  });

export interface ServiceHealth {
  /** `socks5`, `http`, `ssh`, `openvpn`, `wireguard`, `ikev2`: well where each of its listeners is. `dns`: the resolvers inside the tunnels. */
  service: string;
  healthy: boolean;
}

export interface SelfTestOptions {
  clock: Clock;
  /** The office's time in milliseconds, where it is known. */
  timeMs: () => number | undefined;
  logins: SelfTestLogins;
  processes: Processes;
  target: SelfTestTarget;
  /** Runs an OpenVPN client against the listener with that engine's id, for so long at most. Never rejects. */
  testOpenvpn: (engine: string, login: SelfTestLogin, timeoutMs: number) => Promise<boolean>;
  /** Whether WireGuard answers a handshake at this port, within so long. Never rejects. */
  testWireguard: (port: number, timeoutMs: number) => Promise<boolean>;
  testResolver?: typeof resolverWorks;
  testValidation?: typeof validationWorks;
  /** `minute`: UTC minutes since 1970, the one in which the round began. */
  onResult: (minute: number, services: ServiceHealth[]) => void;
  timeoutMs?: number;
  secondLookMs?: number;
}

/**
 * Asks each of the exit's services what a member's client would ask, through them, once a minute, in a second of the minute
 * drawn at the start, so that a fleet does not report all at once; the first time as soon as everything runs, and after an
 * illness early in the next minute.
 */
export class SelfTest {
  readonly #options: SelfTestOptions;
  readonly #phaseMs = Math.random() * MINUTE_MS;
  #settings: ServerSettings | undefined;
  #engines: KeeperEngines["engines"] = [];
  #timer: NodeJS.Timeout | undefined;
  #first: "waiting" | "soon" | "over" = "waiting";
  #closed = false;

  constructor(options: SelfTestOptions) {
    this.#options = options;
  }

  /** What should run, and how the engines say they are. */
  update(change: { settings?: ServerSettings; engines?: KeeperEngines["engines"] }): void {
    this.#settings = change.settings ?? this.#settings;
    this.#engines = change.engines ?? this.#engines;
    if (this.#settings === undefined || this.#first !== "waiting") return;
    const wanted = offered(this.#settings);
    const run = wanted.every((service) => this.#engines.some((engine) => engine.service === service));
    if (run && this.#engines.every(({ healthy, leftOut }) => healthy || leftOut)) {
      this.#first = "soon";
      this.#in(SETTLE_MS);
    } else this.#timer ?? this.#in(FIRST_WITHIN_MS);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #in(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#due(), ms);
    this.#timer.unref();
  }

  async #due(): Promise<void> {
    const first = this.#first !== "over";
    this.#first = "over";
    const beganMs = this.#now();
    const minute = Math.floor(beganMs / MINUTE_MS);
    let services = await this.round();
    if (first && isIll(services)) {
      await new Promise((resolve) =>
        setTimeout(resolve, this.#options.secondLookMs ?? SECOND_LOOK_MS).unref(),
      );
      if (!this.#closed) services = await this.round();
    }
    if (this.#closed) return;
    this.#options.onResult(minute, services);
    const ill = isIll(services);
    const phaseMs = ill ? Math.min(this.#phaseMs, Math.random() * AGAIN_WITHIN_MS) : this.#phaseMs;
    // The office's time may have been corrected meanwhile, by any amount: the next round is never far away.
    const nextMs = (minute + 1) * MINUTE_MS + phaseMs - this.#now();
    this.#in(nextMs > 0 && nextMs <= 2 * MINUTE_MS ? nextMs : this.#phaseMs);
  }

  #now(): number {
    return this.#options.timeMs() ?? this.#options.clock.now();
  }

  /** One round now; a service takes `timeoutMs` (8 s) at most, and OpenVPN's listeners come one after another. */
  async round(): Promise<ServiceHealth[]> {
    const settings = this.#settings;
    if (settings === undefined) return [];
    const { logins, target, testOpenvpn, testWireguard } = this.#options;
    const { testResolver = resolverWorks, testValidation = validationWorks } = this.#options;
    const timeoutMs = this.#options.timeoutMs ?? TIMEOUT_MS;
    const { openvpn, stealthTls, stealthObfs4, wireguard, ikev2 } = settings.services;
    const ends: (() => void)[] = [];
    const begin = (service: Service, address: string, uses: number): SelfTestLogin => {
      const { login, end } = logins.begin({ service, addresses: [address], uses });
      ends.push(end);
      return login;
    };
    const proxyWorks = ({ service, proxy, listen }: ReturnType<typeof proxiesOf>[number]) => {
      const places = listen.filter(haveAddress);
      const tries = this.#options.processes[proxy.processes] > 1 ? Math.ceil(proxy.tries / places.length) : 1;
      return all(
        places.flatMap(({ address: listening, port }) => {
          const address = dialled(listening);
          const login = begin(service, address, tries);
          const test = { address, port, login, target, timeoutMs };
          return Array.from({ length: tries }, () => proxy.works(test));
        }),
      );
    };
    // Each is a process or two, some with a TLS handshake inside another: all at once they would be a load of their own.
    const inTurn = turns();
    const openvpnWorks = (wanted: NonNullable<typeof openvpn>) =>
      all(
        tunnelsOf(wanted).map(
          ({ id, listen }) =>
            this.#isLeftOut(id) ||
            (this.#runs(id) &&
              inTurn(() => testOpenvpn(id, begin("openvpn", dialled(listen.address), 1), timeoutMs))),
        ),
      );
    /** Whichever address is asked: strongSwan is one process for all. */
    const ikev2Works = () =>
      ikeWorks({
        address: "127.0.0.1",
        port: 500,
        name: settings.certificateName ?? certificateName(settings.server),
        login: begin("ikev2", "127.0.0.1", 1),
        timeoutMs,
      });
    /** What is inside comes to OpenVPN from the very address that OpenVPN has there. */
    const stealthWorks = (service: "stealth-tls" | "stealth-obfs4") => {
      const doors = doorsOf(settings.services, true).filter((door) => door.service === service);
      const engines = new Map(doors.map((door) => [door.engine, dialled(door.to.address)]));
      return all(
        [...engines].map(
          ([engine, address]) =>
            this.#runs(engine) &&
            // Two programs have to start there.
            inTurn(() => testOpenvpn(engine, begin("openvpn", address, 1), 2 * timeoutMs)),
        ),
      );
    };
    const resolversWork = (test: typeof resolverWorks) =>
      all(
        (["none", ...levelsOf(settings)] as const).map((level) =>
          test({ timeoutMs, address: resolverOf(level).v4 }),
        ),
      );
    // What the root servers say can always be validated.
    const mayFail = settings.dns.forward.length > 0 && !believesForwarders(settings.dns);
    const dnsWorks = () =>
      all([resolversWork(testResolver), ...(mayFail ? [testValidation({ timeoutMs })] : [])]);
    try {
      return await Promise.all([
        ...proxiesOf(settings).map((each) => named(each.service, proxyWorks(each))),
        ...(openvpn ? [named("openvpn", openvpnWorks(openvpn))] : []),
        ...(openvpn && stealthTls ? [named("stealth-tls", stealthWorks("stealth-tls"))] : []),
        ...(openvpn && stealthObfs4 ? [named("stealth-obfs4", stealthWorks("stealth-obfs4"))] : []),
        ...(wireguard ? [named("wireguard", testWireguard(wireguard.port, timeoutMs))] : []),
        ...(ikev2 ? [named("ikev2", this.#runs(IKEV2_ENGINE) ? ikev2Works() : Promise.resolve(false))] : []),
        ...(openvpn || wireguard || ikev2 ? [named("dns", dnsWorks())] : []),
      ]);
    } finally {
      for (const end of ends) end();
    }
  }

  #isLeftOut(engine: string): boolean {
    return this.#engines.some(({ id, leftOut }) => id === engine && leftOut);
  }

  /** An engine that is known not to run need not be asked. */
  #runs(engine: string): boolean {
    return this.#engines.some(({ id, healthy }) => id === engine && healthy);
  }
}

const offered = (settings: ServerSettings): string[] => [
  ...proxiesOf(settings).map(({ service }) => service),
  ...(["openvpn", "wireguard", "ikev2"] as const).filter(
    (service) => settings.services[service] !== undefined,
  ),
];

/** Runs one after another, in the order in which they are given. */
function turns(): <T>(run: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (run) => {
    const mine = last.then(run);
    last = mine.catch(() => {});
    return mine;
  };
}

const all = async (tests: (Promise<boolean> | boolean)[]): Promise<boolean> =>
  (await Promise.all(tests)).every(Boolean);

const named = async (service: string, test: Promise<boolean>): Promise<ServiceHealth> => ({
  service,
  healthy: await test,
});

const isIll = (services: readonly ServiceHealth[]): boolean => services.some(({ healthy }) => !healthy);
