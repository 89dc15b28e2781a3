import type { Server } from "node:http";
import { Server as SecureServer } from "node:https";
import type { Server as NetServer } from "node:net";
import { Challenges } from "../certificates/challenges.ts";
import type { order } from "../certificates/order.ts";
import { checkPair, type GoodPair, type Pair } from "../certificates/pair.ts";
import { RenewedCertificate } from "../certificates/renewed.ts";
import type { CertificateState } from "../certificates/state.ts";
import { problemWords } from "../certificates/words.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/event-log.ts";
import type { Trusts } from "../web/client-address.ts";
import { certificateFolder } from "./certificate-folder.ts";
import { isLoopback } from "./config-values.ts";
import type { DoorMessage, OfficeMessage } from "./messages.ts";
import { redirectListener } from "./redirect.ts";
import { type SitePlace, type SiteSettings, type SiteTls, sitePlaces, siteTls } from "./site-address.ts";
import { plainServer, secureContext, secureSiteServer, siteServer } from "./site-server.ts";
import { OfficeStartError } from "./start-errors.ts";

type Fetch = Parameters<typeof siteServer>[0];

const WHY: Record<string, string> = {
  EADDRINUSE: "another program has this port",
  EACCES: "ports below 1024 need root (sudo npm start)",
  EADDRNOTAVAIL: "this machine does not have that address",
};

/**
 * Where visitors come in: the site's servers on every address of site.listen, by the sockets that the supervisor opens (an
 * unprivileged office has no ports below 1024 of its own), and the certificate they show. It hears the supervisor from its
 * construction on.
 */
export class SiteDoor {
  readonly #settings: SiteSettings;
  readonly #tls: SiteTls | undefined;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #tell: (message: OfficeMessage) => void;
  readonly #ownProxies: Trusts;
  /** Answered on the site's port without TLS, whatever the name. */
  readonly challenges = new Challenges();
  readonly #firstPair = Promise.withResolvers<void>();
  readonly #renewed: RenewedCertificate | undefined;
  #servers: (Server | SecureServer)[] = [];
  #awaited: ((error?: string) => void)[] = [];
  #pair: GoodPair | undefined;
  #state: CertificateState | undefined;

  constructor(options: {
    settings: SiteSettings;
    officeFolder: string;
    /** Where the settings name an ACME authority: loaded before the office gave root up, and what the directory is checked with. */
    acme?:
      | { order: typeof order; newAccountKey(): string; directoryAuthority: string | undefined }
      | undefined;
    clock: Clock;
    log: Log;
    tell(message: OfficeMessage): void;
    /** The operator's proxies in front, each of which brings many visitors. */
    ownProxies: Trusts;
  }) {
    const { settings, officeFolder, acme, clock, log, tell } = options;
    const { ownProxies } = options;
    // A proxy on this machine may be one that nobody has named.
    this.#ownProxies = (address) => isLoopback(address.replace(/^::ffff:/i, "")) || ownProxies(address);
    this.#settings = settings;
    this.#tls = siteTls(settings);
    this.#clock = clock;
    this.#log = log;
    this.#tell = tell;
    const { names = [], source } = this.#tls ?? {};
    if (source?.kind !== "acme" || acme === undefined) return;
    const { directory, email } = source;
    const { directoryAuthority } = acme;
    const { challenges } = this;
    this.#renewed = new RenewedCertificate({
      names,
      store: certificateFolder(officeFolder, directory),
      order: (accountKey) =>
        acme.order({ directory, directoryAuthority, email, names, accountKey, challenges }),
      newAccountKey: acme.newAccountKey,
      clock,
      log,
      onPair: (pair) => this.#use(pair),
      onState: (state) => this.#say(state),
    });
  }

  /** What the supervisor says that concerns the door; a listening socket comes as the message's handle. */
  hear(message: DoorMessage, handle?: unknown): void {
    if (message.type === "pair") this.#read(message.pair);
    if (message.type === "socket") {
      const done = this.#awaited[message.index];
      const server = this.#servers[message.index];
      // At once: a connection that comes before there is a server for it would be lost.
      if (handle !== undefined && server !== undefined) server.listen(handle as NetServer, () => done?.());
      else done?.(message.failed ?? "other");
    }
  }

  /** Serves on every address. Rejects with OfficeStartError. */
  async open(fetch: Fetch): Promise<void> {
    if (this.#tls?.source.kind === "files") {
      await this.#firstPair.promise;
      const { problem } = this.#state!;
      if (this.#pair === undefined)
        throw new OfficeStartError(`The certificate of tls.certificate ${problemWords(problem!)}.`);
    }
    const places = sitePlaces(this.#settings);
    const httpsPort = places.find(({ speaks }) => speaks === "https")?.port ?? 443;
    this.#servers = places.map((place) => this.#server(place, fetch, httpsPort));
    if (this.#pair !== undefined) this.#use(this.#pair);
    const opened = places.map(({ text }, index) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      this.#awaited[index] = (failed) =>
        failed === undefined
          ? resolve()
          : reject(
              new OfficeStartError(
                `The site cannot listen on ${text}: ${WHY[failed] ?? failed}. Change site.listen in lethe.toml.`,
              ),
            );
      return promise;
    });
    this.#tell({ type: "open" });
    await Promise.all(opened);
    // Now that port 80 answers what an authority asks.
    this.#renewed?.start();
  }

  close(): void {
    this.#renewed?.close();
    for (const server of this.#servers) {
      server.close();
      server.closeAllConnections();
    }
  }

  #server({ speaks }: SitePlace, fetch: Fetch, httpsPort: number): Server | SecureServer {
    const options = { ownProxies: this.#ownProxies };
    if (speaks === "http") return siteServer(fetch, options);
    if (speaks === "https") return secureSiteServer(fetch, options);
    const listener = redirectListener({
      names: this.#tls!.names,
      port: httpsPort,
      challenges: this.challenges,
      ready: () => this.#pair !== undefined,
    });
    return plainServer(listener, options);
  }

  /** What the supervisor has read in the files. One that is no good takes nothing away from the one in use. */
  #read(pair: Pair | undefined): void {
    const names = this.#tls?.names ?? [];
    const checked = pair && checkPair(pair, names, this.#clock.now());
    if (checked?.ok) {
      this.#use(checked.value);
      this.#log("certificate-loaded");
      this.#say({ source: "files", notAfterMs: checked.value.notAfterMs });
    } else {
      const problem = checked?.error ?? "unreadable";
      this.#log("certificate-refused", { reason: problem });
      this.#say({ source: "files", ...(this.#pair && { notAfterMs: this.#pair.notAfterMs }), problem });
    }
    this.#firstPair.resolve();
  }

  #use(pair: GoodPair): void {
    this.#pair = pair;
    const { certificate, key } = pair;
    this.#tell({ type: "site-pair", pair: { certificate, key } });
    for (const server of this.#servers)
      if (server instanceof SecureServer) server.setSecureContext(secureContext(pair));
  }

  /** How it stands with the site's certificate; nothing where the site speaks no TLS itself. */
  get certificate(): CertificateState | undefined {
    return this.#state;
  }

  #say(state: CertificateState): void {
    this.#state = state;
    this.#tell({ type: "certificate", state });
  }
}
