import type { ServerView } from "../control/servers.ts";

/** How a server is, in few words, as `lethe server list` says it. */
export function serverState(server: ServerView): { words: string; look: "good" | "warn" | "bad" } {
  if (server.state === "added") return { words: "waits for its line to be pasted", look: "warn" };
  if (server.state === "lapsed") return { words: "its line is too old", look: "warn" };
  const failing = server.services.filter(({ healthy }) => !healthy).map(({ service }) => service);
  const words = server.news === "never" ? "no news yet" : server.news === "no-news" ? "no news lately" : "up";
  const more = [
    ...(server.news === "up" && failing.length > 0 ? [`but not: ${failing.join(", ")}`] : []),
    ...(server.draining ? ["draining"] : []),
    ...(server.upgradeFailed ? ["went back from an upgrade"] : []),
    ...(server.publicCertificate?.problem !== undefined ? ["no new certificate"] : []),
  ];
  const look = server.news === "no-news" ? "bad" : words === "up" && more.length === 0 ? "good" : "warn";
  return { words: [words, ...more].join("; "), look };
}
