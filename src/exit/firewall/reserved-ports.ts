import type { ServerSettings } from "../../link/settings.ts";
import type { Sysctls } from "../sysctls.ts";
import { FORWARDED_PORTS } from "./port-forwarding.ts";
import { servicePorts } from "./ports.ts";

const RESERVED = "net/ipv4/ip_local_reserved_ports";

/** `1194,52001-52003`, as the kernel writes them itself. */
export function rangesOf(ports: readonly number[]): string {
  const sorted = [...new Set(ports)].sort((a, b) => a - b);
  const starts = sorted.filter((port, at) => sorted[at - 1] !== port - 1);
  const ends = sorted.filter((port, at) => sorted[at + 1] !== port + 1);
  return starts.map((start, at) => (start === ends[at] ? `${start}` : `${start}-${ends[at]}`)).join(",");
}

/**
 * Port shadowing (see `sourcePorts`) from this machine itself: the proxies' connections, and the sockets that SOCKS5's UDP
 * ASSOCIATE gives to members, bear the exit's address and a port that the kernel draws. It is to draw none on which the exit
 * answers, leads on to another exit, or leads to a member (ip-sysctl.rst, ip_local_reserved_ports; for IPv6 as well). A
 * program that asks for one of them by its number gets it as before.
 */
export function reservePorts(
  sysctls: Sysctls,
  { services, hops, portForwarding }: Pick<ServerSettings, "services" | "hops" | "portForwarding">,
): void {
  const ours = rangesOf([
    ...servicePorts(services).map(({ port }) => port),
    ...(hops ?? []).flatMap(({ ports }) => ports.map(({ port }) => port)),
    ...(portForwarding === true ? FORWARDED_PORTS : []),
  ]);
  const earlier = sysctls.earlier(RESERVED);
  if (earlier !== undefined) sysctls.set(RESERVED, [earlier, ours].filter(Boolean).join(","));
}
