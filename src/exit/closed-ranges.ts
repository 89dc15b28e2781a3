import { formatIp, parseRange, type Range } from "../lib/ip.ts";
import { closedRanges4, closedRanges6 } from "./egress.ts";

/**
 * What the egress policy closes, with the openings of `egress.allow` cut out: for engines (nftables' sets, unbound) that
 * know closed ranges but no exceptions to them. As in the policy itself, an opening counts where it is as narrow as the
 * closed range or narrower: allowing 0.0.0.0/0 opens nothing that is closed.
 */
export function closedRanges(allow: readonly string[]): { v4: string[]; v6: string[] } {
  const openings = allow.flatMap((text) => parseRange(text) ?? []);
  const without = (closed: readonly string[]): string[] =>
    closed.flatMap((text) => {
      const range = parseRange(text)!;
      const untouched = !openings.some((opening) => contains(range, opening));
      return untouched ? [text] : remaining(range, openings).map(textOf);
    });
  return { v4: without(closedRanges4), v6: without(closedRanges6) };
}

/** Halves the range until each part is an opening (dropped) or holds none (kept). */
function remaining(range: Range, openings: readonly Range[]): Range[] {
  const inside = openings.filter((opening) => contains(range, opening));
  if (inside.length === 0) return [range];
  if (inside.some((opening) => opening.bits === range.bits)) return [];
  const upper = Uint8Array.from(range.base);
  upper[range.bits >> 3]! |= 0x80 >> (range.bits & 7);
  return [range.base, upper].flatMap((base) => remaining({ base, bits: range.bits + 1 }, inside));
}

function contains(outer: Range, inner: Range): boolean {
  if (outer.base.length !== inner.base.length || inner.bits < outer.bits) return false;
  return inner.base.every((byte, at) => {
    const bits = Math.min(Math.max(outer.bits - 8 * at, 0), 8);
    return ((byte ^ outer.base[at]!) & (0xff00 >> bits) & 0xff) === 0;
  });
}

const textOf = ({ base, bits }: Range): string => `${formatIp(base)}/${bits}`;
