import type { Server } from "node:net";
import { type Log, reasonOf } from "../lib/event-log.ts";
import type { ForkedChild } from "../lib/forked-child.ts";
import { openListening } from "../lib/hand-over.ts";
import type { ServerSettings } from "../link/settings.ts";
import type { PortPlace, PortSocket } from "./messages.ts";

/**
 * Ports below 1024 for unprivileged processes of ours: a child that may not have one asks, root opens it and hands the
 * listening socket over, without reading a byte from it. Only ports that the office's settings name for the proxies and SSH; whoever
 * has broken into a child gets no other.
 */
export function answerForPort(
  child: ForkedChild,
  place: PortPlace,
  settings: ServerSettings | undefined,
  log: Log,
): Promise<void> {
  const { socks5, http, socks5Tls, https, ssh } = settings?.services ?? {};
  const ours = [socks5, http, socks5Tls, https, ssh].flatMap((service) => service?.listen ?? []);
  const named = ours.some(({ address, port }) => address === place.address && port === place.port);
  if (named) return handOver(child, place, true);
  log("port-refused", { port: place.port });
  child.send(answer(place, "EACCES"));
  return Promise.resolve();
}

const answer = ({ address, port }: PortPlace, failed?: string): PortSocket => ({
  type: "socket",
  address,
  port,
  ...(failed !== undefined && { failed }),
});

async function handOver(child: ForkedChild, place: PortPlace, reusePort: boolean): Promise<void> {
  const life = child.pid;
  let server: Server;
  try {
    server = await openListening({ address: place.address, port: place.port, reusePort });
  } catch (error) {
    child.send(answer(place, reasonOf(error)));
    return;
  }
  // Its next life asks anew.
  if (child.pid === life) child.hand(answer(place), server);
  else server.close();
}

/** In the child: asks for sockets, and gives each answer to whoever waits for it. */
export class PortRequests {
  readonly #ask: (place: PortPlace) => void;
  readonly #waiting = new Map<string, (socket: Server | undefined, failed: string) => void>();

  constructor(ask: (place: PortPlace) => void) {
    this.#ask = ask;
  }

  /** `take` is called in the turn in which the socket comes: it must listen on it at once, so that no connection is lost. */
  request(place: PortPlace, take: (socket: Server | undefined, failed: string) => void): void {
    this.#waiting.set(keyOf(place), take);
    this.#ask(place);
  }

  /** A message of root's, with its handle. */
  hear(message: PortSocket, handle: unknown): void {
    const take = this.#waiting.get(keyOf(message));
    this.#waiting.delete(keyOf(message));
    if (take) take(handle as Server | undefined, message.failed ?? "other");
    else (handle as Server | undefined)?.close();
  }
}

const keyOf = ({ address, port }: PortPlace): string => `${address} ${port}`;
