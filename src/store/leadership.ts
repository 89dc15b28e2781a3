import { Client } from "pg";
import { cut } from "./news.ts";
import type { Store } from "./open.ts";
import { clientConfig } from "./postgres.ts";

/**
 * Which of several offices on one database leads (serves the remote exits). The leader holds an advisory lock of PostgreSQL's on a
 * connection of its own: it is free as soon as the server sees that connection end, and not before.
 *
 * The old leader has stopped before a new one begins:
 * - It asks over that connection every `heartbeatMs`; without an answer within `answerMs`, or when the connection ends, it has lost.
 *   (A process that stood still and wakes up looks at how long ago the last answer was before it says that it leads.)
 * - Whoever gets the lock waits `graceMs`, longer than those two together, before it begins.
 * - The server ends a session that says nothing for `idle_session_timeout` (an office that hangs with its connection open), and
 *   one whose machine is gone by TCP's keepalives (store/postgres.ts).
 * Two leaders at once would still do no harm but traffic: both know the same accounts, and versions of the roster never go back.
 */
export interface Campaign {
  /** Whether this office leads, this very moment. */
  readonly leading: boolean;
  /** Stands down (`onLose` is called where it led) and resolves when the lock is free. */
  close(): Promise<void>;
}

interface CampaignOptions {
  store: Pick<Store, "postgres">;
  /** Called once the former leader has surely stopped. */
  onLead: () => void;
  /** Called as soon as it can no longer be sure that it leads. Between two calls of `onLead` there is one of this. */
  onLose: () => void;
  /** What tells this office from others; `onTwin` is called (once) where another one goes by it for half a minute. */
  office?: string;
  onTwin?: () => void;
  heartbeatMs?: number;
  answerMs?: number;
  graceMs?: number;
  twinAfterMs?: number;
}

/** Any number; never to be changed. */
const LEADER_LOCK = 5_126_871_005;
const HEARTBEAT_MS = 2000;
const ANSWER_MS = 5000;
const GRACE_MS = 8000;
/** Locks of two numbers, of which the second is the office's; any number, never to be changed. */
const OFFICE_LOCKS = 512_687_106;
/** A session of our own before, whose end the server has not seen yet, is gone by then. */
const TWIN_AFTER_MS = 30_000;
const IDLE_SESSION_TIMEOUT = "15s";

/** Tries to lead until it is closed. On SQLite, which has one office, it leads at once. */
export function campaign(options: CampaignOptions): Campaign {
  const { store, onLead, onLose } = options;
  if (store.postgres !== undefined) return new PostgresCampaign(options);
  let state: "candidate" | "leader" | "closed" = "candidate";
  queueMicrotask(() => {
    if (state !== "candidate") return;
    state = "leader";
    onLead();
  });
  return {
    get leading() {
      return state === "leader";
    },
    async close() {
      if (state === "leader") onLose();
      state = "closed";
    },
  };
}

class PostgresCampaign implements Campaign {
  readonly #options: CampaignOptions &
    Required<Pick<CampaignOptions, "heartbeatMs" | "answerMs" | "graceMs" | "twinAfterMs">>;
  #client: Client | undefined;
  #timer: NodeJS.Timeout | undefined;
  #watch: NodeJS.Timeout | undefined;
  #closed = false;
  /** The lock is ours, and `onLead` has been called. */
  #leads = false;
  /** When the lock became ours, on the monotonic clock. */
  #heldSinceMs: number | undefined;
  /** When the newest question that was answered had been asked. */
  #confirmedMs = 0;
  /** Whether this connection holds the lock of the office's own name; since when another has had it. */
  #named = false;
  #twinSinceMs: number | undefined;
  #running: Promise<void>;

  constructor(options: CampaignOptions) {
    this.#options = {
      heartbeatMs: HEARTBEAT_MS,
      answerMs: ANSWER_MS,
      graceMs: GRACE_MS,
      twinAfterMs: TWIN_AFTER_MS,
      ...options,
    };
    this.#running = this.#round();
  }

  get leading(): boolean {
    const { heartbeatMs, answerMs } = this.#options;
    if (this.#leads && performance.now() - this.#confirmedMs > heartbeatMs + answerMs) this.#lost();
    return this.#leads;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#watch);
    this.#lost();
    await this.#running;
    clearTimeout(this.#watch);
    await this.#client?.end().catch(() => undefined);
  }

  /** One question to the server: ask for the lock, or whether the connection that holds it still stands. Never rejects. */
  async #round(): Promise<void> {
    const askedMs = performance.now();
    try {
      this.#client ??= await this.#connect();
      await this.#takeName(this.#client);
      if (this.#heldSinceMs === undefined) {
        const answer = await this.#client.query(`select pg_try_advisory_lock(${LEADER_LOCK}) as ours`);
        if (answer.rows[0].ours) this.#heldSinceMs = performance.now();
      } else {
        await this.#client.query("select 1");
      }
      this.#confirm(askedMs);
    } catch {
      this.#drop(this.#client);
    }
    if (this.#closed) return;
    this.#begin();
    this.#timer = setTimeout(() => {
      this.#running = this.#round();
    }, this.#options.heartbeatMs);
  }

  /** From the question, not from the answer, since the connection may have ended right after it. */
  #confirm(askedMs: number): void {
    const { heartbeatMs, answerMs } = this.#options;
    this.#confirmedMs = askedMs;
    clearTimeout(this.#watch);
    const untilMs = askedMs + heartbeatMs + answerMs - performance.now();
    this.#watch = setTimeout(() => this.leading, Math.max(0, untilMs) + 1);
  }

  /** Two offices with one id (a machine that was copied) would take each other's servers away. */
  async #takeName(client: Client): Promise<void> {
    const { office, onTwin, twinAfterMs } = this.#options;
    if (this.#named || office === undefined) return;
    const { rows } = await client.query("select pg_try_advisory_lock($1::int, hashtext($2)) as ours", [
      OFFICE_LOCKS,
      office,
    ]);
    this.#named = rows[0].ours;
    if (this.#named) this.#twinSinceMs = undefined;
    else this.#twinSinceMs ??= performance.now();
    if (this.#twinSinceMs === undefined || performance.now() - this.#twinSinceMs < twinAfterMs) return;
    this.#twinSinceMs = Number.POSITIVE_INFINITY;
    onTwin?.();
  }

  #begin(): void {
    if (this.#leads || this.#heldSinceMs === undefined) return;
    if (performance.now() - this.#heldSinceMs < this.#options.graceMs) return;
    this.#leads = true;
    this.#options.onLead();
  }

  async #connect(): Promise<Client> {
    const { store, answerMs } = this.#options;
    const config = clientConfig(store.postgres!);
    const client = new Client({
      ...config,
      options: `${config.options} -c idle_session_timeout=${IDLE_SESSION_TIMEOUT}`,
      connectionTimeoutMillis: answerMs,
      query_timeout: answerMs,
    });
    client.on("error", () => undefined);
    client.once("end", () => this.#drop(client));
    try {
      await client.connect();
    } catch (error) {
      cut(client);
      throw error;
    }
    return client;
  }

  /** The connection is no more, or is not to be trusted: the lock may be somebody else's from now on. */
  #drop(client: Client | undefined): void {
    if (client === undefined || client !== this.#client) return;
    this.#client = undefined;
    this.#named = false;
    this.#lost();
    cut(client);
  }

  #lost(): void {
    this.#heldSinceMs = undefined;
    if (!this.#leads) return;
    this.#leads = false;
    this.#options.onLose();
  }
}
