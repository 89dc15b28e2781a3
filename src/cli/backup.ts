import { fork } from "node:child_process";
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { isRecipient } from "../backup/encryption.ts";
import type { BackupMade } from "../backup/make.ts";
import { dataFolder } from "../office/folders.ts";
import { ensureUsers } from "../office/users.ts";
import { LIFETIMES } from "../policy/lifetimes.ts";
import type { WorkerAnswer, WorkerOrder } from "./backup-worker.ts";
import { inWords, readConfig } from "./prepare.ts";
import { StartError } from "./start-error.ts";

/**
 * `lethe backup`: one file, encrypted to age recipients, with the database, the office's keys and lethe.toml; while Lethe runs or
 * not. The file that stood there before stands until the new one is whole. Throws StartError in the operator's words.
 */
export async function backUp(
  data: string,
  file: string,
  options: { to?: string[]; keysOnly?: boolean },
): Promise<{ made: BackupMade & { file: string }; text: string }> {
  const { config, office } = dataFolder(data);
  const settings = readConfig(config);
  const recipients = options.to ?? settings.backup.to;
  if (recipients.length === 0)
    throw new StartError(
      "Say to whose key the backup is to be encrypted: --to age1…, or [backup] to in lethe.toml. `age-keygen -o key.txt` makes one; keep it away from this machine.",
    );
  const wrong = recipients.find((recipient) => !isRecipient(recipient));
  if (wrong !== undefined)
    throw new StartError(`"${wrong}" is no age recipient: they start with age1, and age-keygen prints them.`);
  const path = resolve(file);
  const beside = `${path}.${process.pid}.new`;
  const output = inWords(path, () => openSync(beside, "wx", 0o600));
  let made: BackupMade;
  try {
    made = (await askWorker(
      {
        task: "make",
        user: ensureUsers(() => undefined).office,
        kind: options.keysOnly ? "keys" : "whole",
        officeFolder: office,
        settings: readFileSync(config, "utf8"),
        url: settings.store.url,
        recipients,
      },
      output,
    )) as BackupMade;
    inWords(path, () => {
      fsyncSync(output);
      renameSync(beside, path);
      const folder = openSync(dirname(path), "r");
      fsyncSync(folder);
      closeSync(folder);
    });
  } finally {
    closeSync(output);
    rmSync(beside, { force: true });
  }
  const lines = [`${path}: ${made.bytes} bytes, for ${recipients.join(", ")}.`];
  if (made.absent.length > 0)
    lines.push(
      `Not in it, since they are not in ${office}: ${made.absent.join(", ")}. Keep these yourself; a restore needs them.`,
    );
  if (!options.keysOnly)
    lines.push(
      `It holds every member of today: delete it after ${LIFETIMES.backup.days} days at the latest.`,
    );
  return { made: { ...made, file: path }, text: lines.join("\n") };
}

/** Has the office's user do it, with the backup's file open; throws StartError with the sentence where it fails. */
export async function askWorker(order: WorkerOrder, file: number | "ignore"): Promise<unknown> {
  const { promise, resolve: heard } = Promise.withResolvers<WorkerAnswer>();
  const child = fork(fileURLToPath(new URL("backup-worker.ts", import.meta.url)), [], {
    execArgv: ["--no-warnings", "--disable-sigusr1"],
    env: { PATH: process.env.PATH },
    stdio: ["ignore", "inherit", "inherit", "ipc", file],
  });
  child.on("message", (message) => heard(message as WorkerAnswer));
  child.on("error", () => heard({ failed: "It could not be started." }));
  child.on("exit", () => heard({ failed: "It ended before it was through. Nothing was changed." }));
  child.send(order);
  const interrupted = () => heard({ failed: "Broken off. Nothing was changed." });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, interrupted);
  const answer = await promise;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(signal, interrupted);
  if ("failed" in answer) {
    if (child.connected) child.disconnect();
    child.unref();
    throw new StartError(answer.failed);
  }
  return answer.done;
}
