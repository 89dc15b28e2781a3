import { chmodSync, chownSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import type { EngineSpec } from "../../lib/engines.ts";
import { accepts } from "../accepts.ts";
import { placeTaken } from "../place-taken.ts";
import type { Door, Place } from "./doors.ts";

/**
 * obfs4proxy as a managed pluggable transport without its Tor (pt-spec, section 3.2): told by its environment where to listen
 * and where OpenVPN is. It ends when its standard input does, and that is held open (`holdsInput`), since it would otherwise
 * end with the process that started it. Nothing of it is kept: its state folder is on tmpfs and made anew at each start.
 */
export function obfs4Engine(options: {
  program: string;
  /** Becomes its user before it becomes obfs4proxy (see `unprivileged`). */
  launcher: readonly string[];
  /** env(1). */
  env: string;
  door: Door;
  /** The text of `obfs4_state.json`. */
  state: string;
  /** Its folder, on tmpfs. */
  folder: string;
  account: { uid: number; gid: number };
}): EngineSpec {
  const { program, launcher, env, door, state, folder, account } = options;
  const environment = {
    TOR_PT_MANAGED_TRANSPORT_VER: "1",
    TOR_PT_SERVER_TRANSPORTS: "obfs4",
    TOR_PT_SERVER_BINDADDR: `obfs4-${textOf(door.accept)}`,
    TOR_PT_ORPORT: textOf(door.to),
    TOR_PT_STATE_LOCATION: folder,
    TOR_PT_EXIT_ON_STDIN_CLOSE: "1",
  };
  return {
    id: door.engine,
    part: "stealth",
    // The folder says nothing to it: it tells the process from those of other doors.
    argv: [program, folder],
    launcher: [...launcher, env, ...Object.entries(environment).map(([name, value]) => `${name}=${value}`)],
    configuration: state,
    leaves: [folder],
    holdsInput: true,
    prepare: async () => {
      makeStateFolder(folder, state, account);
      return placeTaken("tcp", door.accept.address, door.accept.port);
    },
    ready: () => accepts(door.accept),
  };
}

/** Root writes first and gives it away last: nobody but root has been in there. */
function makeStateFolder(folder: string, state: string, { uid, gid }: { uid: number; gid: number }): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { mode: 0o700 });
  const file = `${folder}/obfs4_state.json`;
  writeFileSync(file, state, { mode: 0o600, flag: "wx" });
  if (process.getuid!() === 0) {
    chownSync(file, uid, gid);
    chownSync(folder, uid, gid);
  }
  chmodSync(folder, 0o700);
}

const textOf = ({ address, port }: Place): string =>
  isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`;
