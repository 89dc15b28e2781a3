import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CertificateState } from "../certificates/state.ts";
import type { ExitReport, ExitSitePair, ExitStart } from "../exit/messages.ts";
import { exitRunFolders } from "../exit/run-folders.ts";
import { ensureSecret } from "../lib/atomic-file.ts";
import { type Log, logFor } from "../lib/event-log.ts";
import { ForkedChild } from "../lib/forked-child.ts";
import { findPublicAddress, type PublicAddress } from "../office/addresses.ts";
import type { Config } from "../office/config.ts";
import type {
  DemoStart,
  OfficeMessage,
  OfficeQuestion,
  OfficeReady,
  OfficeStart,
} from "../office/messages.ts";
import { notesOfPlace } from "../office/place-said.ts";
import { notesOfCertificate, notesOfPorts } from "../office/server-settings.ts";
import { CheckResponders } from "./check-responders.ts";
import { filesForOffice, officeSecrets, openSecrets } from "./credentials.ts";
import { DoorKeeper } from "./door-keeper.ts";
import { readOfficeMessage } from "./office-messages.ts";
import type { Prepared } from "./prepare.ts";
import { StartError } from "./start-error.ts";

const module = (path: string) => fileURLToPath(new URL(path, import.meta.url));
/** A million accounts are read, and copied before an upgrade: minutes on a slow machine. One that ends is noticed at once. */
const OFFICE_START_MS = 15 * 60_000;
const OFFICE_STOP_MS = 10_000;
const EXIT_STOP_MS = 15_000;
/** What takes longer than this to come up is shown as it stands. */
const SETTLE_MS = 15_000;

/**
 * The process that `lethe up` stays: starts office and exit, starts them again when they end, and ends them with itself.
 * It reads nothing but its children's messages and its own socket.
 */
export class Supervisor {
  readonly #prepared: Prepared;
  readonly #config: Config;
  readonly #demo: DemoStart | undefined;
  readonly #log: Log = logFor("supervisor");
  readonly #door: DoorKeeper;
  #office: ForkedChild | undefined;
  #exit: ForkedChild | undefined;
  #responders: CheckResponders | undefined;
  #url = "";
  #report: ExitReport = { type: "report", settled: false, services: [], warnings: [] };
  #certificate: CertificateState | undefined;
  #sitePair: ExitSitePair | undefined;
  #warnings: string[] = [];
  #heard: ((message: OfficeMessage | ExitReport) => void)[] = [];

  /** A demo's exit has what needs no root, and changes nothing of this machine. */
  constructor(prepared: Prepared, config: Config, demo?: DemoStart) {
    this.#demo = demo;
    this.#prepared = prepared;
    this.#config = config;
    this.#door = new DoorKeeper(config);
  }

  get url(): string {
    return this.#url;
  }

  /** Of the site; undefined where it has none, or has not said yet. */
  get certificate(): CertificateState | undefined {
    return this.#certificate;
  }

  get report(): ExitReport {
    return this.#report;
  }

