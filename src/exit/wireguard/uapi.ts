import { connect } from "node:net";
import type { Reason } from "../../lib/event-log.ts";

/**
 * wireguard-go is told what to do over a Unix socket, in text (wireguard.com/xplatform, "Configuration Protocol"): `set=1`,
 * lines `key=value` with keys in hex, an empty line; it answers `errno=0` and an empty line. Only `set` is spoken here: a
 * `get` answers with members' addresses, which no process of ours is to hold as root.
 */
export function uapiSet(
  socketPath: string,
  lines: readonly string[],
  timeoutMs = 10_000,
): Promise<Reason | undefined> {
  const { promise, resolve } = Promise.withResolvers<Reason | undefined>();
  const socket = connect(socketPath);
  const timer = setTimeout(() => end("unavailable"), timeoutMs);
  let answer = "";
  const end = (reason: Reason | undefined): void => {
    clearTimeout(timer);
    socket.destroy();
    resolve(reason);
  };
  socket.setEncoding("latin1");
  socket.on("error", () => end("unavailable"));
  socket.on("close", () => end("unavailable"));
  socket.on("data", (text: string) => {
    answer += text;
    if (answer.includes("\n\n")) end(uapiReason(answer));
    else if (answer.length > MOST_OF_AN_ANSWER) end("malformed");
  });
  socket.write(`set=1\n${lines.map((line) => `${line}\n`).join("")}\n`);
  return promise;
}

const MOST_OF_AN_ANSWER = 1000;

/** The answer's `errno`, negative on Linux (errno(3)), as a word; nothing where all is well. */
export function uapiReason(answer: string): Reason | undefined {
  const errno = /^errno=(-?\d{1,6})\n\n$/.exec(answer)?.[1];
  if (errno === undefined) return "malformed";
  switch (Math.abs(Number(errno))) {
    case 0:
      return undefined;
    case 98:
      return "EADDRINUSE";
    case 13:
      return "EACCES";
    case 22:
      return "wrong-configuration";
    default:
      return "other";
  }
}

/** A key in base64 as UAPI wants it. */
export const hexOf = (key: string): string => Buffer.from(key, "base64").toString("hex");
