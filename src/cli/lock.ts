import { chmodSync, rmSync } from "node:fs";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { holdFile } from "../lib/file-lock.ts";
import type { StatusReport } from "./description.ts";
import { StartError } from "./start-error.ts";

/**
 * The supervisor's socket: who holds it is the one `lethe up` of a data folder, and through it `lethe stop` and
 * `lethe restart` speak to it. A JSON object a line, one answer a request. Root's alone (0600).
 */
export type SupervisorRequest = { command: "stop" | "restart" | "status" };
export interface SupervisorAnswer {
  ok: boolean;
  /** A sentence for the operator. */
  text: string;
  /** With `status`. */
  report?: StatusReport;
}

const MOST_BYTES = 4096;
/** What somebody is told who may not use a socket of ours. */
export const NOT_YOURS = "Only the user who started Lethe, or root, may do this (sudo).";

/**
 * Takes the lock. Resolves with undefined where another `lethe up` has it; a socket that a crash left behind is replaced.
 * What decides is the file beside the socket: of two who find a dead one's socket, each could take away what the other
 * has just put there. Throws the system's error where the socket cannot be made.
 */
export async function takeLock(
  path: string,
  answer: (request: SupervisorRequest) => Promise<SupervisorAnswer>,
): Promise<Server | undefined> {
  const held = holdFile(`${path}.lock`);
  if (held === undefined) return undefined;
  try {
    rmSync(path, { force: true });
    const server = await listen(path, answer);
    server.once("close", held.release);
    return server;
  } catch (error) {
    held.release();
    throw error;
  }
}

function listen(
  path: string,
  answer: (request: SupervisorRequest) => Promise<SupervisorAnswer>,
): Promise<Server> {
  const { promise, resolve, reject } = Promise.withResolvers<Server>();
  const server = createServer((socket) => serve(socket, answer));
  server.once("error", reject);
  server.listen(path, () => {
    chmodSync(path, 0o600);
    resolve(server);
  });
  return promise;
}

function serve(socket: Socket, answer: (request: SupervisorRequest) => Promise<SupervisorAnswer>): void {
  let text = "";
  // Who connects and says nothing does not hold the end up.
  socket.setTimeout(5000, () => text.includes("\n") || socket.destroy());
  socket.setEncoding("utf8");
  socket.on("error", () => socket.destroy());
  socket.on("data", async (chunk: string) => {
    text += chunk;
    if (text.length > MOST_BYTES) return void socket.destroy();
    if (!text.includes("\n")) return;
    socket.pause();
    const request = readRequest(text);
    const said = request ? await answer(request) : { ok: false, text: "not a request" };
    socket.end(`${JSON.stringify(said)}\n`);
  });
}

function readRequest(text: string): SupervisorRequest | undefined {
  try {
    const { command } = JSON.parse(text);
    return command === "stop" || command === "restart" || command === "status" ? { command } : undefined;
  } catch {
    return undefined;
  }
}

/** Asks the running supervisor; undefined where none runs. */
export function askSupervisor(
  path: string,
  request: SupervisorRequest,
): Promise<SupervisorAnswer | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<SupervisorAnswer | undefined>();
  let text = "";
  const socket = createConnection(path, () => socket.write(`${JSON.stringify(request)}\n`));
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => {
    text += chunk;
  });
  socket.on("error", ({ code }: NodeJS.ErrnoException) =>
    code === "EACCES" ? reject(new StartError(NOT_YOURS)) : resolve(undefined),
  );
  socket.on("close", () => resolve(text === "" ? undefined : (JSON.parse(text) as SupervisorAnswer)));
  return promise;
}
