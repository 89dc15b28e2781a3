/** The addresses of WireGuard devices inside the tunnel, the same on every exit. */

/** A device's number is 1 to this: 10.96.0.0/11 less its first address and the exits' own two at its end. */
export const DEVICE_INDEX_MOST = 2 ** 21 - 3;

/** The exit's own addresses inside WireGuard, which no device has. */
export const WIREGUARD_GATEWAY_4 = "10.127.255.254";
export const WIREGUARD_GATEWAY_6 = "fd6c:6574:6865:a000::ffff:fffe";

/** The addresses of the WireGuard device with this number: 10.96.0.0 + index, fd6c:6574:6865:a000:: + index. */
export function deviceAddresses(index: number): { v4: string; v6: string } {
  if (!Number.isInteger(index) || index < 1 || index > DEVICE_INDEX_MOST)
    throw new RangeError(`device index: 1 to ${DEVICE_INDEX_MOST}`);
  const high = index >>> 16;
  const low = index & 0xffff;
  return {
    v4: `10.${96 + high}.${low >>> 8}.${low & 0xff}`,
    v6: `fd6c:6574:6865:a000::${high === 0 ? "" : `${high.toString(16)}:`}${low.toString(16)}`,
  };
}
