/** Ports from one to another, both included. */
export interface PortRange {
  from: number;
  to: number;
}

/** What members do not reach through one server: ports on any address, and addresses or ranges (CIDR) on any port. */
export interface Blocked {
  ports: readonly PortRange[];
  ranges: readonly string[];
}

export const NOTHING_BLOCKED: Blocked = { ports: [], ranges: [] };

/** `6881` or `6881-6889`; undefined for anything else. */
export function parsePortRange(text: string): PortRange | undefined {
  const [, from, to = from] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const range = { from: Number(from), to: Number(to) };
  return range.from >= 1 && range.from <= range.to && range.to <= 65_535 ? range : undefined;
}

/** `6881`, `6881-6889`. */
export const formatPortRange = ({ from, to }: PortRange): string =>
  from === to ? `${from}` : `${from}-${to}`;

/** In order, those that meet or touch as one. */
export function mergedPorts(ranges: readonly PortRange[]): PortRange[] {
  const merged: PortRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last !== undefined && range.from <= last.to + 1) last.to = Math.max(last.to, range.to);
    else merged.push({ ...range });
  }
  return merged;
}

/** The ports of `ranges` without those of `out`. */
export function withoutPorts(ranges: readonly PortRange[], out: PortRange): PortRange[] {
  return mergedPorts(ranges).flatMap(({ from, to }) =>
    [
      { from, to: Math.min(to, out.from - 1) },
      { from: Math.max(from, out.to + 1), to },
    ].filter((part) => part.from <= part.to),
  );
}
