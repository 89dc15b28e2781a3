import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../lib/clock.ts";
import { type Log, reasonOf } from "../lib/event-log.ts";
import { certificateRequest, installCertificate } from "./certificate.ts";

/** How often it is looked at whether another certificate is due. */
export const CERTIFICATE_LOOK_MS = 12 * 3_600_000;

/**
 * The exit's own certificate (OpenVPN, IKEv2, stealth), of the provider's authority: asked for when there is none of this name,
 * and anew with a third of its time left, at every look until it comes. Members' profiles hold the authority and the name,
 * which stay.
 */
export class OwnCertificate {
  readonly #folder: string;
  readonly #authority: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #ask: (request: string) => void;
  readonly #onUntil: (until: number) => void;
  #name: string | undefined;

  constructor(options: {
    /** With `tls.key`, `tls.crt` and `ca.crt`. */
    folder: string;
    /** PEM. */
    authority: string;
    clock: Clock;
    log: Log;
    /** Has the office sign this request (PKCS #10, PEM); the answer comes to `take`. */
    ask: (request: string) => void;
    /** Until when the one that is there is good, UTC seconds. */
    onUntil: (until: number) => void;
  }) {
    this.#folder = options.folder;
    this.#authority = options.authority;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#ask = options.ask;
    this.#onUntil = options.onUntil;
  }

  /** The name that it must bear from now on. */
  look(name: string | undefined = this.#name): void {
    this.#name = name;
    if (name === undefined) return;
    try {
      const request = certificateRequest(this.#folder, name, this.#authority, this.#clock.now());
      if (request !== undefined) this.#ask(request);
    } catch (error) {
      this.#log("certificate-refused", { reason: reasonOf(error) });
    }
    this.#tell();
  }

  /** What the office signed; false where it is not for our key, or not the authority's. */
  take(certificate: string): boolean {
    try {
      installCertificate(this.#folder, certificate, this.#authority);
      this.#log("certificate-installed");
    } catch {
      this.#log("certificate-refused", { reason: "foreign" });
      return false;
    }
    this.#tell();
    return true;
  }

  #tell(): void {
    const path = join(this.#folder, "tls.crt");
    if (!existsSync(path)) return;
    this.#onUntil(Math.floor(Date.parse(new X509Certificate(readFileSync(path)).validTo) / 1000));
  }
}
