import { execFileSync } from "node:child_process";
import type { PathUser } from "../lib/path-problem.ts";
import { lookUpUser, type UnixUser, USER_NAMES, USERADD } from "../lib/unix-users.ts";

/** Whose process may read what: each part runs as a Unix user of its own, so that one that is broken into stays alone. */
export interface Users {
  supervisor: UnixUser;
  office: UnixUser;
  keeper: UnixUser;
  proxy: UnixUser;
  vpn: UnixUser;
  stealth: UnixUser;
  check: UnixUser;
}

/** When it has not been made yet: nobody's rights. */
const NOBODY: UnixUser = { uid: 65_534, gid: 65_534 };

/** The office, when it has given root up, to itself. */
export const OFFICE: PathUser = { called: `the office's user (${USER_NAMES.office})` };

/** The same to a command: as root it has other rights, and any other user's is that user's office. */
export const officeSeen = (): PathUser | undefined =>
  process.getuid!() === 0 ? { ...OFFICE, ids: lookUpUser(USER_NAMES.office) ?? NOBODY } : undefined;

/**
 * As root: the six system users, made with useradd(8) where they are missing (`say` is told). Otherwise everything runs
 * as the caller. Throws where useradd fails.
 */
export function ensureUsers(say: (sentence: string) => void): Users {
  const caller = { uid: process.getuid!(), gid: process.getgid!() };
  if (caller.uid !== 0)
    return {
      supervisor: caller,
      office: caller,
      keeper: caller,
      proxy: caller,
      vpn: caller,
      stealth: caller,
      check: caller,
    };
  const user = (name: string): UnixUser => {
    const known = lookUpUser(name);
    if (known) return known;
    say(`Making the system user ${name}.`);
    execFileSync("useradd", [...USERADD, name], { stdio: ["ignore", "ignore", "pipe"] });
    const made = lookUpUser(name);
    if (!made) throw new Error(`useradd made no ${name}`);
    return made;
  };
  return {
    supervisor: caller,
    office: user(USER_NAMES.office),
    keeper: user(USER_NAMES.keeper),
    proxy: user(USER_NAMES.proxy),
    vpn: user(USER_NAMES.vpn),
    stealth: user(USER_NAMES.stealth),
    check: user(USER_NAMES.check),
  };
}
