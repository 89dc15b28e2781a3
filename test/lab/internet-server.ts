import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Namespace } from "./namespace.ts";

const program = fileURLToPath(new URL("internet.ts", import.meta.url));

/** The lab's web, mail and DNS (internet.ts) in a namespace; with `web` and a port the web server alone. */
export function startInternet(
  namespace: Namespace,
  ...args: string[]
): { server: ChildProcess; ready: Promise<unknown> } {
  const server = namespace.start(
    [process.execPath, program, ...args],
    ["ignore", "inherit", "inherit", "ipc"],
  );
  const early = once(server, "exit").then(() => {
    throw new Error(`the server in ${namespace.name} ended before it was ready`);
  });
  early.catch(() => {});
  return { server, ready: Promise.race([once(server, "message"), early]) };
}
