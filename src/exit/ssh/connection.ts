import type { Socket } from "node:net";
import type { Connection, ServerChannel } from "ssh2";
import type { Session } from "../authorise.ts";
import type { Guest } from "../proxy/lobby.ts";
import type { Opening } from "../proxy/open.ts";
import type { SshContext } from "./context.ts";
import { DISCONNECT, exchangesKeys, sendDisconnect } from "./disconnect.ts";
import { type Carrier, Forward, queueLimitBytes } from "./forward.ts";
import { quicken } from "./gcm-cipher.ts";
import { answerLogins } from "./log-in.ts";
import { UpstreamSocket } from "./upstream.ts";
import { writeTogether } from "./write-together.ts";

/** Tunnels in one connection, being opened or open; `limits.connectionsPerCredential` where that is less. */
const CHANNELS_MOST = 512;
/** What all tunnels of a connection may hold of what the client has sent, before the connection itself is read no further. */
const HELD_LIMIT_BYTES = 16 * 1024 * 1024;
/** What may wait for the client's kernel before it is read no further: answers to requests that it does not take. */
const UNSENT_LIMIT_BYTES = 8 * 1024 * 1024;
/**
 * So many exchanges of keys at once, then one in so long, and the client waits for it: RFC 4253 section 9 asks for one an hour, or each
 * gigabyte, and each costs us more than a megabyte does.
 */
const REKEYS_AT_ONCE = 20;
const REKEY_EVERY_MS = 1000;
/** Who is told that it is over has so long to hang up. */
const FAREWELL_MS = 1000;

/** A connection that waits: its bytes go to the channel, once there is one. */
function connectPlain(host: string, port: number): UpstreamSocket {
  return waiting((socket) => socket.setNoDelay(true).connect({ host, port, autoSelectFamily: false }));
}

/** The same to a socket file. */
export const connectPlainFile = (path: string): UpstreamSocket =>
  waiting((socket) => socket.connect({ path }));

function waiting(connect: (socket: UpstreamSocket) => void): UpstreamSocket {
  const socket = new UpstreamSocket();
  connect(socket);
  // What one read from the client brings is several packets. Not before `connect`, which puts a socket's own `write` back.
  writeTogether(socket);
  socket.pause();
  return socket;
}

/**
 * One client's SSH connection: a login, then tunnels (`direct-tcpip`, RFC 4254 section 7.2) and nothing else. `ssh2` refuses by
 * itself what nobody listens for: sessions (and with them shells, commands, subsystems, X11 and agents), ways back
 * (`tcpip-forward`), socket files, and every channel and request that it does not know.
 */
export class SshConnection implements Carrier {
  readonly #client: Connection;
  readonly #socket: Socket;
  readonly #context: SshContext;
  readonly #guest: Guest;
  readonly #channelsMost: number;
  readonly #openings = new Set<Opening>();
  readonly #forwards = new Set<Forward>();
  #session: Session | undefined;
  #open: SshContext["open"];
  #rekeys = REKEYS_AT_ONCE;
  #rekeyedAtMs = performance.now();
  /** Until then the client is read no further: it has exchanged keys too often. */
  #rekeyHold: NodeJS.Timeout | undefined;
  #handshakes = 0;
  #over = false;

