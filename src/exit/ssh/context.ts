import type { Authoriser } from "../authorise.ts";
import type { Lobby } from "../proxy/lobby.ts";
import type { Open } from "../proxy/open.ts";
import type { Sweeper } from "../proxy/sweeper.ts";

/** What an SSH connection needs to know. `open` and `limits` are replaced when the settings change. */
export interface SshContext {
  authoriser: Authoriser;
  open: Open;
  /** What stands in its place for the exit's own test. */
  openSelfTest: Open;
  limits: { handshakeMs: number; idleMs: number; connectionsPerCredential: number };
  lobby: Lobby;
  sweeper: Sweeper;
}
