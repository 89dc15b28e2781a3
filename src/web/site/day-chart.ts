import type { SlotTraffic } from "../../fleet/server-news.ts";
import { type Html, html } from "../html.ts";
import { type Say, sentence } from "../languages/language.ts";
import { percentText } from "./figures.ts";

/** Three five-minute slots a column: a quarter of an hour is as fine as the picture is wide, and keeps the page light. */
const SLOTS_A_COLUMN = 3;
const HEIGHT = 100;
/** Tops that the picture's scale may have, so that a quiet day is more than a line at the bottom. */
const TOPS_PERCENT = [10, 25, 50, 100];

export type Column = number | undefined;

/** The busiest slot of each quarter of an hour; undefined where none is known. */
export function columns(day: readonly SlotTraffic[], key: "inPercent" | "outPercent"): Column[] {
  const out: Column[] = [];
  for (let at = 0; at < day.length; at += SLOTS_A_COLUMN) {
    const known = day.slice(at, at + SLOTS_A_COLUMN).flatMap((slot) => slot[key] ?? []);
    out.push(known.length === 0 ? undefined : Math.max(...known));
  }
  return out;
}

/**
 * Steps as SVG path data; where nothing is known there is a gap. `closed`: each stretch down to the ground, to be filled.
 * SVG 2 section 9.3: M and H, V are absolute, h is relative.
 */
export function stepPath(values: readonly Column[], topPercent: number, closed: boolean): string {
  let path = "";
  let level: number | undefined;
  let run = 0;
  const flush = () => {
    if (run > 0) path += `h${run}`;
    run = 0;
  };
  values.forEach((value, index) => {
    const y =
      value === undefined
        ? undefined
        : Math.round(HEIGHT - (Math.min(value, topPercent) / topPercent) * HEIGHT);
    if (y !== level) {
      flush();
      if (y === undefined) path += closed ? `V${HEIGHT}` : "";
      else if (level === undefined) path += closed ? `M${index} ${HEIGHT}V${y}` : `M${index} ${y}`;
      else path += `V${y}`;
      level = y;
    }
    if (y !== undefined) run++;
  });
  flush();
  if (closed && level !== undefined) path += `V${HEIGHT}`;
  return path;
}

interface Chart {
  into: readonly Column[];
  outOf: readonly Column[];
  /** "Last 24 hours" */
  title: string;
  /** The picture in words, for who cannot see it: `{0}` and `{1}` are the highest in and out. */
  words: string;
  /** And where there is nothing to be seen. */
  nothing: string;
  /** From left to right. */
  axis: readonly string[];
}

/** Traffic in and out as a picture, with the same in words for who cannot see it. The texts are sentences to be said. */
export function chart(say: Say, { into, outOf, title, words, nothing, axis }: Chart): Html {
  const most = (values: readonly Column[]) => Math.max(0, ...values.flatMap((value) => value ?? []));
  const peak = Math.max(most(into), most(outOf));
  const top = TOPS_PERCENT.find((each) => peak <= each) ?? 100;
  const known = into.some((value) => value !== undefined);
  const label = known
    ? say.text(words, percentText(say, most(into)), percentText(say, most(outOf)))
    : say.text(nothing);
  return html`<figure class="day"><figcaption><span>${known ? say.text("{0}, up to {1}", say.text(title), percentText(say, peak)) : say.text("{0}: no figures yet", say.text(title))}</span> ${known && html`<span>${say`scale: 0 to ${top} %`}</span>`}</figcaption>
<svg viewBox="0 0 ${into.length} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${label}">
<path class="grid" d="M0 50H${into.length}" vector-effect="non-scaling-stroke"/>
<path class="in" d="${stepPath(into, top, true)}" vector-effect="non-scaling-stroke"/>
<path class="out" d="${stepPath(outOf, top, false)}" vector-effect="non-scaling-stroke"/>
</svg>
<div class="axis" aria-hidden="true">${axis.map((text) => html`<span>${say.text(text)}</span> `)}</div></figure>`;
}

export const dayChart = (say: Say, day: readonly SlotTraffic[]): Html =>
  chart(say, {
    into: columns(day, "inPercent"),
    outOf: columns(day, "outPercent"),
    title: sentence("Last 24 hours"),
    words: sentence("Traffic of the last 24 hours. Highest in: {0}, highest out: {1} of the bandwidth."),
    nothing: sentence("No traffic figures of the last 24 hours are known."),
    axis: [sentence("24 h ago"), sentence("12 h ago"), sentence("now")],
  });
