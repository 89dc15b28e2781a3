import { type Ip, parseIp } from "../../lib/ip.ts";
import type { EgressPolicy } from "../egress.ts";
import { LiveList, type Place } from "./live-list.ts";
import type { Connect } from "./open.ts";

/** What leads somewhere until that is blocked. */
export interface LiveWay {
  /** Ends, or stops, what this policy blocks. */
  follow(policy: EgressPolicy): void;
}

/**
 * The ways out that are open in a worker: what the operator blocks while it is in use ends at once, as it does in the tunnels
 * (firewall/rules.ts). Nothing else of new settings concerns what lives.
 */
export class LiveWays {
  readonly #ways = new LiveList<LiveWay>();
  /** The newest: whoever logged in before it has an older one of his own. */
  #policy: EgressPolicy | undefined;

  add(way: LiveWay): Place<LiveWay> {
    if (this.#policy !== undefined) way.follow(this.#policy);
    return this.#ways.add(way);
  }

  /** `policy`, as it was when a client came, without what has been blocked since. */
  without(policy: EgressPolicy): EgressPolicy {
    const blocked = (ip: Ip, port: number): boolean => this.#policy?.blocks(ip, port) === true;
    return { ...policy, opens: (ip, port) => policy.opens(ip, port) && !blocked(ip, port) };
  }

  delete(place: Place<LiveWay>): void {
    this.#ways.delete(place);
  }

  /** `connect`, with each connection known here until it is closed. */
  watching(connect: Connect): Connect {
    return (address, port) => {
      const socket = connect(address, port);
      const place = this.add({
        follow(policy) {
          const ip = parseIp(address);
          // An error and no end: whoever relays it breaks off, so that no half of a file looks like the whole.
          if (ip !== undefined && policy.blocks(ip, port))
            socket.destroy(new Error("blocked by the operator"));
        },
      });
      socket.once("close", () => this.delete(place));
      return socket;
    };
  }

  follow(policy: EgressPolicy): void {
    this.#policy = policy;
    for (const way of this.#ways.filter(() => true)) way.follow(policy);
  }
}
