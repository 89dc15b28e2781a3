import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, rmSync, statfsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, dirname, join } from "node:path";
import { ensureSecret, writeFileAtomic } from "../../lib/atomic-file.ts";
import { type Log, logFor } from "../../lib/event-log.ts";
import { installLastResort } from "../../lib/last-resort.ts";
import { lookUpUser, USER_NAMES } from "../../lib/unix-users.ts";
import type { ExitStart } from "../messages.ts";
import { ExitRoot } from "../root.ts";
import { ensureExitRunFolders, exitRunFolders } from "../run-folders.ts";
import { type Identity, readIdentity } from "./identity.ts";
import { renewStartScript } from "./install.ts";
import { CODE, KEYS, RUN, START } from "./layout.ts";
import { Releases } from "./releases.ts";
import { Upgrade } from "./upgrade.ts";

/** statfs(2): TMPFS_MAGIC. */
const TMPFS = 0x01021994;

/**
 * `run`: the exit of a machine without an office, root's process, started by the launcher. SIGTERM takes everything away;
 * an upgrade ends it with engines and sessions left, and runs the launcher in its place. `entry` is the bundle.
 */
export function runRemote(entry: string): void {
  const log = logFor("exit");
  installLastResort(log);
  const start = prepare(entry);
  if (start === undefined) return;

  let ended = false;
  const end = async (leave: boolean): Promise<void> => {
    ended = true;
    upgrade.close();
    if (!(await root.end(leave))) return;
    rmSync(join(RUN, "pid"), { force: true });
    if (!leave) process.exit(0);
    // The same process goes on as the launcher: whoever started us goes on watching the right one.
    process.execve!("/bin/sh", ["/bin/sh", START], { PATH: process.env.PATH ?? "" });
  };
  const root: ExitRoot = new ExitRoot({
    start,
    entry,
    log,
    onReport: (report) => upgrade.reported(report),
    onSettings: (settings) => upgrade.want(settings.release),
    onFetched: () => upgrade.fetched(),
    onLinked: () => upgrade.linked(),
  });
  const upgrade = new Upgrade({
    releases: new Releases({ code: CODE, fetched: dirname(start.run.sealedRoster) }),
    running: start.release!,
    fetch: (sha256, bytes) => root.fetch(sha256, bytes),
    restart: () => void end(true),
    onKept: () => renewLauncher(log),
    log,
  });
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const)
    process.on(signal, () => ended || void end(false));
  writeFileAtomic(join(RUN, "pid"), `${process.pid}\n`);
  root.run();
}

/** `clear`: takes away what an exit that did not end by itself has left: engines, devices, firewall. */
export async function runClear(entry: string): Promise<void> {
  const start = prepare(entry);
  if (start === undefined) return;
  await new ExitRoot({ start, entry, log: () => {}, onReport: () => {} }).end(false);
  process.exit(0);
}

/** Everything that must stand before a process is started; says what is missing, in words for the operator. */
function prepare(entry: string): ExitStart | undefined {
  if (process.getuid!() !== 0) return refuse("Only root can run an exit.");
  const identity = inWords(() => readIdentity(KEYS));
  if (identity === undefined)
    return refuse(
      `${KEYS} says of no office that this machine is joined to: paste the line from the office.`,
    );
  const keeper = lookUpUser(USER_NAMES.keeper);
  const proxy = lookUpUser(USER_NAMES.proxy);
  const vpn = lookUpUser(USER_NAMES.vpn);
  const stealth = lookUpUser(USER_NAMES.stealth);
  if (keeper === undefined || proxy === undefined || vpn === undefined)
    return refuse("A system user of the exit's is missing: paste the line from the office again.");
  // An exit that joined before there was such a user goes on without.
  const accounts = { root: { uid: 0, gid: 0 }, keeper, proxy, vpn, ...(stealth && { stealth }) };
  const run = exitRunFolders(RUN);
  mkdirSync(RUN, { recursive: true, mode: 0o711 });
  chmodSync(RUN, 0o711);
  ensureExitRunFolders(run, accounts);
  return startOf(identity, accounts, basename(dirname(entry)));
}

function startOf(
  { server, sitePublicKey, link, seed, ca }: Identity,
  { keeper, proxy, vpn, stealth }: ExitStart["accounts"],
  release: string,
): ExitStart {
  const failed = new Releases({ code: CODE, fetched: RUN }).failed !== undefined;
  return {
    type: "start",
    folder: KEYS,
    sealKey: sealKey().toString("base64"),
    run: exitRunFolders(RUN),
    link: { kind: "nats", ...link, seed, ca },
    server,
    sitePublicKey,
    authority: ca,
    accounts: { keeper, proxy, vpn, ...(stealth && { stealth }) },
    proxies: availableParallelism(),
    release,
    ...(failed && { upgrade: "failed" as const }),
  };
}

/** In memory, beside what it seals: a machine that was switched off holds neither. Where that is a disk, it dies with us. */
function sealKey(): Buffer {
  if (statfsSync(RUN).type !== TMPFS) return randomBytes(32);
  return ensureSecret(join(RUN, "engines", "seal.key"), () => randomBytes(32));
}

/** The launcher of a release that has stood its trial takes the former one's place. */
function renewLauncher(log: Log): void {
  try {
    renewStartScript();
  } catch {
    log("internal-error", { part: "exit" });
  }
}

function inWords<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function refuse(sentence: string): undefined {
  process.stderr.write(`${sentence}\n`);
  // 78, EX_CONFIG of sysexits.h: starting again would not help.
  process.exitCode = 78;
  return undefined;
}
