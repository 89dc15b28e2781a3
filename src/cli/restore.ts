import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { basename, join } from "node:path";
import { SHARED_KEYS } from "../backup/contents.ts";
import { identitiesIn } from "../backup/encryption.ts";
import type { TakenBack } from "../backup/take-back.ts";
import { writeFileAtomic } from "../lib/atomic-file.ts";
import { holdFile } from "../lib/file-lock.ts";
import { type Config, parseConfig } from "../office/config.ts";
import { type DataFolder, dataFolder, ensureDataFolder } from "../office/folders.ts";
import { ensureUsers, type Users } from "../office/users.ts";
import { askWorker } from "./backup.ts";
import { inDataFolder, inWords, RESTORED, RESTORING, readConfig } from "./prepare.ts";
import { StartError } from "./start-error.ts";

interface RestoreOptions {
  identity: string;
  force?: boolean;
  keysOnly?: boolean;
  evenOld?: boolean;
}

/**
 * `lethe restore`: puts a backup into a data folder that has no office yet, or with --force in the place of one, which is kept. All
 * is unpacked, checked and made ready beside it first; what fails until then changes nothing. Throws StartError.
 */
export async function restore(data: string, file: string, options: RestoreOptions) {
  const folder = dataFolder(data);
  const identities = readIdentities(options.identity);
  const input = inWords(file, () => openSync(file, "r"));
  try {
    const users = ensureUsers(() => undefined);
    inDataFolder(data, () => makeRoot(folder, users));
    const held = holdFile(`${folder.supervisorSocket}.lock`);
    if (held === undefined)
      throw new StartError(
        `Lethe is running on ${data}. Stop it first (lethe stop), so that nothing changes.`,
      );
    try {
      return await restoreInto(folder, users, input, identities, options);
    } finally {
      held.release();
    }
  } finally {
    closeSync(input);
  }
}

async function restoreInto(
  folder: DataFolder,
  users: Users,
  input: number,
  identities: string[],
  { force = false, keysOnly = false, evenOld = false }: RestoreOptions,
): Promise<{ restored: TakenBack; text: string }> {
  const staging = join(folder.root, RESTORING);
  const ready = join(folder.root, RESTORED);
  const taken = readdirOf(folder.office).some((name) => name === "lethe.db" || SHARED_KEYS.includes(name));
  if (taken && !force && !existsSync(ready))
    throw new StartError(
      `There is an office in ${folder.office} already. --force puts the backup in its place and keeps what was there. Nothing was changed.`,
    );
  rmSync(staging, { recursive: true, force: true });
  inDataFolder(staging, () => makeOffices(staging, users));
  let opened: TakenBack;
  let settings: Config;
  try {
    const order = { task: "open", user: users.office, identities, staging, keysOnly, evenOld } as const;
    opened = (await askWorker(order, input)) as TakenBack;
    settings = existsSync(folder.config)
      ? readConfig(folder.config)
      : parseConfig(opened.settings ?? "", "the backup's lethe.toml");
  } catch (error) {
    rmSync(staging, { recursive: true, force: true });
    throw error;
  }
  // From here on a start has to wait until this is through: prepare.ts.
  rmSync(ready, { recursive: true, force: true });
  renameSync(staging, ready);
  if (!keysOnly && settings.store.url !== "") {
    const replace = force;
    const order = {
      task: "load",
      user: users.office,
      staging: ready,
      url: settings.store.url,
      replace,
    } as const;
    await askWorker(order, "ignore").catch((error) => {
      rmSync(ready, { recursive: true, force: true });
      throw error;
    });
  }
  const kept = await putInPlace(folder, users, ready, keysOnly).catch((error) =>
    inDataFolder(folder.root, () => {
      throw error;
    }),
  );
  inDataFolder(folder.root, () => putSettings(folder, opened.settings));
  ensureDataFolder(folder, users);
  rmSync(ready, { recursive: true, force: true });
  return { restored: opened, text: textOf(folder, opened, keysOnly, kept) };
}

