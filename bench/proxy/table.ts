import type { Turn } from "./measure.ts";

export interface Row {
  id: string;
  title: string;
  ours: boolean;
  turns: Turn[];
}

interface Column {
  id: string;
  title: string;
  higherIsBetter: boolean;
  digits: number;
  of(turn: Turn): number | undefined;
}

const gib = 2 ** 30;
const ifUsed = (cpu: number, work: number): number | undefined =>
  cpu > 0 && work > 0 ? cpu / work : undefined;

const columns: readonly Column[] = [
  {
    id: "gbPerSecondOne",
    title: "GB/s, 1 stream",
    higherIsBetter: true,
    digits: 2,
    of: ({ oneStream }) => oneStream.bytes / oneStream.seconds / 1e9,
  },
  {
    id: "gbPerSecondMany",
    title: "GB/s, 32 streams",
    higherIsBetter: true,
    digits: 2,
    of: ({ manyStreams }) => manyStreams.bytes / manyStreams.seconds / 1e9,
  },
  {
    id: "connectionsPerSecond",
    title: "new connections/s",
    higherIsBetter: true,
    digits: 0,
    of: ({ connections }) => connections.done / connections.seconds,
  },
  {
    id: "cpuSecondsPerGibOne",
    title: "CPU s/GiB, 1 stream",
    higherIsBetter: false,
    digits: 2,
    of: ({ oneStream }) => ifUsed(oneStream.proxyCpuSeconds, oneStream.bytes / gib),
  },
  {
    id: "cpuSecondsPerGibMany",
    title: "CPU s/GiB, 32 streams",
    higherIsBetter: false,
    digits: 2,
    of: ({ manyStreams }) => ifUsed(manyStreams.proxyCpuSeconds, manyStreams.bytes / gib),
  },
  {
    id: "cpuMsPerThousand",
    title: "CPU ms/1,000 connections",
    higherIsBetter: false,
    digits: 0,
    of: ({ connections }) => ifUsed(connections.proxyCpuSeconds * 1e6, connections.done),
  },
  {
    id: "kibPerTunnel",
    title: "KiB/idle tunnel",
    higherIsBetter: false,
    digits: 1,
    of: ({ idle }) => idle && idle.growthKiB / idle.tunnels,
  },
];

function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : mean(sorted[middle - 1], sorted[middle]);
}
const mean = (a?: number, b?: number): number | undefined =>
  a === undefined || b === undefined ? undefined : (a + b) / 2;

function medianOf(row: Row, column: Column): number | undefined {
  return median(row.turns.map((turn) => column.of(turn)).filter((value) => value !== undefined));
}

/** How many times better `value` is than `than`: above 1 is better, whichever way the column counts. */
function ratio(column: Column, value: number, than: number): number {
  return column.higherIsBetter ? value / than : than / value;
}

function format(column: Column, value: number): string {
  return value.toLocaleString("en-US", {
    minimumFractionDigits: column.digits,
    maximumFractionDigits: column.digits,
  });
}

/** A Markdown table; the first line is its head. */
export function markdown(lines: string[][]): string {
  const widths = lines[0]!.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)));
  const render = (line: string[]): string =>
    `| ${line.map((cell, index) => (index === 0 ? cell.padEnd(widths[index]!) : cell.padStart(widths[index]!))).join(" | ")} |`;
  const rule = `|${widths.map((width, index) => (index === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  return [render(lines[0]!), rule, ...lines.slice(1).map(render)].join("\n");
}

/** Medians of every column, each with its ratio to the best peer's (above 1 is better than every peer). */
export function figuresTable(rows: readonly Row[]): string {
  const peers = rows.filter((row) => !row.ours && row.id !== "direct");
  const lines = rows.map((row) => [
    row.title,
    ...columns.map((column) => {
      const value = medianOf(row, column);
      if (value === undefined) return "–";
      const ratios = peers
        .map((peer) => medianOf(peer, column))
        .filter((peer) => peer !== undefined)
        .map((peer) => ratio(column, value, peer));
      if (ratios.length === 0 || row.id === "direct") return format(column, value);
      return `${format(column, value)} (${Math.min(...ratios).toFixed(2)}×)`;
    }),
    row.turns.length === 0 || row.turns[0]?.idle === undefined
      ? "–"
      : `${row.turns[0].idle.processes} / ${row.turns[0].idle.threads}`,
  ]);
  const titles = ["", ...columns.map((column) => column.title), "processes / threads, 1,000 tunnels"];
  return markdown([titles, ...lines]);
}

/** What is needed: Dante's figure in every column, Squid's in GB/s. Nothing where neither ran. */
export function verdicts(rows: readonly Row[]): string | undefined {
  const needed = [
    { id: "dante", columns: columns },
    { id: "squid", columns: columns.filter((column) => column.id.startsWith("gbPerSecond")) },
  ];
  const lines: string[][] = [];
  for (const row of rows.filter((candidate) => candidate.ours)) {
    for (const need of needed) {
      const peer = rows.find((candidate) => candidate.id === need.id);
      if (peer === undefined) continue;
      lines.push([
        `${row.title} : ${peer.title}`,
        ...columns.map((column) => {
          const ourValue = medianOf(row, column);
          const peerValue = medianOf(peer, column);
          if (!need.columns.includes(column)) return "";
          if (ourValue === undefined || peerValue === undefined) return "–";
          const times = ratio(column, ourValue, peerValue);
          return `${times.toFixed(2)}× ${times < 1 ? "NO" : "yes"}`;
        }),
      ]);
    }
  }
  if (lines.length === 0) return undefined;
  return markdown([["needed", ...columns.map((column) => column.title)], ...lines]);
}

/** Every median by row and column, for the raw results. */
export function medians(rows: readonly Row[]): Record<string, Record<string, number>> {
  return Object.fromEntries(
    rows.map((row) => [
      row.id,
      Object.fromEntries(
        columns.flatMap((column) => {
          const value = medianOf(row, column);
          return value === undefined ? [] : [[column.id, Number(value.toPrecision(4))]];
        }),
      ),
    ]),
  );
}