  constructor(client: Connection, socket: Socket, guest: Guest, context: SshContext) {
    this.#client = client;
    this.#socket = socket;
    this.#context = context;
    this.#guest = guest;
    this.#open = context.open;
    this.#channelsMost = Math.min(CHANNELS_MOST, context.limits.connectionsPerCredential);

    client.on("handshake", () => this.#onHandshake());
    answerLogins({
      client,
      authoriser: context.authoriser,
      address: socket.remoteAddress ?? "",
      onAdmitted: (session, selfTest) => this.#onAdmitted(session, selfTest),
      onRefused: () => this.#farewell(),
    });
    client.on("error", () => this.close());
    client.on("end", () => this.#farewell());
    client.on("close", () => this.close());
    // Behind ssh2's own listener: looks at what came of each piece that was read.
    socket.on("data", () => this.#holdBack());
    socket.on("drain", () => {
      for (const forward of this.#forwards) forward.release();
      this.#holdBack();
    });
  }

  #onHandshake(): void {
    quicken(this.#client);
    this.#handshakes += 1;
    const nowMs = performance.now();
    const earned = (nowMs - this.#rekeyedAtMs) / REKEY_EVERY_MS;
    this.#rekeys = Math.min(REKEYS_AT_ONCE, this.#rekeys + earned) - 1;
    this.#rekeyedAtMs = nowMs;
    // A stranger has no reason to exchange keys twice.
    if (this.#session === undefined && this.#handshakes > 1) this.close();
    if (this.#rekeys < 0) this.#holdRekeys(-this.#rekeys * REKEY_EVERY_MS);
    for (const forward of this.#forwards) forward.release();
  }

  #holdRekeys(holdMs: number): void {
    if (this.#over) return;
    clearTimeout(this.#rekeyHold);
    this.#rekeyHold = setTimeout(() => {
      this.#rekeyHold = undefined;
      this.#holdBack();
    }, holdMs);
    this.#holdBack();
  }

  #onAdmitted(session: Session, selfTest: boolean): void {
    this.#session = session;
    if (this.#over) {
      session.close();
      return;
    }
    this.#guest.leave();
    if (selfTest) this.#open = this.#context.openSelfTest;
    this.#client.on("tcpip", (accept, reject, { destIP, destPort }) => {
      if (this.#over || this.#openings.size + this.#forwards.size >= this.#channelsMost) reject();
      else void this.#forward(destIP, destPort, accept, reject);
    });
    session.onCut(() => {
      sendDisconnect(this.#client, DISCONNECT.byApplication, "This session is over.");
      this.#farewell();
    });
  }

  async #forward(host: string, port: number, accept: () => ServerChannel, reject: () => void): Promise<void> {
    const opening = this.#open(host, port, connectPlain);
    this.#openings.add(opening);
    const opened = await opening.opened;
    this.#openings.delete(opening);
    if (this.#over) {
      if (opened.ok) opened.socket.destroy();
      return;
    }
    if (!opened.ok) return reject();
    const { idleMs } = this.#context.limits;
    const { sweeper } = this.#context;
    this.#forwards.add(
      new Forward({
        channel: accept(),
        upstream: opened.socket as UpstreamSocket,
        carrier: this,
        sweeper,
        idleMs,
      }),
    );
  }

  unsentBytes(): number {
    // A client that begins an exchange and does not end it would have us keep all that its tunnels' targets send.
    return exchangesKeys(this.#client) ? Number.POSITIVE_INFINITY : this.#socket.writableLength;
  }

  queueLimitBytes(): number {
    return queueLimitBytes(this.#forwards.size);
  }

  heldChanged(): void {
    this.#holdBack();
  }

  closed(forward: Forward): void {
    this.#forwards.delete(forward);
    if (!this.#over) this.#holdBack();
  }

  /** `ssh2` lets a client send past a channel's window: the connection's own flow control bounds what that costs us. */
  #holdBack(): void {
    if (this.#over) return;
    let heldBytes = 0;
    for (const forward of this.#forwards) heldBytes += forward.heldBytes;
    const full =
      heldBytes > HELD_LIMIT_BYTES ||
      this.#socket.writableLength > UNSENT_LIMIT_BYTES ||
      this.#rekeyHold !== undefined;
    if (full && !this.#socket.isPaused()) this.#socket.pause();
    else if (!full && this.#socket.isPaused()) this.#socket.resume();
  }

  /** What was written still goes out, then the connection is closed. */
  #farewell(): void {
    if (this.#over) return;
    this.#finish();
    this.#socket.resume();
    this.#socket.end();
    this.#socket.destroySoon();
    const timer = setTimeout(() => this.#socket.destroy(), FAREWELL_MS);
    this.#socket.once("close", () => clearTimeout(timer));
  }

  /** Ends everything at once. Idempotent. */
  close(): void {
    this.#finish();
    this.#socket.destroy();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#rekeyHold);
    this.#guest.leave();
    for (const opening of this.#openings) opening.abort();
    for (const forward of [...this.#forwards]) forward.abort();
    this.#session?.close();
  }
}
