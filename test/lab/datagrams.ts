import type { ChildProcess } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { pathToFileURL } from "node:url";
import type { Namespace } from "./namespace.ts";

const program = new URL(import.meta.url).pathname;

/** What came to a socket: from where, and the text. */
export interface Received {
  from: string;
  port: number;
  text: string;
}

/** A UDP socket inside a namespace, bound to an address and a port that the test chooses. */
export class Datagrams {
  readonly received: Received[] = [];
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  static async bind(namespace: Namespace, address: string, port: number): Promise<Datagrams> {
    const argv = [process.execPath, program, address, String(port)];
    const child = namespace.start(argv, ["ignore", "ignore", "inherit", "ipc"]);
    const early = once(child, "exit").then(() => {
      throw new Error(`${namespace.name}: no UDP socket on ${address} port ${port}`);
    });
    early.catch(() => {});
    await Promise.race([once(child, "message"), early]);
    const datagrams = new Datagrams(child);
    child.on("message", (received) => datagrams.received.push(received as Received));
    return datagrams;
  }

  send(address: string, port: number, text: string): void {
    this.#process.send({ address, port, text });
  }

  async close(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [, , address = "", port = ""] = process.argv;
  const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
  socket.on("message", (bytes, peer) =>
    process.send?.({
      from: peer.address,
      port: peer.port,
      text: bytes.toString("latin1"),
    } satisfies Received),
  );
  socket.on("error", () => process.exit(1));
  socket.bind(Number(port), address, () => process.send?.("ready"));
  process.on("message", (message) => {
    const { address: to, port: at, text } = message as { address: string; port: number; text: string };
    socket.send(text, at, to, () => {});
  });
  process.on("disconnect", () => process.exit(0));
}
