import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ssh2, { type ClientChannel, type ConnectConfig } from "ssh2";
import type { ServerSettings } from "../../link/settings.ts";
import { FakeAuthoriser, PASSWORD, testSettings, USERNAME } from "../proxy/testing.ts";
import { hostKeys } from "./host-keys.ts";
import { createSshWorker } from "./worker.ts";

/** For tests: an SSH worker on loopback, and clients of ssh2's. */

const folder = mkdtempSync(join(tmpdir(), "lethe-ssh-"));
process.on("exit", () => rmSync(folder, { recursive: true }));
/** Made once a process: an RSA key takes its time. */
export const keys = hostKeys(folder);

export async function startSsh(
  changes: Parameters<typeof testSettings>[0] & Pick<Parameters<typeof createSshWorker>[0], "resolve"> = {},
): Promise<{
  port: number;
  authoriser: FakeAuthoriser;
  /** The same settings with another egress policy. */
  restrict(egress: Partial<ServerSettings["egress"]>): Promise<unknown>;
  close(): void;
}> {
  const authoriser = new FakeAuthoriser();
  const resolve = changes.resolve ?? (async () => ({ ok: false, reason: "no-such-name" }) as const);
  const worker = createSshWorker({ authoriser, log: () => {}, hostKeys: keys.private, resolve });
  const settings = testSettings(changes);
  settings.services = { ssh: { listen: [{ address: "127.0.0.1", port: 0 }] } };
  const apply = (egress: Partial<ServerSettings["egress"]>) => {
    const changed = { ...settings, egress: { ...settings.egress, ...egress } };
    return worker.apply({ settings: changed, ownAddresses: [], resolvers: [] });
  };
  const [report] = await apply({});
  return { port: report!.port, authoriser, restrict: apply, close: () => worker.close() };
}

export class TestClient {
  readonly client = new ssh2.Client();
  /** `ready`, or what the client was told instead: its error's text, with every banner before it. */
  readonly outcome: Promise<string>;
  readonly closed: Promise<void>;

  constructor(port: number, config: ConnectConfig = {}) {
    const banners: string[] = [];
    const { client } = this;
    client.on("banner", (text) => banners.push(text.trim()));
    this.closed = new Promise((resolve) => client.once("close", () => resolve()));
    this.outcome = new Promise((resolve) => {
      client.once("ready", () => resolve("ready"));
      client.on("error", ({ message }) => resolve([...banners, message].join(" | ")));
      client.once("close", () => resolve([...banners, "closed"].join(" | ")));
    });
    client.connect({ host: "127.0.0.1", port, username: USERNAME, password: PASSWORD, ...config });
  }

  static async ready(port: number, config?: ConnectConfig): Promise<TestClient> {
    const client = new TestClient(port, config);
    const outcome = await client.outcome;
    if (outcome !== "ready") throw new Error(outcome);
    return client;
  }

  /** A tunnel to there. Rejects with the server's refusal. */
  tunnel(host: string, port: number): Promise<ClientChannel> {
    return new Promise((resolve, reject) => {
      this.client.forwardOut("127.0.0.1", 1, host, port, (error, channel) =>
        error === undefined ? resolve(channel) : reject(error),
      );
    });
  }

  close(): void {
    this.client.destroy();
  }
}

/** All that comes, until the other side ends. */
export async function readAll(channel: ClientChannel): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of channel) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
