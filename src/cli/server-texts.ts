import { describeExitCertificate } from "../certificates/words.ts";
import { blockedText } from "../support/abuse.ts";
import type { ServerView } from "../web/control/servers.ts";

/** One line of `lethe server list`: how a server is, in few words. */
export function stateOf(server: ServerView): string {
  if (server.state === "added") return "waits for its line to be pasted";
  if (server.state === "lapsed") return "its line is too old: lethe server rotate makes another";
  const failed = server.services.filter(({ healthy }) => !healthy).map(({ service }) => service);
  const words =
    server.news === "never"
      ? ["no news yet"]
      : server.news === "no-news"
        ? ["no news lately"]
        : [failed.length === 0 ? "up" : `up, but not: ${failed.join(", ")}`];
  if (server.draining) words.push("draining");
  const blocked = blockedText(server.blocked);
  if (blocked !== "") words.push(`blocked: ${blocked}`);
  if (server.upgradeFailed) words.push("went back from an upgrade");
  else if (server.targetRelease !== "" && server.release !== "" && server.release !== server.targetRelease)
    words.push("upgrading");
  const { publicCertificate } = server;
  if (publicCertificate?.site) words.push("the site's certificate");
  else if (publicCertificate !== undefined) words.push(describeExitCertificate(publicCertificate));
  return words.join("; ");
}

/** What is blocked on a server now. */
export function blockedLine({ name, blocked }: ServerView): string {
  const text = blockedText(blocked);
  return text === "" ? `Nothing is blocked on ${name}.` : `Blocked on ${name}: ${text}.`;
}

/** The list as a table for people. */
export function listText(servers: readonly ServerView[]): string {
  if (servers.length === 0) return "There are no servers.";
  const rows = servers.map((server) => [
    server.name,
    `${server.city}, ${server.country}`,
    server.host,
    server.news === "up" ? `${server.loadPercent} %` : "",
    server.local ? "office" : server.release === "" ? "-" : server.release,
    stateOf(server),
  ]);
  const table = [["name", "place", "host", "load", "version", "state"], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  return table
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** What to do with a new server's line. */
export const lineText = (name: string, line: string, expires: number): string =>
  [
    `Paste this line as root on the new server (Debian 12 or newer). It is good once, until ${clockTime(expires)} UTC,`,
    `and whoever has it can become ${name}:`,
    "",
    line,
    "",
  ].join("\n");

const clockTime = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(11, 16);
