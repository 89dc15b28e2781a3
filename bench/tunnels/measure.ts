import type { Namespace } from "../../test/lab/namespace.ts";
import { RunningProgram } from "./programs.ts";

/** Mbit/s of what came through, one TCP stream. */
export interface Rates {
  up: number;
  down: number;
}

export interface Durations {
  /** Of one stream. */
  measureS: number;
  /** Before that, not counted. */
  omitS: number;
  loginS: number;
}

export const IPERF_PORT = 5201;

/** Where iperf3's client finds its server. */
export interface StreamEnd {
  address: string;
  port: number;
  /** Of both ends' sockets; the kernel takes twice as much (socket(7)). Without it they grow by themselves. */
  bufferBytes?: number;
}

/** One TCP stream between the client and iperf3's server on the internet, in Mbit/s. */
export async function throughput(
  { client, internet }: { client: Namespace; internet: Namespace },
  { address, port, bufferBytes }: StreamEnd,
  direction: keyof Rates,
  { measureS, omitS }: Durations,
): Promise<number> {
  // A server of its own each time: one whose client went away with its tunnel stays busy.
  const server = new RunningProgram(internet, [
    "iperf3",
    ...["-s", "-1", "--forceflush", "-p", String(IPERF_PORT)],
  ]);
  try {
    await server.says(/Server listening/);
    const argv = [
      ...["iperf3", "-J", "-c", address, "-p", String(port)],
      ...(bufferBytes === undefined ? [] : ["-w", String(bufferBytes)]),
      ...["-t", String(measureS), "-O", String(omitS), ...(direction === "down" ? ["-R"] : [])],
    ];
    const { code, stdout } = await client.run(argv, { timeoutMs: (measureS + omitS + 20) * 1000 });
    const answer = JSON.parse(stdout || "{}") as {
      error?: string;
      end?: { sum_received?: { bits_per_second: number } };
    };
    const bits = answer.end?.sum_received?.bits_per_second;
    if (code !== 0 || bits === undefined) throw new Error(`iperf3: ${answer.error ?? "nothing came"}`);
    return bits / 1e6;
  } finally {
    await server.stop("SIGKILL");
  }
}

/** So many at one time log in, leave and come again; how many logins a second that made. */
export async function logins(
  seconds: number,
  atOneTime: number,
  logIn: (index: number) => Promise<void>,
): Promise<number> {
  const startMs = performance.now();
  const endMs = startMs + seconds * 1000;
  let done = 0;
  await Promise.all(
    Array.from({ length: atOneTime }, async (_, index) => {
      while (performance.now() < endMs) {
        await logIn(index);
        done++;
      }
    }),
  );
  return done / ((performance.now() - startMs) / 1000);
}

/** One login: a client that says so, and is ended at once. */
export const loginOf =
  (
    client: Namespace,
    argv: (index: number) => string[],
    says: RegExp,
    options: { folder?: string; env?: object } = {},
  ) =>
  async (index: number): Promise<void> => {
    const program = new RunningProgram(client, argv(index), options);
    try {
      await program.says(says);
    } finally {
      await program.stop("SIGKILL");
    }
  };
