import { mkdirSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { writeFileAtomic } from "../lib/atomic-file.ts";
import { type EngineSpec, Engines } from "../lib/engines.ts";
import type { Log } from "../lib/event-log.ts";
import { isLinkPublicKey } from "../link/link-key.ts";
import { exitPermissions, type LinkPermissions, officePermissions } from "../link/nats-subjects.ts";

/**
 * The office's own nats-server (Debian's 2.9; settings: docs.nats.io, "Server configuration"): what carries the link to the
 * servers on other machines. It runs as the office's user, outlives the office's restarts, and writes nothing down: what it keeps,
 * it keeps in memory.
 */
export const NATS_SERVER = "/usr/sbin/nats-server";
const ID = "nats";
const USERS_FILE = "nats-users.conf";
/** It insists on one; nothing but empty folders ever comes into it. */
const STORE_FOLDER = "nats-store";
const DAY_MS = 86_400_000;
const MEMORY_BYTES = 512 * 1024 * 1024;

/** A server that may speak, by its public link key. */
export interface LinkUser {
  /** As the link calls it. */
  server: string;
  nkey: string;
}

/**
 * The authorization block: the office and each server, with what they may say and hear. A server whose key nats-server would
 * not take, or that another one has too, is left out, since the server would otherwise refuse the whole list. Throws RangeError
 * where the office's own key is wrong: an empty list would let everybody in.
 */
export function renderLinkUsers(site: string, officeKey: string, users: readonly LinkUser[]): string {
  if (!isLinkPublicKey(officeKey)) throw new RangeError("the office's link key");
  const known = new Map([[officeKey, officePermissions(site)]]);
  for (const { server, nkey } of users) {
    if (!known.has(nkey) && isLinkPublicKey(nkey)) known.set(nkey, exitPermissions(site, server));
  }
  const user = ([nkey, { publish, subscribe }]: [string, LinkPermissions]) =>
    `    { nkey: ${nkey}, permissions: { publish: { allow: ${list(publish)} }, subscribe: { allow: ${list(subscribe)} } } }\n`;
  return `authorization {\n  timeout: 10\n  users: [\n${[...known].map(user).join("")}  ]\n}\n`;
}

/** A JSON string is one of nats-server's too; subjects and paths hold nothing that would be read otherwise. */
const text = JSON.stringify;
const list = (texts: readonly string[]): string => `[${texts.map((each) => text(each)).join(", ")}]`;

export interface NatsServerOptions {
  /** For its configuration and its folder: on tmpfs, the office's own. */
  folder: string;
  listen: { address: string; port: number };
  /** The first 8 hex digits of the site's id. */
  site: string;
  /** The office's public link key. */
  officeKey: string;
  /** PEM files: its certificate and the key of it (link-certificate.ts); asked each day whether they are new. */
  tls: () => { certificate: string; key: string; renewed: boolean };
  log: Log;
  program?: string;
}

/** All that never changes while it runs; who may connect stands in a file of its own, which it reads again upon SIGHUP. */
export function renderNatsServer({
  folder,
  listen,
  tls,
}: Pick<NatsServerOptions, "folder" | "listen"> & { tls: { certificate: string; key: string } }): string {
  const address = listen.address.includes(":") ? `[${listen.address}]` : listen.address;
  return `listen: ${text(`${address}:${listen.port}`)}
server_name: "link"
include ${text(USERS_FILE)}
tls { cert_file: ${text(tls.certificate)}, key_file: ${text(tls.key)}, timeout: 10 }
# One byte: 0 would mean "as the disk allows". Streams are in memory, and the folder stays empty.
jetstream { max_memory_store: ${MEMORY_BYTES}, max_file_store: 1, store_dir: ${text(join(folder, STORE_FOLDER))} }
debug: false
trace: false
max_payload: 8388608
# What one slow reader may hold up; the largest message must fit.
max_pending: 33554432
max_connections: 16384
max_subscriptions: 64
max_control_line: 4096
ping_interval: "20s"
ping_max: 2
write_deadline: "10s"
`;
}

export class NatsServer {
  readonly #options: NatsServerOptions;
  readonly #engines: Engines;
  /** The users file as it should be, and as the running process has read it: nothing is known of one that was taken over. */
  #users = "";
  #read: string | undefined;
  /** Its files never move; what is in them may. */
  readonly #tls: { certificate: string; key: string };
  readonly #renewing: NodeJS.Timeout;

  constructor(options: NatsServerOptions) {
    this.#options = options;
    this.#tls = options.tls();
    this.#renewing = setInterval(() => {
      if (options.tls().renewed) this.certificateChanged();
    }, DAY_MS);
    this.#renewing.unref();
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    this.#engines = new Engines({
      folder: options.folder,
      log: options.log,
      onChange: () => this.#catchUp(),
    });
  }

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return this.#engines.view(ID)?.pid;
  }

  /** Starts it with these users or takes a running one over; a running one hears of the change, and cuts off who is gone. */
  async setUsers(users: readonly LinkUser[]): Promise<void> {
    const { folder, site, officeKey } = this.#options;
    this.#users = renderLinkUsers(site, officeKey, users);
    writeFileAtomic(join(folder, USERS_FILE), this.#users);
    await this.#engines.want([this.#spec()]);
    this.#catchUp();
  }

  /** The certificate has changed: it is read again. */
  certificateChanged(): void {
    this.#read = undefined;
    this.#catchUp();
  }

  /** Ends it, and takes its files away. */
  async stop(): Promise<void> {
    await this.#engines.stopAll();
    rmSync(join(this.#options.folder, STORE_FOLDER), { recursive: true, force: true });
  }

  /** Lets it run on without us, for the office's next start. */
  release(): void {
    clearInterval(this.#renewing);
    this.#engines.release();
  }

  /** SIGHUP where it has read something else; not before it serves, since until then the signal would end it. */
  #catchUp(): void {
    const view = this.#engines.view(ID);
    if (view?.state !== "running" || view.pid === undefined || this.#read === this.#users) return;
    this.#read = this.#users;
    process.kill(view.pid, "SIGHUP");
  }

  #spec(): EngineSpec {
    const { listen, folder, program = NATS_SERVER } = this.#options;
    return {
      id: ID,
      part: "nats",
      argv: [program, "-c", this.#engines.configurationPath(ID)],
      configuration: renderNatsServer({ folder, listen, tls: this.#tls }),
      leaves: [join(folder, USERS_FILE)],
      prepare: async () => {
        this.#read = this.#users;
        return undefined;
      },
      ready: () => connects(listen.port, loopbackOf(listen.address)),
    };
  }
}

const loopbackOf = (address: string): string =>
  address === "0.0.0.0" ? "127.0.0.1" : address === "::" ? "::1" : address;

function connects(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
