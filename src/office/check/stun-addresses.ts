import { isIP } from "node:net";
import { parseListen } from "../listen-address.ts";

/** What browsers ask by STUN: the public addresses, at the port of an address (`listens`) of the same family. */
export const stunAddresses = (listens: readonly string[], addresses: readonly string[]): string[] =>
  addresses.flatMap((address) => {
    const place = listens
      .map((text) => parseListen(text)!)
      .find((each) => isIP(each.address) === isIP(address));
    return place === undefined ? [] : [`${isIP(address) === 6 ? `[${address}]` : address}:${place.port}`];
  });
