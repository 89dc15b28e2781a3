import type { Clock } from "../../lib/clock.ts";
import { Timers } from "../../lib/timers.ts";
import { Backoff } from "../../lib/unix-socket.ts";
import type { Admission, KeeperAuthoriser, Session } from "../authorise.ts";
import { provedBy } from "./mschapv2.ts";
import { accountName, type Ikev2Question, type Ikev2Verdict } from "./radius-server.ts";
import { ViciClient } from "./vici-client.ts";
import { textOf, type ViciSection } from "./vici-message.ts";

/** From a right answer to the end of the login. */
const UP_WITHIN_MS = 30_000;
/** As with OpenVPN (openvpn/management.ts): how long a client of an earlier life waits for somebody who can say whether it may stay. */
const READMIT_FOR_MS = 90_000;
const READMIT_EVERY_MS = 250;
/** A client is told that it is over (DELETE); one that does not answer is dropped after so long. */
const GRACE_MS = 1000;
/**
 * An IPv4 and an IPv6 address are what a device needs. A client may ask for as many as it likes (RFC 7296 section 3.15.1) and strongSwan
 * gives them: one alone could have the whole pool, and every port that leads to it.
 */
const MOST_ADDRESSES = 2;

interface Client {
  /** strongSwan's number of its IKE SA; another after a rekeying. */
  id: number;
  /** Nothing while the question is being answered. */
  session: Session | undefined;
  up: boolean;
  cut: boolean;
}

export interface ViciSessionsOptions {
  /** strongSwan's control socket. */
  path: string;
  authoriser: Pick<KeeperAuthoriser, "challenge" | "readmit">;
  clock: Clock;
  graceMs?: number;
}

/**
 * The sessions of one strongSwan: decides logins for the RADIUS worker, hears over VICI which IKE SAs come and go, and ends
 * those whose credential is cut. Connects again whenever the socket is lost; after each connect it takes stock of the SAs
 * that are there already and asks for each whether it may stay. SAs go by strongSwan's own numbers, never by name. Of what
 * VICI says only number, name and how many addresses somebody has inside the tunnel are read: clients' addresses stand beside them.
 */
export class ViciSessions {
  readonly #options: ViciSessionsOptions;
  readonly #clients = new Map<number, Client>();
  readonly #timers = new Timers();
  readonly #backoff = new Backoff(50, 500);
  #vici: ViciClient | undefined;
  #closed = false;

  constructor(options: ViciSessionsOptions) {
    this.#options = options;
    void this.#connect();
  }

  /** Whether logins are being answered now. */
  get attached(): boolean {
    return this.#vici !== undefined;
  }

  /** Lets go: strongSwan and its clients live on. */
  close(): void {
    this.#closed = true;
    this.#vici?.close();
    this.#lost();
    this.#timers.close();
  }

