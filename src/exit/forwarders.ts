import type { Pair } from "../certificates/pair.ts";
import { type Log, reasonOf } from "../lib/event-log.ts";
import type { ForkedChild } from "../lib/forked-child.ts";
import type { ServerIdentity } from "../link/identity.ts";
import type { Challenge } from "../link/public-certificate.ts";
import type { ServerSettings } from "../link/settings.ts";
import { answerForPort } from "./low-ports.ts";
import type {
  ExitStart,
  KeeperAnswering,
  ListeningReport,
  PortRequest,
  Processes,
  ProxyAnswering,
  ProxySettings,
  ProxyStart,
  SshStart,
} from "./messages.ts";
import { onlyNews } from "./only-news.ts";
import { ChallengeDoor } from "./public-certificate/door.ts";
import { type HostKeys, hostKeys } from "./ssh/host-keys.ts";
import { Workers, withoutKeys } from "./workers.ts";

/** How long a process has to end by itself. */
const STOP_MS = 2000;

/**
 * The processes of an exit that forward members' connections one by one, as the root process has them: the proxies, SSH's
 * where it is offered, and port 80 through the first proxy while a challenge is to be answered.
 */
export class Forwarders {
  readonly #start: ExitStart;
  readonly #log: Log;
  readonly #onIdentity: (part: ServerIdentity) => void;
  readonly #proxies: Workers;
  readonly #ssh: Workers;
  readonly #challenges: ChallengeDoor;
  #hostKeys: HostKeys | undefined;
  #settings: ServerSettings | undefined;
  #forProxies: ProxySettings | undefined;
  #forSsh: ProxySettings | undefined;
  readonly #tellProxies = onlyNews<ProxySettings>((news) => this.#proxies.send(news));
  readonly #tellSsh = onlyNews<ProxySettings>((news) => this.#ssh.send(news));

  constructor(options: {
    start: ExitStart;
    /** bundle.ts, or the bundle: what they are started from. */
    entry: string;
    log: Log;
    /** Where they listen is another. */
    onListening: () => void;
    onAnswering: (answering: Omit<KeeperAnswering, "type">) => void;
    /** SSH's host keys, once there are some. */
    onIdentity: (part: ServerIdentity) => void;
  }) {
    const { start, entry, log, onListening, onAnswering, onIdentity } = options;
    this.#start = start;
    this.#log = log;
    this.#onIdentity = onIdentity;
    const workers = {
      entry,
      onMessage: (child: ForkedChild, message: PortRequest | ProxyAnswering) =>
        this.#onMessage(child, message),
      onListening,
    };
    this.#proxies = new Workers({
      ...workers,
      part: "proxy",
      count: start.proxies,
      onStart: (child) => this.#startProxy(child),
    });
    this.#ssh = new Workers({
      ...workers,
      part: "ssh",
      // What SSH costs is encryption, and one process encrypts some gigabits a second.
      count: Math.ceil(start.proxies / 2),
      onStart: (child) => this.#startSsh(child),
    });
    this.#challenges = new ChallengeDoor({ child: this.#proxies.children[0]!, onAnswering });
  }

  /** Starts the proxies; SSH's processes follow the settings. */
  start(): void {
    this.#proxies.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#proxies.stop(STOP_MS), this.#ssh.stop(STOP_MS)]);
  }

  get processes(): Processes {
    return { proxy: this.#proxies.children.length, ssh: this.#ssh.children.length };
  }

  get listening(): ListeningReport[] {
    return [...this.#proxies.listening, ...this.#ssh.listening];
  }

  get settled(): boolean {
    return this.#proxies.settled && this.#ssh.settled;
  }

  /** Answers these challenges, and no others, to whoever asks on port 80. */
  answer(challenges: readonly Challenge[]): void {
    this.#challenges.set(challenges);
  }

  /** New settings: SSH's processes run where it is offered; the host keys are made with the first of them. */
  update(settings: ServerSettings): void {
    this.#settings = settings;
    if (settings.services.ssh === undefined) return void this.#ssh.stop(STOP_MS);
    try {
      this.#hostKeys ??= hostKeys(this.#start.folder);
      this.#onIdentity({ ssh: this.#hostKeys.public });
      this.#ssh.start();
    } catch (error) {
      this.#log("engine-unavailable", { part: "ssh", reason: reasonOf(error) });
    }
  }

  /** What they have to know beside the settings; those that it is news for are told. `pair`: for the proxies alone, which show it. */
  tell(facts: Pick<ProxySettings, "ownAddresses" | "resolvers">, pair: Pair | undefined): void {
    if (this.#settings === undefined) return;
    const { ownAddresses, resolvers } = facts;
    const settings = withoutKeys(this.#settings);
    this.#forSsh = { type: "settings", settings, ownAddresses, resolvers };
    this.#forProxies = pair === undefined ? this.#forSsh : { ...this.#forSsh, pair };
    this.#tellProxies(this.#forProxies);
    this.#tellSsh(this.#forSsh);
  }

  #startProxy(child: ForkedChild): void {
    const { run, accounts } = this.#start;
    child.send({
      type: "start",
      authoriseSocket: run.authoriseSocket,
      account: accounts.proxy,
    } satisfies ProxyStart);
    if (this.#forProxies !== undefined) child.send(this.#forProxies);
    if (child === this.#proxies.children[0]) this.#challenges.childStarted();
  }

  #startSsh(child: ForkedChild): void {
    const { run, accounts } = this.#start;
    child.send({
      type: "start",
      authoriseSocket: run.authoriseSocket,
      account: accounts.proxy,
      hostKeys: this.#hostKeys?.private ?? [],
    } satisfies SshStart);
    if (this.#forSsh !== undefined) child.send(this.#forSsh);
  }

  #onMessage(child: ForkedChild, message: PortRequest | ProxyAnswering): void {
    if (message.type === "open") void answerForPort(child, message, this.#settings, this.#log);
    else if (child === this.#proxies.children[0]) this.#challenges.answering(message.tokens);
  }
}