  get warnings(): string[] {
    return [...this.#warnings, ...this.#report.warnings];
  }

  /** Starts both; resolves when the site serves and the exit has tried every service. Rejects with StartError. */
  async start(): Promise<void> {
    const { data } = this.#prepared;
    const address = await findPublicAddress(this.#config);
    this.#warnings = [
      ...address.warnings,
      ...notesOfPlace(this.#config),
      ...notesOfPorts(this.#config),
      ...notesOfCertificate(this.#config, address.host),
      ...openSecrets(this.#config),
    ];
    // As checked: an office that starts anew while the operator writes in the file must not meet half of a change.
    const settings = readFileSync(data.config, "utf8");
    const responders = new CheckResponders({
      settings: this.#config.check,
      user: this.#prepared.users.check,
      addresses: address.addresses,
      onSeen: (seen) => this.#office?.send(seen),
    });
    this.#responders = responders;
    responders.start();
    const officeStart = { ...this.#officeStart(settings, address), checkKey: responders.key };
    this.#office = new ForkedChild({
      module: module("../office/main.ts"),
      log: logFor("office"),
      onStart: (child) => {
        child.send(officeStart);
        this.#door.begin(child);
      },
      onMessage: (message) => this.#onOffice(readOfficeMessage(message)),
      // One that ends before it was ready would only do so again.
      onCrash: () => this.#onOffice({ type: "failed", sentence: "The office could not start; see above." }),
    });
    const answer = this.#next(
      (message) => message.type === "ready" || message.type === "failed",
      OFFICE_START_MS,
    );
    this.#office.start();
    const ready = await answer;
    if (ready?.type !== "ready") {
      await this.stop();
      throw new StartError(ready?.type === "failed" ? ready.sentence : "The office did not come up.");
    }
    this.#exit = new ForkedChild({
      module: module("../exit/bundle.ts"),
      args: ["exit"],
      log: logFor("exit"),
      onStart: (child) => {
        child.send(this.#exitStart(ready));
        if (this.#sitePair !== undefined) child.send(this.#sitePair);
      },
      onMessage: (message) => this.#onExit(message as ExitReport),
    });
    const settled = this.#next((message) => message.type === "report" && message.settled, SETTLE_MS);
    this.#exit.start();
    await settled;
  }

  /** A newcomer's first voucher, where there is neither account nor voucher yet. */
  async firstVoucher(): Promise<string | undefined> {
    const message = await this.#ask({ type: "first-voucher" }, "voucher");
    return message?.type === "voucher" ? message.code : undefined;
  }

  /** Ends everything: engines, sessions, our firewall table, devices and routes too. */
  async stop(): Promise<void> {
    this.#log("stopping");
    await Promise.all([
      this.#exit?.stop(EXIT_STOP_MS, { type: "stop" }),
      this.#office?.stop(OFFICE_STOP_MS),
      this.#responders?.stop(),
    ]);
  }

  /** Ends our processes and leaves the engines, so that the next start adopts them and no VPN session drops. */
  async leave(): Promise<void> {
    await Promise.all([
      this.#exit?.stop(EXIT_STOP_MS, { type: "restart" }),
      this.#office?.stop(OFFICE_STOP_MS, { type: "restart" }),
      this.#responders?.stop(),
    ]);
  }

  #officeStart(config: string, { host, addresses }: PublicAddress): Omit<OfficeStart, "checkKey"> {
    const { data, run, users } = this.#prepared;
    return {
      type: "start",
      config,
      secrets: officeSecrets(),
      ...filesForOffice(this.#config),
      ...(this.#demo !== undefined && { demo: this.#demo }),
      officeFolder: data.office,
      linkSocket: run.linkSocket,
      natsFolder: run.nats,
      controlSocket: data.controlSocket,
      user: users.office,
      host,
      addresses,
    };
  }

  #ask(
    question: OfficeQuestion,
    answer: OfficeMessage["type"],
  ): Promise<OfficeMessage | ExitReport | undefined> {
    const heard = this.#next((message) => message.type === answer, 10_000);
    this.#office?.send(question);
    return heard;
  }

  #exitStart({ sitePublicKey, authority }: OfficeReady): ExitStart {
    const { data, run, users } = this.#prepared;
    return {
      type: "start",
      folder: data.exit,
      run: exitRunFolders(run.root),
      link: { kind: "unix", path: run.linkSocket },
      server: this.#config.server.name,
      sitePublicKey,
      sealKey: ensureSecret(join(data.exit, "seal.key"), () => randomBytes(32)).toString("base64"),
      ...(authority !== undefined && { authority }),
      accounts: { keeper: users.keeper, proxy: users.proxy, vpn: users.vpn, stealth: users.stealth },
      ...(this.#demo === undefined
        ? { proxies: availableParallelism() }
        : { proxies: 1, withoutRoot: true as const }),
    };
  }

  #onOffice(message: OfficeMessage | undefined): void {
    if (message === undefined) {
      this.#log("internal-error", { part: "office", reason: "malformed" });
      return;
    }
    if (message.type === "ready") this.#url = message.url;
    if (message.type === "open" && this.#office) void this.#door.open(this.#office);
    if (message.type === "site-pair") {
      this.#sitePair = message;
      this.#exit?.send(message);
    }
    if (message.type === "certificate") this.#certificate = message.state;
    this.#tell(message);
  }

  #onExit(message: ExitReport): void {
    if (message.type !== "report") return;
    this.#report = message;
    this.#tell(message);
  }

  #tell(message: OfficeMessage | ExitReport): void {
    for (const hear of [...this.#heard]) hear(message);
  }

  /** The next message that fits; undefined when none came in time. */
  #next(
    fits: (message: OfficeMessage | ExitReport) => boolean,
    timeoutMs = 60_000,
  ): Promise<OfficeMessage | ExitReport | undefined> {
    const { promise, resolve } = Promise.withResolvers<OfficeMessage | ExitReport | undefined>();
    const timer = setTimeout(() => finish(undefined), timeoutMs);
    const hear = (message: OfficeMessage | ExitReport) => fits(message) && finish(message);
    const finish = (message: OfficeMessage | ExitReport | undefined) => {
      clearTimeout(timer);
      this.#heard = this.#heard.filter((other) => other !== hear);
      resolve(message);
    };
    this.#heard.push(hear);
    return promise;
  }
}
