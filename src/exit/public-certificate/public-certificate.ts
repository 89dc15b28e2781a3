import type { GoodPair, Pair } from "../../certificates/pair.ts";
import { type Log, reasonOf } from "../../lib/event-log.ts";
import type { Challenge } from "../../link/public-certificate.ts";
import type { ServerSettings } from "../../link/settings.ts";
import type { ExitPublicCertificate } from "../messages.ts";
import { installPublicCertificate } from "./pair.ts";
import { ShownCertificate, type WholeStanding } from "./shown.ts";

/** One of a few days is renewed in time so, and one that is over is shown no longer than that. */
const PUBLIC_LOOK_MS = 3_600_000;

export interface PublicCertificateOptions {
  /** The exit's own (pair.ts). */
  folder: string;
  /** Whether port 80 of this machine is the exit's to answer on. */
  answers: boolean;
  log: Log;
  /** From now on these and no others. */
  answer: (challenges: Challenge[]) => void;
  /** The office hears of it through the keeper. */
  tellKeeper: (message: ExitPublicCertificate) => void;
  /** `pair` may be another. */
  onPair: () => void;
  /** IKEv2 is to be told. */
  passAgain: (settings: ServerSettings) => void;
}

/** The exit's public certificate: what its proxies and IKEv2 show, and what the office hears of it. */
export class PublicCertificate {
  readonly #options: PublicCertificateOptions;
  readonly #shown: ShownCertificate;
  #settings: ServerSettings | undefined;
  /** What was said of the operator's files last. */
  #files: WholeStanding["files"];
  #pair: Pair | undefined;
  #renewal: NodeJS.Timeout | undefined;

  constructor(options: PublicCertificateOptions) {
    this.#options = options;
    this.#shown = new ShownCertificate(options.folder, () => this.#takeFiles());
  }

  start(): void {
    this.#renewal = setInterval(() => this.#look(), PUBLIC_LOOK_MS);
    this.#shown.start();
  }

  close(): void {
    clearInterval(this.#renewal);
    this.#shown.close();
  }

  /** What the proxies show over TLS, as it was found last: its files are not read with every message. */
  get pair(): Pair | undefined {
    return this.#pair;
  }

  ofIkev2(settings: Pick<ServerSettings, "publicName">): GoodPair | undefined {
    return this.#shown.findOwn(settings, Date.now());
  }

  update(settings: ServerSettings): void {
    this.#settings = settings;
    this.refresh();
  }

  /** Shows the public certificate, whose name the settings say, and has the keeper tell the office how it stands with it. */
  refresh(): void {
    const name = this.#settings?.publicName;
    this.#pair = this.#settings && this.#shown.find(this.#settings, Date.now());
    this.#options.onPair();
    if (name === undefined) this.#options.answer([]);
    try {
      const standing = name === undefined ? {} : { standing: this.#shown.standing(name, Date.now()) };
      this.#sayFiles(standing.standing?.files);
      this.#options.tellKeeper({ type: "public-certificate", ...standing });
    } catch (error) {
      this.#options.log("certificate-unwritable", { reason: reasonOf(error) });
    }
  }

  /** Whatever became of the certificate with time: IKEv2, which a pass tells, shows what the proxies show. */
  #look(): void {
    const before = this.#pair?.certificate;
    this.refresh();
    if (this.#pair?.certificate !== before) this.#passAgain();
  }

  /** The operator's files are others: the proxies, IKEv2 and the office hear of it. */
  #takeFiles(): void {
    if (this.#settings === undefined) return;
    this.#files = undefined;
    this.refresh();
    this.#passAgain();
  }

  /** Once for each time that they change. */
  #sayFiles(files: WholeStanding["files"]): void {
    if (files === this.#files) return;
    this.#files = files;
    if (files === "used") this.#options.log("certificate-installed", { part: "certificates" });
    else if (files !== undefined)
      this.#options.log("certificate-refused", { part: "certificates", reason: files });
  }

  #passAgain(): void {
    if (this.#settings !== undefined) this.#options.passAgain(this.#settings);
  }

  /** What the office brought of the authority: shown where it is for our key and name. */
  install(certificate: string): void {
    const name = this.#settings?.publicName;
    if (name === undefined) return;
    try {
      installPublicCertificate(this.#options.folder, name, certificate, Date.now());
      this.#options.log("certificate-installed", { part: "certificates" });
    } catch {
      this.#options.log("certificate-refused", { part: "certificates", reason: "foreign" });
      return;
    }
    this.refresh();
    this.#passAgain();
  }

  /** The supervisor's: the certificate of the site on this machine. */
  takeSitePair(pair: Pair): void {
    this.#shown.takeSites(pair);
    this.refresh();
  }

  /** For an order that runs. */
  answerChallenges(challenges: Challenge[]): void {
    if (this.#settings?.publicName !== undefined && this.#options.answers) this.#options.answer(challenges);
  }
}
