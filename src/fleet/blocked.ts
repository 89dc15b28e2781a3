import { formatIp, parseRange } from "../lib/ip.ts";
import { type Blocked, mergedPorts, type PortRange, withoutPorts } from "../lib/port-range.ts";
import { fail, ok, type Result } from "../lib/result.ts";
import { BLOCKED_MOST } from "../link/settings.ts";

/** What is to be blocked on a server (`block`) or no longer (`unblock`): ports, or an address or range in CIDR notation. */
export type BlockChange = { verb: "block" | "unblock" } & ({ ports: PortRange } | { range: string });

/** `range-too-wide`: half of the Internet is no answer to a complaint. `not-blocked`: there is nothing to take back. */
export type BlockError =
  | "unknown-server"
  | "range-invalid"
  | "range-too-wide"
  | "blocked-full"
  | "ports-all"
  | "not-blocked";

/** A `/8` of IPv4 and a `/16` of IPv6 are the widest that one holder has. */
const WIDEST = { 4: 8, 16: 16 } as const;

export function changedBlocked(before: Blocked, change: BlockChange): Result<Blocked, BlockError> {
  return "ports" in change ? changedPorts(before, change) : changedRanges(before, change);
}

function changedPorts(
  before: Blocked,
  { verb, ports }: { verb: "block" | "unblock"; ports: PortRange },
): Result<Blocked, BlockError> {
  const known = mergedPorts(before.ports);
  const next = verb === "block" ? mergedPorts([...known, ports]) : withoutPorts(known, ports);
  if (verb === "unblock" && JSON.stringify(next) === JSON.stringify(known)) return fail("not-blocked");
  // Without names and web pages a server is of no use: that is `lethe server drain`.
  if (next.some(({ from, to }) => from === 1 && to === 65_535)) return fail("ports-all");
  return next.length > BLOCKED_MOST ? fail("blocked-full") : ok({ ...before, ports: next });
}

function changedRanges(
  before: Blocked,
  { verb, range }: { verb: "block" | "unblock"; range: string },
): Result<Blocked, BlockError> {
  const parsed = parseRange(range);
  if (parsed === undefined) return fail("range-invalid");
  const { base, bits } = parsed;
  if (bits < WIDEST[base.length as 4 | 16]) return fail("range-too-wide");
  const text = bits === base.length * 8 ? formatIp(base) : `${formatIp(base)}/${bits}`;
  const others = before.ranges.filter((each) => each !== text);
  if (verb === "unblock")
    return others.length === before.ranges.length ? fail("not-blocked") : ok({ ...before, ranges: others });
  return others.length >= BLOCKED_MOST ? fail("blocked-full") : ok({ ...before, ranges: [...others, text] });
}
