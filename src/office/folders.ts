import { createHash } from "node:crypto";
import { chmodSync, chownSync, existsSync, mkdirSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { writeFileAtomic } from "../lib/atomic-file.ts";
import { initialConfigText } from "./config.ts";
import type { Users } from "./users.ts";

/** Where one provider keeps what lasts: root's by default in /var/lib/lethe, another user's in ./data. */
export interface DataFolder {
  root: string;
  config: string;
  /** The office's own: database, keys, authority. */
  office: string;
  /** The exit's own: its TLS key. Root's. */
  exit: string;
  /** Where the `lethe` command speaks to the supervisor: who has it is the one provider on this folder. */
  supervisorSocket: string;
  /** Where the `lethe` command speaks to the running office. */
  controlSocket: string;
}

/** Where sockets and engine files live while it runs: on tmpfs for root, below the data folder otherwise. */
export interface RunFolder {
  root: string;
  linkSocket: string;
  /** nats-server's, where the office runs one. */
  nats: string;
}

export const defaultDataFolder = (checkout: string): string =>
  process.getuid!() === 0 ? "/var/lib/lethe" : join(checkout, "data");

export function dataFolder(root: string): DataFolder {
  const office = join(root, "office");
  return {
    root,
    config: join(root, "lethe.toml"),
    office,
    exit: join(root, "exit"),
    supervisorSocket: join(root, "supervisor.sock"),
    controlSocket: join(office, "control.sock"),
  };
}

/** Two providers on one machine must not share sockets: root's run folder is named after the data folder. */
export function runFolder(data: string): RunFolder {
  const path = existsSync(data) ? realpathSync(data) : data;
  const instance = createHash("sha256").update(path).digest("hex").slice(0, 8);
  const root = process.getuid!() === 0 ? join("/run/lethe", instance) : join(path, "run");
  return {
    root,
    linkSocket: join(root, "link", "link.sock"),
    nats: join(root, "nats"),
  };
}

/**
 * Makes the data folder on the first start (0700; root's lets the office's group through to its own part: 0710) with a
 * commented lethe.toml. Returns whether it was made now. Throws the file system's error.
 */
export function ensureDataFolder(data: DataFolder, users: Users): boolean {
  const fresh = !existsSync(data.config);
  const asRoot = process.getuid!() === 0;
  folder(data.root, { uid: users.supervisor.uid, gid: users.office.gid }, asRoot ? 0o710 : 0o700);
  folder(data.office, users.office, 0o700);
  folder(data.exit, users.supervisor, 0o700);
  if (fresh) writeFileAtomic(data.config, initialConfigText());
  return fresh;
}

/** Makes the run folder and the link's part of it (setgid: the socket inherits the group that may connect); the exit's parts: exit/run-folders.ts. */
export function ensureRunFolder(run: RunFolder, users: Users): void {
  mkdirSync(dirname(run.root), { recursive: true, mode: 0o711 });
  folder(run.root, users.supervisor, 0o711);
  folder(run.nats, users.office, 0o700);
  folder(dirname(run.linkSocket), { uid: users.office.uid, gid: users.keeper.gid }, 0o2750);
}

function folder(path: string, owner: { uid: number; gid: number }, mode: number): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (process.getuid!() === 0) chownSync(path, owner.uid, owner.gid);
  chmodSync(path, mode);
}
