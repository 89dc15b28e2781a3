/** RFC 8555 section 8.3: where an authority looks for the answer to an HTTP-01 challenge. */
const FOLDER = "/.well-known/acme-challenge/";

/** The answers to challenges that are open now: the one thing that the orders put in and port 80 gives out. */
export class Challenges {
  readonly #answers = new Map<string, string>();

  put(token: string, keyAuthorization: string): void {
    this.#answers.set(token, keyAuthorization);
  }

  remove(token: string): void {
    this.#answers.delete(token);
  }

  /** The key authorization for this path; undefined where it asks for something else or for an unknown challenge. */
  answer(path: string): string | undefined {
    return path.startsWith(FOLDER) ? this.#answers.get(path.slice(FOLDER.length)) : undefined;
  }
}

export const isChallenge = (path: string): boolean => path.startsWith(FOLDER);
