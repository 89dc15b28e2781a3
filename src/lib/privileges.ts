/**
 * Gives root up for good: groups, group and user are set, and the way back is tried and must fail.
 * A process calls this after it has loaded its code (the checkout may be readable by root alone) and before it reads a
 * byte from anyone. Without root it does nothing: everything then runs as the caller.
 * Throws where the kernel refuses, or where root could be had back: the process must then not go on.
 */
export function becomeUser(uid: number, gid: number): void {
  if (process.getuid!() !== 0) return;
  if (uid === 0) throw new Error("becomeUser: 0 is root");
  process.setgroups!([]);
  process.setgid!(gid);
  process.setuid!(uid);
  process.umask(0o077);
  try {
    process.setuid!(0);
  } catch {
    return;
  }
  throw new Error("becomeUser: root could be had back");
}
