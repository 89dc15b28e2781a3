import { createServer } from "node:net";

/** A contender that runs. */
export interface Running {
  port: number;
  /** The processes whose trees are the contender. */
  pids: number[];
  stop(): Promise<void>;
}

/** A port of loopback that nobody has at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return address !== null && typeof address === "object" ? address.port : 0;
}
