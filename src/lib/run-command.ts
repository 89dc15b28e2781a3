import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";

/** Where Debian and Ubuntu put what we call; a PATH from outside is never believed by a process that is root. */
const FOLDERS = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"];

/** All that a program we start gets to see of an environment. */
export const SCRUBBED_ENVIRONMENT: Record<string, string> = { PATH: FOLDERS.join(":"), LC_ALL: "C" };

/** The absolute path of an executable of that name, or nothing where the machine has none. */
export function findProgram(name: string): string | undefined {
  for (const folder of FOLDERS) {
    const path = `${folder}/${name}`;
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not in this one
    }
  }
  return undefined;
}

export interface CommandResult {
  /** The exit code; undefined where it was ended by a signal, by the time limit, or could not be started. */
  code: number | undefined;
  stdout: string;
  stderr: string;
}

/**
 * Runs a program to its end. `argv[0]` is an absolute path; `input` goes to its standard input, so that nothing longer or
 * secret stands in its arguments. Never throws and never uses a shell. Output past 16 MiB and runs past `timeoutMs`
 * (10 s unless told) end it.
 */
export function runCommand(
  argv: readonly string[],
  { input, timeoutMs = 10_000 }: { input?: string; timeoutMs?: number } = {},
): Promise<CommandResult> {
  const { promise, resolve } = Promise.withResolvers<CommandResult>();
  const child = spawn(argv[0]!, argv.slice(1), {
    cwd: "/",
    env: SCRUBBED_ENVIRONMENT,
    stdio: ["pipe", "pipe", "pipe"],
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  let held = 0;
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].on("data", (bytes: Buffer) => {
      held += bytes.length;
      if (held > 16 * 1024 * 1024) child.kill("SIGKILL");
      else output[stream].push(bytes);
    });
  }
  const text = (chunks: Buffer[]): string => Buffer.concat(chunks).toString("utf8");
  child.on("error", () => resolve({ code: undefined, stdout: "", stderr: "" }));
  child.on("close", (code) =>
    resolve({ code: code ?? undefined, stdout: text(output.stdout), stderr: text(output.stderr) }),
  );
  // A program that ends without reading its input closes the pipe under us: its exit code says more than EPIPE.
  child.stdin.on("error", () => {});
  child.stdin.end(input ?? "");
  return promise;
}
