import { setTimeout } from "node:timers/promises";
import type { ServerView } from "../web/control/servers.ts";
import type { Office } from "./office-commands.ts";
import { StartError } from "./start-error.ts";

const LOOK_EVERY_MS = 2000;
/** A download over a slow line, the start, 90 s of trial, and a minute for the news. */
const PATIENCE_MS = 15 * 60_000;

export interface Waiting {
  lookEveryMs?: number;
  patienceMs?: number;
}

/** The server as `lethe server list` shows it. Throws StartError where there is none. */
async function serverNamed(office: Office, name: string): Promise<ServerView> {
  const { servers } = await office.ask<{ servers: ServerView[] }>("GET", "/servers");
  const server = servers.find((each) => each.name === name);
  if (server === undefined) throw new StartError(`There is no server ${name}.`);
  return server;
}

/** Looks until `done` says so; false where that takes too long. */
export async function untilServer(
  office: Office,
  name: string,
  done: (server: ServerView) => boolean,
  { lookEveryMs = LOOK_EVERY_MS, patienceMs = PATIENCE_MS }: Waiting = {},
): Promise<boolean> {
  const end = performance.now() + patienceMs;
  while (performance.now() < end) {
    if (done(await serverNamed(office, name))) return true;
    await setTimeout(lookEveryMs);
  }
  return false;
}

const healthy = (server: ServerView): boolean =>
  server.news === "up" && server.services.every((service) => service.healthy);

export interface Upgraded {
  release: string;
  upgraded: string[];
  /** Ran it already. */
  already: string[];
}

/**
 * Has servers run the office's newest version, one after another: the next begins when the one before says that it runs it and
 * that all its services are well. Stops at the first that does not. `names`: none for all. Throws StartError.
 */
export async function upgradeServers(
  office: Office,
  names: readonly string[],
  say: (text: string) => void,
  waiting: Waiting = {},
): Promise<Upgraded> {
  const { servers } = await office.ask<{ servers: ServerView[] }>("GET", "/servers");
  const { release } = await office.ask<{ release: string }>("GET", "/servers/release");
  const short = release.slice(0, 12);
  const chosen = names.length === 0 ? servers.filter((server) => !server.local) : chosenOf(servers, names);
  const done: Upgraded = { release: short, upgraded: [], already: [] };
  for (const { name } of chosen) {
    const before = await serverNamed(office, name);
    if (before.state !== "enrolled") {
      if (names.length > 0) throw new StartError(`${name} has not joined yet. ${soFar(done)}`);
      continue;
    }
    if (before.release === short) {
      done.already.push(name);
      continue;
    }
    say(`${name} …`);
    await upgradeOne(office, before, short, done, waiting);
    done.upgraded.push(name);
    say(`${name} runs ${short}, and all its services are well.`);
  }
  return done;
}

async function upgradeOne(
  office: Office,
  before: ServerView,
  short: string,
  done: Upgraded,
  waiting: Waiting,
): Promise<void> {
  const { name } = before;
  await office.ask("POST", "/servers/release", { name, release: "newest" });
  let wentBack = false;
  const came = await untilServer(
    office,
    name,
    (server) => {
      const news = server.testedMinute > before.testedMinute;
      // What it said of an upgrade before this one is no news.
      wentBack = news && server.upgradeFailed && !before.upgradeFailed;
      return wentBack || (news && server.release === short && healthy(server));
    },
    waiting,
  );
  if (came && !wentBack) return;
  const now = await serverNamed(office, name);
  // It shall not try again by itself, in the middle of the night.
  await office.ask("POST", "/servers/release", { name, release: "stay" });
  const failed = now.services.filter((service) => !service.healthy).map(({ service }) => service);
  const why =
    wentBack || now.upgradeFailed
      ? `${name} did not become well with ${short} and went back to ${now.release || "what it ran before"}`
      : now.news !== "up"
        ? `Nothing is heard of ${name}`
        : now.release !== short
          ? `${name} has not begun to run ${short}`
          : `${name} runs ${short}, but not well: ${failed.join(", ")}`;
  throw new StartError(`${why}. The upgrade stops here. ${soFar(done)}`);
}

function chosenOf(servers: readonly ServerView[], names: readonly string[]): ServerView[] {
  return [...new Set(names)].map((name) => {
    const server = servers.find((each) => each.name === name);
    if (server === undefined) throw new StartError(`There is no server ${name}. Nothing was upgraded.`);
    if (server.local)
      throw new StartError(
        `${name} is an office's own machine and runs what that office runs. Nothing was upgraded.`,
      );
    return server;
  });
}

const soFar = ({ upgraded }: Upgraded): string =>
  upgraded.length === 0 ? "No server was upgraded." : `Upgraded before: ${upgraded.join(", ")}.`;
