import type { TestOpenvpn } from "../messages.ts";
import type { SelfTestLogin } from "./logins.ts";

/** The keeper's side of a test that the exit's root process runs: the question goes out, and the answer or the time ends it. */
export class OpenvpnTests {
  readonly #send: (message: TestOpenvpn) => void;
  readonly #waiting = new Map<number, (passed: boolean) => void>();
  #nextId = 1;

  constructor(send: (message: TestOpenvpn) => void) {
    this.#send = send;
  }

  /** Never rejects: no answer within `timeoutMs` is none that is good. */
  async run(engine: string, login: SelfTestLogin, timeoutMs: number): Promise<boolean> {
    const id = this.#nextId++;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#waiting.set(id, resolve);
    const timer = setTimeout(() => resolve(false), timeoutMs);
    this.#send({ type: "test-openvpn", id, engine, ...login });
    const passed = await promise;
    clearTimeout(timer);
    this.#waiting.delete(id);
    return passed;
  }

  answered(id: number, passed: boolean): void {
    this.#waiting.get(id)?.(passed);
  }
}
