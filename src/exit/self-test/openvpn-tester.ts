import { readFileSync } from "node:fs";
import { findProgram } from "../../lib/run-command.ts";
import { certificateName } from "../../link/certificate-name.ts";
import type { ServerSettings } from "../../link/settings.ts";
import { unprivileged } from "../launcher.ts";
import type { Account } from "../messages.ts";
import { type Door, doorsOf } from "../stealth/doors.ts";
import { obfs4Identity } from "../stealth/obfs4-identity.ts";
import { tunnelsOf } from "../tunnel-plan.ts";
import type { SelfTestLogin } from "./logins.ts";
import { openvpnClientConfiguration, openvpnWorks } from "./openvpn-client.ts";
import { type Carrier, obfs4Carrier, stunnelCarrier } from "./stealth-carriers.ts";

/** The keeper gives up after as long, and its question may have waited here. */
const TIMEOUT_MS = 8000;

/** Runs OpenVPN clients against this exit's own listeners, for the root process: one a listener at a time. */
export class OpenvpnTester {
  readonly #folder: string;
  readonly #account: Account;
  readonly #runFolder: string;
  readonly #running = new Set<string>();

  /** `folder`: where `ca.crt` is. `account`: who the client runs as. `runFolder`: on tmpfs, which that user may enter. */
  constructor(options: { folder: string; account: Account; runFolder: string }) {
    this.#folder = options.folder;
    this.#runFolder = options.runFolder;
    this.#account = options.account;
  }

  /** Whether a client gets in at the listener with that engine's id, of OpenVPN or of its stealth. Never rejects. */
  async test(settings: ServerSettings, engine: string, login: SelfTestLogin): Promise<boolean> {
    const { openvpn } = settings.services;
    const door = doorsOf(settings.services, true).find((one) => one.engine === engine);
    const tunnels = tunnelsOf(openvpn);
    const tunnel = door === undefined ? tunnels.find(({ id }) => id === engine) : tunnels[0];
    const program = findProgram("openvpn");
    const launcher = unprivileged(this.#account);
    // The keeper may have been taken over: it starts no heap of processes here.
    if (!openvpn || !tunnel || !program || !launcher || this.#running.has(engine)) return false;
    this.#running.add(engine);
    let carrier: Carrier | undefined;
    try {
      carrier = door && (await this.#carrier(door, launcher));
      if (door !== undefined && carrier === undefined) return false;
      const configuration = openvpnClientConfiguration({
        tunnel,
        login,
        ca: readFileSync(`${this.#folder}/ca.crt`, "utf8"),
        certificateName: settings.certificateName ?? certificateName(settings.server),
        tlsCrypt: openvpn.tlsCrypt,
        ...(carrier && { way: carrier.lines }),
      });
      return await openvpnWorks({ program, launcher, configuration, timeoutMs: TIMEOUT_MS });
    } catch {
      return false;
    } finally {
      carrier?.end();
      this.#running.delete(engine);
    }
  }

  async #carrier(door: Door, launcher: readonly string[]): Promise<Carrier | undefined> {
    const [stunnel, obfs4proxy, env] = ["stunnel4", "obfs4proxy", "env"].map((name) => findProgram(name));
    if (door.service === "stealth-tls")
      return stunnel === undefined ? undefined : stunnelCarrier(launcher, stunnel, door);
    if (obfs4proxy === undefined || env === undefined) return undefined;
    const { bridge } = obfs4Identity(this.#folder);
    const loginFile = `${this.#runFolder}/${door.engine}-test`;
    return obfs4Carrier(launcher, [env, obfs4proxy], door, bridge, loginFile);
  }
}
