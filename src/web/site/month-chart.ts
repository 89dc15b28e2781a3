import type { Html } from "../html.ts";
import { type Say, sentence } from "../languages/language.ts";
import { type Column, chart } from "./day-chart.ts";

export interface Hour {
  /** UTC seconds / 3600. */
  hour: number;
  inPercent: number;
  outPercent: number;
}

const DAYS = 30;
/** A column is four hours: as fine as the picture is wide. */
const HOURS_A_COLUMN = 4;
const COLUMNS = (DAYS * 24) / HOURS_A_COLUMN;

/** The busiest hour of each four; undefined where none is known. */
export function hourColumns(
  hours: readonly Hour[],
  nowHour: number,
  key: "inPercent" | "outPercent",
): Column[] {
  const first = nowHour - DAYS * 24;
  const columns: Column[] = Array.from({ length: COLUMNS }, () => undefined);
  for (const each of hours) {
    const at = Math.floor((each.hour - first) / HOURS_A_COLUMN);
    if (at >= 0 && at < COLUMNS) columns[at] = Math.max(columns[at] ?? 0, each[key]);
  }
  return columns;
}

/** The last 30 days as a picture, with the same in words for who cannot see it. */
export const monthChart = (say: Say, hours: readonly Hour[], nowHour: number): Html =>
  chart(say, {
    into: hourColumns(hours, nowHour, "inPercent"),
    outOf: hourColumns(hours, nowHour, "outPercent"),
    title: sentence("Last 30 days, by the hour"),
    words: sentence("Traffic of the last 30 days. Highest in: {0}, highest out: {1} of the bandwidth."),
    nothing: sentence("No traffic figures of the last 30 days are known."),
    axis: [sentence("30 days ago"), sentence("15 days ago"), sentence("now")],
  });
