import { connect, type Socket } from "node:net";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/event-log.ts";
import { Timers } from "../../lib/timers.ts";
import type { Admission, KeeperAuthoriser, Refusal, Session } from "../authorise.ts";
import { type ClientLogin, type ManagementEvent, ManagementLines } from "./management-lines.ts";

/** What a refused client's person reads. OpenVPN 2.6 clients take a TEMP answer as "try again later", older ones as refused. */
const REFUSED: Record<Refusal, string> = {
  unknown: "Wrong VPN username or password",
  expired: "Your paid time is over. Extend it in the member area",
  "slow-down": "TEMP[backoff 30]:Too many wrong passwords. Try again in a minute",
  "too-many": "Too many sessions with this VPN username on this server. End one elsewhere",
  draining: "TEMP[backoff 30,advance remote]:This server takes no new logins. Choose another server",
  unavailable:
    "TEMP[backoff 5]:This server cannot check logins now. Try again in a minute, or choose another server",
};

/**
 * How long a client of an earlier life waits for somebody who can say whether it may stay: longer than an exit waits at random
 * before it asks an office that has come back (link/replica.ts).
 */
const READMIT_FOR_MS = 90_000;
const READMIT_EVERY_MS = 250;
/** A client is asked to stop; one that does not is thrown out after so long. */
const GRACE_MS = 1000;

interface Client {
  /** Nothing while the question is being answered. */
  session: Session | undefined;
  username: string;
  /** Refused or ended; it stays known until OpenVPN says that it is gone, some seconds later. */
  cut: boolean;
  /** Never let in: it waits for the refusal that it has yet to fetch. */
  refused: boolean;
}

export interface ManagementLink {
  /** Whether logins are being answered now. */
  readonly attached: boolean;
  /** How many lines were refused since the start. */
  readonly refusedLines: number;
  /** Lets go: the engine and its clients live on. */
  close(): void;
}

export interface ManagementOptions {
  /** The engine's management socket. */
  path: string;
  authoriser: Pick<KeeperAuthoriser, "login" | "readmit">;
  log: Log;
  clock: Clock;
  /** How long a client may take to go when told, and a waiting one to be asked about; a second unless told. */
  graceMs?: number;
}

/**
 * Answers one OpenVPN engine's logins and ends its clients when their credential is cut. Connects to the engine's
 * management socket and again whenever it is lost (the engine may be restarted under us); after each connect it takes
 * stock of the clients that are there already and asks for each whether it may stay. Runs where bytes from the Internet
 * may be read: usernames and passwords are a stranger's.
 */
export function attachManagement(options: ManagementOptions): ManagementLink {
  return new Management(options);
}

class Management implements ManagementLink {
  readonly #options: ManagementOptions;
  readonly #graceMs: number;
  readonly #clients = new Map<number, Client>();
  /** Clients that nobody has asked us about, as the first stock-taking after a connect found them. */
  readonly #waiting = new Set<number>();
  readonly #timers = new Timers();
  #socket: Socket | undefined;
  #lines = new ManagementLines();
  #refusedBefore = 0;
  #attached = false;
  #closed = false;
  #delayMs = 50;

  constructor(options: ManagementOptions) {
    this.#options = options;
    this.#graceMs = options.graceMs ?? GRACE_MS;
    this.#connect();
  }

  get attached(): boolean {
    return this.#attached;
  }

  get refusedLines(): number {
    return this.#refusedBefore + this.#lines.refused;
  }

  close(): void {
    this.#closed = true;
    this.#socket?.destroy();
    this.#detached();
    this.#timers.close();
  }

  #connect(): void {
    if (this.#closed) return;
    const socket = connect(this.#options.path);
    this.#socket = socket;
    this.#refusedBefore += this.#lines.refused;
    this.#lines = new ManagementLines();
    socket.on("connect", () => {
      this.#delayMs = 50;
      this.#attached = true;
      this.#send("status 2");
      // Who has been waiting since before we came is told to come again: its question was asked to nobody.
      this.#timers.later(this.#graceMs, () => this.#send("status 2"));
    });
    socket.on("data", (bytes: Buffer) => this.#read(bytes));
    socket.on("error", () => {});
    socket.on("close", () => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.#detached();
      this.#timers.later(this.#delayMs, () => this.#connect());
      this.#delayMs = Math.min(this.#delayMs * 2, 500);
    });
  }

  /** Without the socket we hear of nobody's end: all are given back, and counted anew after the next connect. */
  #detached(): void {
    this.#attached = false;
    for (const client of this.#clients.values()) client.session?.close();
    this.#clients.clear();
    this.#waiting.clear();
  }

  #read(bytes: Buffer): void {
    const before = this.#lines.refused;
    for (const event of this.#lines.push(bytes)) this.#on(event);
    const count = this.#lines.refused - before;
    if (count > 0) this.#options.log("management-line-refused", { part: "openvpn", count });
  }

  #on(event: ManagementEvent): void {
    switch (event.type) {
      case "question":
        this.#waiting.delete(event.cid);
        void this.#answer(event.reauth, event.cid, event.kid, event.login);
        break;
      case "disconnected":
        this.#waiting.delete(event.cid);
        this.#clients.get(event.cid)?.session?.close();
        this.#clients.delete(event.cid);
        break;
      case "status-client":
        this.#found(event.cid, event.username);
        break;
      case "established":
      case "status-end":
      case "failed":
        break;
    }
  }

