import { readFileSync } from "node:fs";

/** Milliseconds unless said otherwise. */
export interface Spread {
  count: number;
  p50: number;
  p99: number;
  max: number;
}

export function spread(values: readonly number[]): Spread {
  const sorted = Float64Array.from(values).sort();
  const at = (part: number) =>
    sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
  return { count: sorted.length, p50: rounded(at(0.5)), p99: rounded(at(0.99)), max: rounded(at(1)) };
}

/** Three digits are as many as a figure from a shared machine has. */
export const rounded = (value: number): number => Number(value.toPrecision(3));

/** The same in all processes of the machine (CLOCK_MONOTONIC), so that one's moment can be taken from another's. */
export const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** Processor time of one process so far, without its children. clock ticks: proc(5), 100 a second on Linux for x64 and arm64. */
export function cpuMs(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** `VmRSS` or `VmHWM` (the most it ever was) of a process, bytes: proc(5). */
export function memoryBytes(pid: number, field: "VmRSS" | "VmHWM"): number {
  const text = readFileSync(`/proc/${pid}/status`, "latin1");
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? Number.NaN) * 1024;
}

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
