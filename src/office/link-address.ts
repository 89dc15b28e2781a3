import { isIPv6 } from "node:net";
import { parseListen } from "./listen-address.ts";

/** lethe.toml's [link]. */
export interface LinkSettings {
  listen: string;
  hosts: string[];
  url: string[];
}

/**
 * What exits on other machines connect to: the operator's cluster where there is one, else every office's nats-server. `host`:
 * this office's.
 */
export function linkServers({ listen, hosts, url }: LinkSettings, host: string): string[] {
  if (url.length > 0) return url;
  const { port } = parseListen(listen)!;
  return (hosts.length > 0 ? hosts : [host]).map((each) => `${isIPv6(each) ? `[${each}]` : each}:${port}`);
}

/** What this office connects to: its own nats-server from this machine, or the operator's cluster. */
export function ownLinkServers({ listen, url }: LinkSettings): string[] {
  if (url.length > 0) return url;
  const { address, port } = parseListen(listen)!;
  const near: Record<string, string> = { "0.0.0.0": "127.0.0.1", "::": "[::1]" };
  return [`${near[address] ?? (isIPv6(address) ? `[${address}]` : address)}:${port}`];
}
