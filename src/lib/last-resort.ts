import type { Log } from "./event-log.ts";

/**
 * What a process does with an error that nobody caught: says where in the code it was, and ends. Node would print the
 * error's message as well, and a message may hold an address, a name or a secret.
 */
export function installLastResort(log: Log): void {
  process.on("uncaughtException", (error) => {
    log("internal-error");
    process.stderr.write(framesOf(error));
    process.exit(1);
  });
}

/** The stack's places ("at open (…/store/open.ts:31:5)") without the message above them. */
export function framesOf(error: unknown): string {
  if (!(error instanceof Error) || error.stack === undefined) return "";
  const above = String(error);
  return error.stack.startsWith(above) ? `${error.stack.slice(above.length).trimStart()}\n` : "";
}
