import { logFor, type Part } from "../lib/event-log.ts";
import { ForkedChild } from "../lib/forked-child.ts";
import type { ServerSettings } from "../link/settings.ts";
import { proxyMessage } from "./checked-messages.ts";
import type { ListeningReport, PortRequest, ProxyAnswering, ProxySettings } from "./messages.ts";

/**
 * The settings as processes that read the Internet hear them: without the keys of services that are none of theirs. What opens
 * the NT hashes above all is for the keeper.
 */
export function withoutKeys(settings: ServerSettings): ServerSettings {
  const { ikev2: _, openvpn: __, ...services } = settings.services;
  return { ...settings, services };
}

/**
 * Processes of one kind that share the work: the proxies, or those of SSH. All listen on the same ports; each is started again
 * when it ends, told what it has to know, and heard on where it listens.
 */
export class Workers {
  readonly children: readonly ForkedChild[];
  /** What each said last; nothing from one that has not spoken since it was started. */
  readonly #listening = new Map<ForkedChild, ListeningReport[]>();
  #running = false;
  #stopped: Promise<void> = Promise.resolve();

  constructor(options: {
    /** bundle.ts, or the bundle. */
    entry: string;
    part: Extract<Part, "proxy" | "ssh">;
    count: number;
    /** A process has been started: it has to be told its user first, then the settings. */
    onStart: (child: ForkedChild) => void;
    onMessage: (child: ForkedChild, message: PortRequest | ProxyAnswering) => void;
    onListening: () => void;
  }) {
    const { entry, part, count, onStart, onMessage, onListening } = options;
    this.children = Array.from({ length: count }, () => {
      const child: ForkedChild = new ForkedChild({
        module: entry,
        args: [part],
        log: logFor(part),
        onStart,
        onMessage: (message) => {
          const { data, success } = proxyMessage.safeParse(message);
          if (!success) return;
          if (data.type !== "listening") return onMessage(child, data);
          this.#listening.set(child, data.services as ListeningReport[]);
          onListening();
        },
        onCrash: () => {
          this.#listening.delete(child);
          onListening();
        },
      });
      return child;
    });
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    // Those of before first: a child is one process at a time.
    void this.#stopped.then(() => {
      if (this.#running) for (const child of this.children) child.start();
    });
  }

  send(news: ProxySettings): void {
    for (const child of this.children) child.send(news);
  }

  stop(timeoutMs: number): Promise<void> {
    if (!this.#running) return this.#stopped;
    this.#running = false;
    this.#stopped = Promise.all(this.children.map((child) => child.stop(timeoutMs))).then(() =>
      this.#listening.clear(),
    );
    return this.#stopped;
  }

  /** Each that is to run has said where it listens. */
  get settled(): boolean {
    return !this.#running || this.#listening.size === this.children.length;
  }

  /** One line a listener: with several processes on one port, it listens as soon as one of them does. */
  get listening(): ListeningReport[] {
    const lines = new Map<string, ListeningReport>();
    for (const line of [...this.#listening.values()].flat()) {
      const key = `${line.service} ${line.protocol} ${line.address} ${line.port}`;
      if (lines.get(key)?.failed !== undefined || !lines.has(key)) lines.set(key, line);
    }
    return [...lines.values()];
  }
}
