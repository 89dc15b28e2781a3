import { DEVICE_INDEX_MOST } from "../../lib/device-addresses.ts";
import type { WireguardPeersMessage } from "../messages.ts";
import type { PeerIndices } from "./control.ts";
import type { PeersToSet } from "./members.ts";
import { packKeys, packRows, unpackKeys, unpackRows } from "./rows.ts";

/** Devices in one message: about a megabyte. */
const ROWS_AT_ONCE = 20_000;

/** What the keeper has to say, in messages of bounded size. */
export function wishMessages({ whole, remove, set }: PeersToSet): WireguardPeersMessage[] {
  const rows = [...set];
  const count = Math.max(1, Math.ceil(Math.max(rows.length, remove.length) / ROWS_AT_ONCE));
  return Array.from({ length: count }, (_, at) => {
    const part = <T>(list: readonly T[]): T[] => list.slice(at * ROWS_AT_ONCE, (at + 1) * ROWS_AT_ONCE);
    return {
      type: "wireguard-peers",
      whole,
      more: at < count - 1,
      set: packRows(part(rows)),
      remove: packKeys(part(remove)),
    };
  });
}

interface Wanting {
  want: (peers: PeerIndices) => void;
  update: (change: { remove: readonly string[]; set: PeerIndices }) => void;
}

/** The root process's side: takes the messages of a keeper that is not believed, and passes on what can be said in them. */
export class WireguardWishes {
  readonly #peers: Wanting;
  #whole = new Map<string, number>();

  constructor(peers: Wanting) {
    this.#peers = peers;
  }

  take({ whole, more, set: rows, remove: keys }: WireguardPeersMessage): void {
    const set = unpackRows(rows, DEVICE_INDEX_MOST);
    const remove = unpackKeys(keys);
    if (set === undefined || remove === undefined) return;
    if (!whole) {
      this.#peers.update({ remove, set });
      return;
    }
    for (const [key, index] of set) this.#whole.set(key, index);
    if (more) return;
    this.#peers.want(this.#whole);
    this.#whole = new Map();
  }
}
