import { readFileSync } from "node:fs";
import { findProgram } from "../../lib/run-command.ts";
import { certificateName } from "../../link/certificate-name.ts";
import type { ServerSettings } from "../../link/settings.ts";
import { unprivileged } from "../launcher.ts";
import type { Account } from "../messages.ts";
import { tunnelsOf } from "../tunnel-plan.ts";
import type { SelfTestLogin } from "./logins.ts";
import { openvpnClientConfiguration, openvpnWorks } from "./openvpn-client.ts";

/** The keeper gives up after as long, and its question may have waited here. */
const TIMEOUT_MS = 8000;

/** Runs OpenVPN clients against this exit's own listeners, for the root process: one a listener at a time. */
export class OpenvpnTester {
  readonly #folder: string;
  readonly #account: Account;
  readonly #running = new Set<string>();

  /** `folder`: where `ca.crt` is. `account`: who the client runs as. */
  constructor(options: { folder: string; account: Account }) {
    this.#folder = options.folder;
    this.#account = options.account;
  }

  /** Whether a client gets in at the listener with that engine's id. Never rejects. */
  async test(settings: ServerSettings, engine: string, login: SelfTestLogin): Promise<boolean> {
    const { openvpn } = settings.services;
    const tunnel = tunnelsOf(openvpn).find(({ id }) => id === engine);
    const program = findProgram("openvpn");
    const launcher = unprivileged(this.#account);
    // The keeper may have been taken over: it starts no heap of processes here.
    if (!openvpn || !tunnel || !program || !launcher || this.#running.has(engine)) return false;
    this.#running.add(engine);
    try {
      const configuration = openvpnClientConfiguration({
        tunnel,
        login,
        ca: readFileSync(`${this.#folder}/ca.crt`, "utf8"),
        certificateName: settings.certificateName ?? certificateName(settings.server),
        tlsCrypt: openvpn.tlsCrypt,
      });
      return await openvpnWorks({ program, launcher, configuration, timeoutMs: TIMEOUT_MS });
    } catch {
      return false;
    } finally {
      this.#running.delete(engine);
    }
  }
}