/** Moves the office that stands there away, and the restored one there. Returns where the former is kept. */
async function putInPlace(
  folder: DataFolder,
  users: Users,
  ready: string,
  keysOnly: boolean,
): Promise<string | undefined> {
  const restored = join(ready, "office");
  // Whoever runs as the office's user, too, puts nothing else in its place from here on.
  if (process.getuid!() === 0) chownSync(ready, users.supervisor.uid, users.supervisor.gid);
  if (!lstatSync(restored).isDirectory()) throw new StartError("What was unpacked was changed meanwhile.");
  const kept = join(folder.root, `replaced-${new Date().toISOString().replace(/[-:]|\..*/g, "")}`);
  if (keysOnly) {
    if (!existsSync(folder.office)) makeOffices(folder.office, users);
    const former = SHARED_KEYS.filter((name) => existsSync(join(folder.office, name)));
    if (former.length > 0) mkdirSync(kept, { mode: 0o700 });
    for (const name of former) renameSync(join(folder.office, name), join(kept, name));
    for (const name of readdirSync(restored)) renameSync(join(restored, name), join(folder.office, name));
    return former.length > 0 ? kept : undefined;
  }
  const former = existsSync(folder.office);
  if (former) {
    mkdirSync(kept, { mode: 0o700 });
    renameSync(folder.office, join(kept, "office"));
  }
  renameSync(restored, folder.office);
  if (former) await keepCopies(kept, folder.office, users);
  return former ? kept : undefined;
}

/** The office's user does it, whom the kept folder lets through as long. */
async function keepCopies(kept: string, office: string, users: Users): Promise<void> {
  const asRoot = process.getuid!() === 0;
  if (asRoot) chownSync(kept, users.supervisor.uid, users.office.gid);
  chmodSync(kept, 0o710);
  try {
    await askWorker({ task: "keep", user: users.office, former: join(kept, "office"), office }, "ignore");
  } finally {
    chmodSync(kept, 0o700);
  }
}

/** A lethe.toml that stands there is the operator's, for this machine; the backup's then stands beside it. */
function putSettings({ config }: DataFolder, text: string | undefined): void {
  if (text === undefined) return;
  if (!existsSync(config)) writeFileAtomic(config, text);
  else if (readFileSync(config, "utf8") !== text) writeFileAtomic(`${config}.from-backup`, text);
}

function readIdentities(path: string): string[] {
  const text = inWords(path, () => readFileSync(path, "utf8"));
  try {
    return identitiesIn(text);
  } catch (error) {
    throw new StartError((error as Error).message);
  }
}

/** The data folder's root as a start would make it, without a lethe.toml. */
function makeRoot({ root }: DataFolder, users: Users): void {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  if (process.getuid!() !== 0) return;
  chownSync(root, users.supervisor.uid, users.office.gid);
  chmodSync(root, 0o710);
}

/** A folder of the office's user, who is the only one to see into it. */
function makeOffices(path: string, { office }: Users): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (process.getuid!() === 0) chownSync(path, office.uid, office.gid);
}

const readdirOf = (path: string): string[] => (existsSync(path) ? readdirSync(path) : []);

function textOf(folder: DataFolder, opened: TakenBack, keysOnly: boolean, kept: string | undefined): string {
  const { manifest, accounts, dropped } = opened;
  const day = new Date(manifest.madeAt * 1000).toISOString().slice(0, 16).replace("T", " ");
  const lines = keysOnly
    ? [
        `The service's keys are in ${folder.office}. Set store.url in ${basename(folder.config)} to its database.`,
      ]
    : [
        `The service as of ${day} UTC: ${accounts} accounts.`,
        dropped > 0 ? `${dropped} rows were over by now and have been deleted.` : "Nothing in it was over.",
        "Who has deleted an account since then is back: if you know them, delete them again (lethe account delete).",
      ];
  if (kept !== undefined) lines.push(`The former office's files are in ${kept}.`);
  if (kept !== undefined && !keysOnly)
    lines.push(`Its database is in ${join(folder.office, "backups")} for 7 days.`);
  lines.push("Start Lethe: sudo npm start, or systemctl start lethe.");
  return lines.join("\n");
}
