import { readFileSync } from "node:fs";

/** openvpn and unbound want their users by name; Lethe passes numbers. Nothing where the file has no such entry. */
export const userName = (uid: number): string | undefined => nameIn("/etc/passwd", uid);
export const groupName = (gid: number): string | undefined => nameIn("/etc/group", gid);

export function userExists(name: string): boolean {
  return entries("/etc/passwd").some(([found]) => found === name);
}

const nameIn = (file: string, id: number): string | undefined =>
  entries(file).find(([, , number]) => number === String(id))?.[0];

/** passwd(5) and group(5): name:password:number:… */
const entries = (file: string): string[][] =>
  readFileSync(file, "utf8")
    .split("\n")
    .map((line) => line.split(":"));

/** User and group by name, as engines want them to become; nothing for root, or where a number has no name. */
export function engineNames({
  uid,
  gid,
}: {
  uid: number;
  gid: number;
}): { user: string; group: string } | undefined {
  const user = uid === 0 ? undefined : userName(uid);
  const group = groupName(gid);
  return user === undefined || group === undefined ? undefined : { user, group };
}
