import { Backoff } from "../../lib/unix-socket.ts";
import type { ExitCarrier } from "../../link/carrier.ts";
import { askForPublicCertificate } from "../../link/office-client.ts";
import type { ExitPublicCertificate, FromKeeper, KeeperAnswering } from "../messages.ts";

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 600_000;

/**
 * The keeper's part in the exit's public certificate: tells the office how it stands, whenever that changes and as often as the
 * office says, and hands on what the authority is to be answered and the certificate. Root checks both.
 */
export class PublicCertificateAsking {
  readonly #carrier: ExitCarrier;
  readonly #tell: (message: FromKeeper) => void;
  #standing: ExitPublicCertificate["standing"];
  #answering: Omit<KeeperAnswering, "type"> = { tokens: [] };
  #challenges = "[]";
  #backoff = new Backoff(FIRST_RETRY_MS, LONGEST_RETRY_MS);
  #timer: NodeJS.Timeout | undefined;
  #asking = false;
  /** Something has changed while an answer was awaited. */
  #again = false;

  constructor(options: { carrier: ExitCarrier; tell: (message: FromKeeper) => void }) {
    this.#carrier = options.carrier;
    this.#tell = options.tell;
  }

  /** From root: how it stands now; undefined where none is wanted. */
  stands(standing: ExitPublicCertificate["standing"]): void {
    this.#standing = standing;
    this.#backoff.reset();
    this.#askSoon();
  }

  /** From root: what is answered on port 80 now. */
  answers(answering: Omit<KeeperAnswering, "type">): void {
    this.#answering = answering;
    this.#askSoon();
  }

  close(): void {
    this.#standing = undefined;
    clearTimeout(this.#timer);
  }

  #askSoon(): void {
    this.#again = true;
    if (!this.#asking) this.#wait(0);
  }

  #wait(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#standing !== undefined) this.#timer = setTimeout(() => void this.#ask(), ms);
  }

  async #ask(): Promise<void> {
    const standing = this.#standing;
    if (standing === undefined) return;
    this.#asking = true;
    this.#again = false;
    const { tokens, portTaken } = this.#answering;
    let waitMs: number;
    try {
      const question = { ...standing, answering: tokens, ...(portTaken === true && { portTaken }) };
      const answer = await askForPublicCertificate(this.#carrier, question);
      this.#backoff.reset();
      waitMs = answer.againS * 1000;
      const challenges = JSON.stringify(answer.challenges);
      if (challenges !== this.#challenges) this.#tell({ type: "challenges", challenges: answer.challenges });
      this.#challenges = challenges;
      if (answer.certificate !== undefined)
        this.#tell({ type: "public-certificate", certificate: answer.certificate });
    } catch {
      // The office is away, or has changed its mind and not said so yet.
      waitMs = this.#backoff.next();
    }
    this.#asking = false;
    this.#wait(this.#again ? 0 : waitMs);
  }
}