  async #answer(reauth: boolean, cid: number, kid: number, login: ClientLogin | undefined): Promise<void> {
    const socket = this.#socket;
    const known = this.#clients.get(cid);
    const client: Client = known ?? {
      session: undefined,
      username: login?.username ?? "",
      cut: false,
      refused: false,
    };
    this.#clients.set(cid, client);
    if (login === undefined) return this.#deny(cid, kid, "unknown", client);
    const admission = await this.#options.authoriser.login({ service: "openvpn", ...login });
    if (this.#socket !== socket || this.#clients.get(cid) !== client || client.cut) {
      if (admission.admitted) admission.session.close();
      return;
    }
    if (admission.admitted) {
      client.session?.close();
      this.#keep(cid, client, admission.session);
      if (!client.cut) this.#send(`client-auth-nt ${cid} ${kid}`);
      return;
    }
    // A live client renews its keys: its session already stands for its right to be here, and only a clear no ends it.
    const clear = admission.reason === "unknown" || admission.reason === "expired";
    if (reauth && known !== undefined && !clear) this.#send(`client-auth-nt ${cid} ${kid}`);
    else this.#deny(cid, kid, admission.reason, client);
  }

  #deny(cid: number, kid: number, reason: Refusal, client: Client): void {
    this.#send(`client-deny ${cid} ${kid} "refused" "${REFUSED[reason]}"`);
    // A refused renewal leaves the old keys good for an hour (management-notes.txt, client-deny): so it is ended as well.
    if (client.session !== undefined) this.#cut(cid, client);
    else client.cut = client.refused = true;
  }

  #keep(cid: number, client: Client, session: Session): void {
    client.session = session;
    session.onCut(() => {
      if (client.session === session) this.#cut(cid, client);
    });
  }

  /**
   * HALT makes a client stop instead of coming again. OpenVPN gives it five seconds to go, in which one that does not
   * listen could go on; so the engine is then told to drop it. That command knows only names: it is sent when each client
   * of that name is cut, and only for a name that cannot mean anything else on a command line. Nor is it sent while one
   * that was refused waits: dropped before it has asked for its answer, it would ask on for a minute and hear nothing.
   */
  #cut(cid: number, client: Client): void {
    if (client.cut) return;
    client.cut = true;
    client.session?.close();
    this.#send(`client-kill ${cid} HALT`);
    this.#timers.later(this.#graceMs, () => {
      if (this.#clients.get(cid) !== client) return;
      const namesakes = [...this.#clients.values()].filter((other) => other.username === client.username);
      if (
        namesakes.every((other) => other.cut && !other.refused) &&
        /^[A-Za-z0-9-]{1,60}$/.test(client.username)
      ) {
        this.#send(`kill ${client.username}`);
      }
    });
  }

  #found(cid: number, username: string | undefined): void {
    if (this.#clients.has(cid)) return;
    if (username === undefined) {
      if (this.#waiting.delete(cid)) this.#send(`client-kill ${cid}`);
      else this.#waiting.add(cid);
      return;
    }
    const client: Client = { session: undefined, username, cut: false, refused: false };
    this.#clients.set(cid, client);
    void this.#readmit(cid, client, this.#options.clock.monotonic() + READMIT_FOR_MS);
  }

  async #readmit(cid: number, client: Client, untilMs: number): Promise<void> {
    const { authoriser, clock } = this.#options;
    const admission: Admission = await authoriser.readmit({
      service: "openvpn",
      username: client.username,
    });
    // It may have gone, been asked for its password again, or have been lost with the socket meanwhile.
    if (this.#clients.get(cid) !== client || client.session !== undefined || client.cut) {
      if (admission.admitted) admission.session.close();
      return;
    }
    if (admission.admitted) this.#keep(cid, client, admission.session);
    else if (admission.reason === "unavailable" && clock.monotonic() < untilMs) {
      this.#timers.later(READMIT_EVERY_MS, () => void this.#readmit(cid, client, untilMs));
    } else this.#cut(cid, client);
  }

  #send(command: string): void {
    this.#socket?.write(`${command}\n`);
  }
}
