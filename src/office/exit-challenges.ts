import type { ChallengeAnswers } from "../certificates/order.ts";
import type { CertificateQuestion, Challenge } from "../link/public-certificate.ts";

/** An exit asks each second, and opens its port at once. */
const WITHIN_MS = 60_000;

/**
 * The challenges of one exit's order: the order goes on when the exit says that it answers on port 80, and ends where it cannot.
 * With `here` the office answers by itself.
 */
export class ExitChallenges implements ChallengeAnswers {
  readonly #here: ChallengeAnswers | undefined;
  readonly #waiting = new Map<string, { resolve: () => void; reject: (error: Error) => void }>();
  #open: Challenge[] = [];
  #problem: "challenge" | "port-taken" | undefined;

  constructor(here: ChallengeAnswers | undefined) {
    this.#here = here;
  }

  /** What the exit is to answer. */
  get open(): Challenge[] {
    return [...this.#open];
  }

  /** Why the exit does not answer. */
  get problem(): "challenge" | "port-taken" | undefined {
    return this.#problem;
  }

  async put(token: string, keyAuthorization: string): Promise<void> {
    if (this.#here !== undefined) return this.#here.put(token, keyAuthorization);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.set(token, { resolve, reject });
    this.#open.push({ token, keyAuthorization });
    const timer = setTimeout(() => this.give("challenge"), WITHIN_MS);
    await promise.finally(() => clearTimeout(timer));
  }

  remove(token: string): void {
    this.#here?.remove(token);
    this.#open = this.#open.filter((challenge) => challenge.token !== token);
  }

  heard({ answering, portTaken }: Pick<CertificateQuestion, "answering" | "portTaken">): void {
    if (portTaken === true && this.#waiting.size > 0) this.give("port-taken");
    for (const token of answering) {
      this.#waiting.get(token)?.resolve();
      this.#waiting.delete(token);
    }
  }

  /** The order is over. */
  give(problem: "challenge" | "port-taken"): void {
    if (this.#waiting.size > 0) this.#problem = problem;
    for (const { reject } of this.#waiting.values()) reject(new Error("the exit does not answer"));
    this.#waiting.clear();
  }
}
