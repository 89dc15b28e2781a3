import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

export interface UnixUser {
  uid: number;
  gid: number;
}

/** Whose process may read what: each part runs as a Unix user of its own, so that one that is broken into stays alone. */
export interface Users {
  supervisor: UnixUser;
  office: UnixUser;
  keeper: UnixUser;
  proxy: UnixUser;
  vpn: UnixUser;
}

const NAMES = {
  office: "lethe-office",
  keeper: "lethe-keeper",
  proxy: "lethe-proxy",
  vpn: "lethe-vpn",
} as const;

/**
 * As root: the four system users, made with useradd(8) where they are missing (`say` is told). Otherwise everything runs
 * as the caller. Throws where useradd fails.
 */
export function ensureUsers(say: (sentence: string) => void): Users {
  const caller = { uid: process.getuid!(), gid: process.getgid!() };
  if (caller.uid !== 0)
    return { supervisor: caller, office: caller, keeper: caller, proxy: caller, vpn: caller };
  const user = (name: string): UnixUser => {
    const known = lookUp(name);
    if (known) return known;
    say(`Making the system user ${name}.`);
    const plain = ["--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"];
    execFileSync("useradd", ["--system", "--user-group", ...plain, name], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    const made = lookUp(name);
    if (!made) throw new Error(`useradd made no ${name}`);
    return made;
  };
  return {
    supervisor: caller,
    office: user(NAMES.office),
    keeper: user(NAMES.keeper),
    proxy: user(NAMES.proxy),
    vpn: user(NAMES.vpn),
  };
}

/** passwd(5): `name:password:uid:gid:…`. */
function lookUp(name: string): UnixUser | undefined {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((entry) => entry.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(":") ?? [];
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}
