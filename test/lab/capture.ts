import type { ChildProcess } from "node:child_process";
import { endProgram, Namespace, PATIENCE_MS, until } from "./namespace.ts";

/** tcpdump on one interface, from `startCapture` until `stop`. */
export interface Capture {
  /** One line a packet, so far. */
  packets(): string[];
  /** Ends it and gives the lines of all that passed until now; throws where the kernel had no room for some of it. */
  stop(): Promise<string[]>;
}

/** Headers and short names are all that is looked at; in immediate mode each packet takes the place of the longest possible one. */
const SNAPSHOT_BYTES = 512;
/** Room for a whole download, whose packets nobody reads for a while on a busy machine. */
const BUFFER_KIB = 32 * 1024;

/** Captures what matches `filter` (pcap-filter(7)); listens by the time it resolves. */
export async function startCapture(namespace: Namespace, device: string, filter: string): Promise<Capture> {
  const room = ["-s", String(SNAPSHOT_BYTES), "-B", String(BUFFER_KIB)];
  const argv = ["tcpdump", "-i", device, "-n", "-l", "-q", "-p", "--immediate-mode", ...room, filter];
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
  const closed = new Promise((resolve) => process.once("close", resolve));
  const ended = () => process.exitCode !== null || process.signalCode !== null;
  try {
    await until(
      () => `tcpdump to listen; it said: ${said}`,
      PATIENCE_MS,
      () => {
        if (ended()) throw new Error(`tcpdump ended: ${said}`);
        return said.includes("listening on");
      },
    );
  } catch (error) {
    await endProgram(process, "SIGKILL");
    throw error;
  }
  /** By the kernel's count (tcpdump(1), SIGUSR1): what came, and what of it has been read. */
  const counts = async (): Promise<{ read: number; came: number; lost: number }> => {
    const mark = said.length;
    process.kill("SIGUSR1");
    const pattern = /(\d+) packets? captured, (\d+) packets? received by filter, (\d+) packets? dropped/;
    const words = await until("tcpdump's counts", PATIENCE_MS, () => {
      if (ended()) throw new Error(`tcpdump ended: ${said}`);
      return pattern.exec(said.slice(mark)) ?? undefined;
    });
    const [read = 0, came = 0, lost = 0] = words.slice(1).map(Number);
    return { read, came, lost };
  };
  const packets = () => out.split("\n").filter(Boolean);
  return {
    packets,
    async stop() {
      if (ended()) return packets();
      // An interrupt makes tcpdump leave unread what has come: on a busy machine that may be all of it.
      // What came before the filter stood is counted and never read: then as much as is ever read is all.
      let before = "";
      let same = 0;
      const { lost } = await until(
        "tcpdump to have read what came",
        PATIENCE_MS,
        async () => {
          const seen = await counts();
          const now = JSON.stringify(seen);
          same = now === before ? same + 1 : 0;
          before = now;
          return (seen.read >= seen.came - seen.lost || same >= 5) && seen;
        },
        100,
      ).finally(() => endProgram(process, "SIGINT"));
      await closed;
      if (lost > 0) throw new Error(`the kernel had no room for ${lost} packets of a capture`);
      return packets();
    },
  };
}
