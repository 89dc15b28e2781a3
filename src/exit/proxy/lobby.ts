import type { Socket } from "node:net";
import { LiveList } from "./live-list.ts";
import type { Expiring, Sweeper } from "./sweeper.ts";

/** A connection that has not logged in and named its destination yet. */
export interface Guest {
  /** The handshake is over, well or not. Idempotent. */
  leave(): void;
}

/**
 * Strangers cost memory, so they have little time and there is room for so many: when the lobby is full, who has waited
 * longest is shown out.
 */
/** How long who has been refused may take to read the answer and hang up. */
const DISMISS_MS = 2000;

export function createLobby(options: { sweeper: Sweeper; limit: number }) {
  const { sweeper, limit } = options;
  const guests = new LiveList<Socket>();
  return {
    get size(): number {
      return guests.size;
    },

    /**
     * Sends a last answer; none: the socket has been ended. What the client still sends is read and dropped until it hangs
     * up or its time is over: closing a socket with unread bytes would reset it and take the answer back (RFC 9112 section 9.6).
     */
    dismiss(socket: Socket, answer?: string | Buffer): void {
      if (socket.destroyed) return;
      this.enter(socket, DISMISS_MS);
      socket.removeAllListeners("data");
      socket.on("data", () => {});
      socket.resume();
      if (answer !== undefined) socket.end(answer);
    },

    /** `onExpire` is called when the time is up; without it the socket is destroyed. */
    enter(socket: Socket, handshakeMs: number, onExpire: () => void = () => socket.destroy()): Guest {
      if (guests.size >= limit) guests.shift()?.destroy();
      const place = guests.add(socket);
      const guest: Expiring & Guest = {
        deadlineMs: performance.now() + handshakeMs,
        expire: () => {
          guests.delete(place);
          onExpire();
        },
        leave: () => {
          guests.delete(place);
          sweeper.delete(guest);
        },
      };
      sweeper.add(guest);
      socket.once("close", () => guest.leave());
      return guest;
    },
  };
}

export type Lobby = ReturnType<typeof createLobby>;
