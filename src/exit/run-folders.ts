import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Account, ExitRunFolders } from "./messages.ts";

/** Where an exit's sockets and engine files lie below its run folder. */
export const exitRunFolders = (root: string): ExitRunFolders => ({
  authoriseSocket: join(root, "authorise", "authorise.sock"),
  management: join(root, "management"),
  engines: join(root, "engines"),
  sealedRoster: join(root, "keeper", "roster.sealed"),
});

/**
 * Makes them: each socket's folder belongs to who listens, its group may connect (setgid: sockets inherit it). Throws the
 * file system's error.
 */
export function ensureExitRunFolders(
  run: ExitRunFolders,
  accounts: { root: Account; keeper: Account; proxy: Account },
): void {
  const { root, keeper, proxy } = accounts;
  ensureFolder(dirname(run.authoriseSocket), { uid: keeper.uid, gid: proxy.gid }, 0o2750);
  ensureFolder(run.management, { uid: root.uid, gid: keeper.gid }, 0o2750);
  ensureFolder(run.engines, root, 0o700);
  ensureFolder(dirname(run.sealedRoster), keeper, 0o700);
}

/** A folder with this owner (where we are root) and mode, whatever it was before. */
function ensureFolder(path: string, owner: Account, mode: number): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (process.getuid!() === 0) chownSync(path, owner.uid, owner.gid);
  chmodSync(path, mode);
}