  /** Never rejects. */
  async decide(question: Ikev2Question): Promise<Ikev2Verdict> {
    const vici = this.#vici;
    // A session that nobody could end does not begin.
    if (vici === undefined) return { admitted: false, reason: "unavailable" };
    const { username, address, ikeId } = question;
    const challenged = await this.#options.authoriser.challenge(
      { service: "ikev2", username, address },
      ({ ntHash }) => ntHash && provedBy(ntHash, question),
    );
    if (!challenged.admitted) return challenged;
    if (this.#vici !== vici) {
      challenged.session.close();
      return { admitted: false, reason: "unavailable" };
    }
    this.#clients.get(ikeId)?.session?.close();
    const client: Client = { id: ikeId, session: undefined, up: false, cut: false };
    this.#clients.set(ikeId, client);
    this.#keep(client, challenged.session);
    this.#timers.later(UP_WITHIN_MS, () => {
      if (!client.up && this.#isKnown(client)) this.#gone(client.id);
    });
    return { admitted: true, proof: challenged.proof };
  }

  async #connect(): Promise<void> {
    if (this.#closed) return;
    let vici: ViciClient | undefined;
    try {
      vici = await ViciClient.open(this.#options.path, (name, message) => this.#hear(name, message));
      if (this.#closed) return vici.close();
      for (const event of ["ike-updown", "ike-rekey", "child-updown", "list-sa"]) await vici.register(event);
      this.#vici = vici;
      vici.onClose(() => {
        this.#lost();
        this.#again();
      });
      this.#backoff.reset();
      await vici.request("list-sas", { noblock: "yes" });
    } catch {
      vici?.close();
      if (this.#vici === undefined || this.#vici !== vici) this.#again();
    }
  }

  #again(): void {
    this.#timers.later(this.#backoff.next(), () => void this.#connect());
  }

  /** Without the socket we hear of nobody's end: all are given back, and counted anew after the next connect. */
  #lost(): void {
    this.#vici = undefined;
    for (const { session } of this.#clients.values()) session?.close();
    this.#clients.clear();
  }

  #hear(name: string, message: ViciSection): void {
    for (const [, section] of message) {
      if (!(section instanceof Map)) continue;
      const id = numberOf(section);
      if (name === "ike-rekey") this.#rekeyed(section);
      else if (id === undefined) continue;
      // The tunnel's addresses are given after "ike-updown", and before this.
      else if (name === "child-updown") this.#limitAddresses(id, section);
      else if (name === "ike-updown" && textOf(message, "up") === undefined) this.#gone(id);
      else if (textOf(section, "state") === "ESTABLISHED") {
        this.#up(id, section);
        this.#limitAddresses(id, section);
      }
    }
  }

  #limitAddresses(id: number, section: ViciSection): void {
    const addresses = section.get("remote-vips");
    const client = this.#clients.get(id);
    if (client !== undefined && Array.isArray(addresses) && addresses.length > MOST_ADDRESSES)
      this.#cut(client);
  }

  #rekeyed(section: ViciSection): void {
    const [old, now] = ["old", "new"].map((which) => {
      const sa = section.get(which);
      return sa instanceof Map ? numberOf(sa) : undefined;
    });
    const client = old === undefined ? undefined : this.#clients.get(old);
    if (client === undefined || now === undefined) return;
    this.#clients.delete(old!);
    client.id = now;
    this.#clients.set(now, client);
    // It was being ended, and has a new number now.
    if (client.cut) this.#terminate(client, true);
  }

  #up(id: number, section: ViciSection): void {
    const known = this.#clients.get(id);
    if (known !== undefined) {
      known.up = true;
      return;
    }
    const client: Client = { id, session: undefined, up: true, cut: false };
    this.#clients.set(id, client);
    const identity = textOf(section, "remote-eap-id") ?? textOf(section, "remote-id") ?? "";
    void this.#readmit(client, accountName(identity), this.#options.clock.monotonic() + READMIT_FOR_MS);
  }

  async #readmit(client: Client, username: string, untilMs: number): Promise<void> {
    const { authoriser, clock } = this.#options;
    const admission: Admission = await authoriser.readmit({ service: "ikev2", username });
    // It may have gone, or have been lost with the socket meanwhile.
    if (!this.#isKnown(client) || client.cut) {
      if (admission.admitted) admission.session.close();
    } else if (admission.admitted) this.#keep(client, admission.session);
    else if (admission.reason === "unavailable" && clock.monotonic() < untilMs)
      this.#timers.later(READMIT_EVERY_MS, () => void this.#readmit(client, username, untilMs));
    else this.#cut(client);
  }

  #keep(client: Client, session: Session): void {
    client.session = session;
    session.onCut(() => this.#cut(client));
  }

  #cut(client: Client): void {
    if (client.cut) return;
    client.cut = true;
    client.session?.close();
    this.#terminate(client, false);
    this.#timers.later(this.#options.graceMs ?? GRACE_MS, () => this.#terminate(client, true));
  }

  /** `timeout` -1: strongSwan answers at once. Forced, it does not wait for the client's word either. */
  #terminate(client: Client, force: boolean): void {
    if (!this.#isKnown(client)) return;
    const message = { "ike-id": String(client.id), timeout: "-1", ...(force && { force: "yes" }) };
    // No such SA: it has gone by itself.
    this.#vici?.request("terminate", message).catch(() => {});
  }

  #gone(id: number): void {
    this.#clients.get(id)?.session?.close();
    this.#clients.delete(id);
  }

  #isKnown(client: Client): boolean {
    return this.#clients.get(client.id) === client;
  }
}

function numberOf(section: ViciSection): number | undefined {
  const text = textOf(section, "uniqueid");
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}
