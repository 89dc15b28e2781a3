import type { Fleet } from "../fleet/fleet.ts";
import type { OfficeCarrier } from "../link/carrier.ts";
import type { RosterPublisher } from "../link/publisher.ts";
import type { LinkUser, NatsServer } from "./nats-server.ts";

type Carrier = OfficeCarrier & { lead(active: boolean): void };
type Server = Pick<NatsServer, "setUsers" | "stop" | "release">;

/**
 * The link to servers on other machines: there from the first server that was added to the last that was removed. Of several
 * offices one leads. With a nats-server of our own it runs where the office leads, and exits find it by trying all offices;
 * the operator's cluster runs by itself, and whoever does not lead is silent there.
 */
export class RemoteLink {
  readonly #fleet: Pick<Fleet, "current" | "remote">;
  readonly #publisher: Pick<RosterPublisher, "addCarrier" | "removeCarrier">;
  readonly #server: Server | undefined;
  readonly #newCarrier: () => Carrier;
  #carrier: Carrier | undefined;
  /** Also at the start: an earlier life of ours may have left a nats-server running. */
  #serving = true;
  #leads = false;
  #closed = false;
  #last: Promise<void> = Promise.resolve();

  /** `server`: our own nats-server; undefined with the operator's. */
  constructor(options: {
    fleet: Pick<Fleet, "current" | "remote">;
    publisher: Pick<RosterPublisher, "addCarrier" | "removeCarrier">;
    server: Server | undefined;
    newCarrier: () => Carrier;
  }) {
    this.#fleet = options.fleet;
    this.#publisher = options.publisher;
    this.#server = options.server;
    this.#newCarrier = options.newCarrier;
  }

  /** Whether this office is the one that serves the remote exits. Not before it is told so. */
  lead(active: boolean): Promise<void> {
    this.#leads = active;
    // At once: another one may be about to begin.
    this.#carrier?.lead(active);
    return this.update();
  }

  /** To be called after every change of the fleet. Rejects where nats-server's files cannot be written. */
  update(): Promise<void> {
    const step = this.#last.then(() => this.#step());
    this.#last = step.catch(() => undefined);
    return step;
  }

  /** `leave`: nats-server goes on, for the next start. */
  async close(leave: boolean): Promise<void> {
    this.#closed = true;
    await this.#last;
    if (this.#carrier !== undefined) await this.#publisher.removeCarrier(this.#carrier);
    if (leave) this.#server?.release();
    else await this.#server?.stop();
  }

  async #step(): Promise<void> {
    if (this.#closed) return;
    const anybody = this.#fleet.current.some(({ local }) => !local);
    const wanted = anybody && (this.#leads || this.#server === undefined);
    if (wanted) {
      await this.#server?.setUsers(linkUsers(this.#fleet));
      this.#serving = true;
      if (this.#carrier !== undefined) return;
      this.#carrier = this.#newCarrier();
      this.#carrier.lead(this.#leads);
      await this.#publisher.addCarrier(this.#carrier);
      return;
    }
    const carrier = this.#carrier;
    this.#carrier = undefined;
    if (carrier !== undefined) await this.#publisher.removeCarrier(carrier);
    if (this.#serving) await this.#server?.stop();
    this.#serving = false;
  }
}

export const linkUsers = ({ remote }: Pick<Fleet, "remote">): LinkUser[] =>
  remote.map(({ linkName, nkey }) => ({ server: linkName, nkey: nkey! }));
