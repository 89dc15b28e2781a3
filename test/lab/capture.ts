import type { ChildProcess } from "node:child_process";
import { Namespace, until } from "./namespace.ts";

/** tcpdump on one interface, from `startCapture` until `stop`. */
export interface Capture {
  /** One line a packet, so far. */
  packets(): string[];
  /** Ends it and gives the lines. */
  stop(): Promise<string[]>;
}

/** Captures what matches `filter` (pcap-filter(7)); listens by the time it resolves. */
export async function startCapture(namespace: Namespace, device: string, filter: string): Promise<Capture> {
  const argv = ["tcpdump", "-i", device, "-n", "-l", "-q", "-p", "--immediate-mode", filter];
  // On a machine, too, in its network alone: to what runs inside its process namespace no signal of ours would get.
  const process: ChildProcess = new Namespace(namespace.name).start(argv);
  let out = "";
  let said = "";
  process.stdout?.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  process.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  await until(`tcpdump to listen (${said})`, 10_000, () => {
    if (process.exitCode !== null) throw new Error(`tcpdump ended: ${said}`);
    return said.includes("listening on");
  });
  const packets = () => out.split("\n").filter(Boolean);
  return {
    packets,
    async stop() {
      const ended = new Promise((resolve) => process.once("close", resolve));
      if (process.exitCode === null) {
        process.kill("SIGINT");
        await ended;
      }
      return packets();
    },
  };
}
