import { isIPv4 } from "node:net";

/** A range of addresses as its first and last address, both inside. */
interface Span {
  bits: 32 | 128;
  first: bigint;
  last: bigint;
}

/**
 * `ranges` without the addresses of `holes`, as ranges in the same writing (`10.0.0.0/8`, `fc00::/7`). Both may hold IPv4
 * and IPv6; an address alone is a range of one. For engines that know closed ranges but no exceptions to them.
 */
export function subtractRanges(ranges: readonly string[], holes: readonly string[]): string[] {
  const cut = holes.map(spanOf);
  return ranges.flatMap((range) => {
    const whole = spanOf(range);
    const touching = cut.filter(
      (hole) => hole.bits === whole.bits && hole.first <= whole.last && whole.first <= hole.last,
    );
    return touching.length === 0 ? [range] : without(whole, touching).map(textOf);
  });
}

/** Halves the span until each part lies wholly inside a hole (dropped) or wholly outside of all (kept). */
function without(span: Span, holes: readonly Span[]): Span[] {
  const touching = holes.filter((hole) => hole.first <= span.last && span.first <= hole.last);
  if (touching.length === 0) return [span];
  if (touching.some((hole) => hole.first <= span.first && span.last <= hole.last)) return [];
  const middle = (span.first + span.last) / 2n;
  return [
    ...without({ ...span, last: middle }, touching),
    ...without({ ...span, first: middle + 1n }, touching),
  ];
}

function spanOf(range: string): Span {
  const [base = "", prefix] = range.split("/");
  const bits = isIPv4(base) ? 32 : 128;
  const free = BigInt(bits - (prefix === undefined ? bits : Number(prefix)));
  const first = (numberOf(base) >> free) << free;
  return { bits, first, last: first + (1n << free) - 1n };
}

function numberOf(address: string): bigint {
  if (isIPv4(address)) return address.split(".").reduce((held, part) => held * 256n + BigInt(part), 0n);
  // The URL parser writes every IPv6 address in one form, with the IPv4 tail in hexadecimal.
  const plain = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [head = "", tail] = plain.split("::");
  const words = (text: string): string[] => (text === "" ? [] : text.split(":"));
  const [before, after] = [words(head), words(tail ?? "")];
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array<string>(zeros).fill("0"), ...after].reduce(
    (held, word) => held * 65_536n + BigInt(`0x${word}`),
    0n,
  );
}

function textOf({ bits, first, last }: Span): string {
  const prefix = bits - ((last - first + 1n).toString(2).length - 1);
  return `${addressOf(bits, first)}/${prefix}`;
}

function addressOf(bits: 32 | 128, value: bigint): string {
  const width = bits === 32 ? 8n : 16n;
  const parts = Array.from({ length: bits / Number(width) }, (_, index) => {
    const part = (value >> (BigInt(bits) - width * BigInt(index + 1))) & ((1n << width) - 1n);
    return part.toString(bits === 32 ? 10 : 16);
  });
  return bits === 32 ? parts.join(".") : new URL(`http://[${parts.join(":")}]/`).hostname.slice(1, -1);
}
