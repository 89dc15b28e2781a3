import { credentialKey, credentialUsername } from "./credentials.ts";
import type { TableShape } from "./packed-table.ts";

/**
 * A server's WireGuard peers, a section that this server alone is sent. One row, 48 bytes:
 *
 *   0   key    32 bytes: the device's WireGuard public key
 *   32  index  uint32, big-endian: the device's place in the tunnels' networks (exit/tunnel-plan.ts)
 *   36  until  uint32, big-endian: UTC minutes since 1970
 *   40  owner  8 bytes: the key of the VPN username whose device it is (credentials.ts)
 */
export const PEERS: TableShape = { keyBytes: 32, rowBytes: 48 };

export interface Peer {
  /** 32 bytes (Curve25519). */
  publicKey: Uint8Array;
  /** 1 to 2^21 - 2; the same on every exit. */
  index: number;
  /** UTC minutes since 1970. */
  until: number;
  /** The VPN username, in lower case. */
  owner: string;
}

const MAX_INDEX = 2 ** 21 - 2;

/** Throws RangeError where the key's length, the index, the minutes or the username cannot stand in a row. */
export function packPeer({ publicKey, index, until, owner }: Peer): Uint8Array {
  if (publicKey.length !== PEERS.keyBytes) throw new RangeError("peer: public key");
  if (!Number.isInteger(index) || index < 1 || index > MAX_INDEX) throw new RangeError("peer: index");
  const minutes = Math.min(until, 0xffff_ffff);
  if (!Number.isInteger(minutes) || minutes < 0) throw new RangeError("peer: until");
  const key = credentialKey(owner);
  if (key === undefined) throw new RangeError("peer: owner");
  const row = new Uint8Array(PEERS.rowBytes);
  row.set(publicKey);
  const view = new DataView(row.buffer);
  view.setUint32(32, index);
  view.setUint32(36, minutes);
  row.set(key, 40);
  return row;
}

export function unpackPeer(row: Uint8Array): Peer {
  const view = new DataView(row.buffer, row.byteOffset);
  return {
    // Not slice: a Buffer's is a view.
    publicKey: new Uint8Array(row.subarray(0, 32)),
    index: view.getUint32(32),
    until: view.getUint32(36),
    owner: credentialUsername(row.subarray(40, 48)),
  };
}
