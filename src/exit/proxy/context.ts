import type { Socket } from "node:net";
import type { Authoriser } from "../authorise.ts";
import type { Lobby } from "./lobby.ts";
import type { Open } from "./open.ts";
import type { Sweeper } from "./sweeper.ts";
import type { UdpContext } from "./udp-association.ts";

/** What a connection of a proxy needs to know. `open` and `limits` are replaced when the settings change. */
export interface ProxyContext {
  authoriser: Authoriser;
  open: Open;
  /** What stands in its place for the exit's own test. */
  openSelfTest: Open;
  udp: UdpContext;
  limits: { handshakeMs: number; idleMs: number };
  lobby: Lobby;
  sweeper: Sweeper;
}

/** The client's address as the authoriser wants it; empty where the client has already gone. */
export function clientAddress(client: Socket): string {
  return client.remoteAddress ?? "";
}
