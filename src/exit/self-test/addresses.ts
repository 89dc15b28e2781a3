import { readFileSync } from "node:fs";

/** Where to ask for a service that listens on `address`: loopback where it listens on every address. */
export function dialled(address: string): string {
  if (address === "0.0.0.0") return "127.0.0.1";
  return address === "::" ? "::1" : address;
}

/** Every address of IPv6 is none where the machine has none: nobody listens there, and nobody misses it. */
export const haveAddress = ({ address }: { address: string }): boolean => address !== "::" || hasIpv6();

function hasIpv6(): boolean {
  try {
    // One line an address, loopback among them; no file, or an empty one, without IPv6 (proc_net(5)).
    return readFileSync("/proc/net/if_inet6", "latin1") !== "";
  } catch {
    return false;
  }
}
