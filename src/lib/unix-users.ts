import { readFileSync } from "node:fs";

export interface UnixUser {
  uid: number;
  gid: number;
}

/** The system users that our processes become, by what they do: one that is broken into stays alone. */
export const USER_NAMES = {
  office: "lethe-office",
  keeper: "lethe-keeper",
  proxy: "lethe-proxy",
  vpn: "lethe-vpn",
  stealth: "lethe-stealth",
  check: "lethe-check",
} as const;

/** useradd(8): no home, no shell, a group of its own. */
export const USERADD = [
  "--system",
  "--user-group",
  "--no-create-home",
  "--home-dir",
  "/nonexistent",
  "--shell",
  "/usr/sbin/nologin",
] as const;

/** passwd(5): `name:password:uid:gid:…`. Nothing where there is no such user. */
export function lookUpUser(name: string): UnixUser | undefined {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((entry) => entry.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(":") ?? [];
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}
