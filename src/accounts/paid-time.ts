import type { PaidTime, Span } from "../policy/expiry.ts";
import type { AccountRow } from "../store/tables.ts";

/*
 * `accounts.taken_back` in a form that a member can read in an export: the shift in minutes, then the spans that have not passed, each an
 * interval of ISO 8601 (UTC, whole minutes): `28800 minutes, 2030-06-11T12:34Z/2030-07-01T12:34Z`. Null where nothing was taken back.
 */
const TEXT = /^(\d{1,9}) minutes((?:, \S{17}\/\S{17})*)$/;

/** Throws where the column is not as we wrote it: a damaged database, which nobody should go on with. */
export function paidTimeOf({
  paid_until,
  taken_back,
}: Pick<AccountRow, "paid_until" | "taken_back">): PaidTime {
  const untilS = paid_until ?? undefined;
  if (taken_back === null) return { untilS, shiftS: 0, taken: [] };
  const [, minutes, spans] = TEXT.exec(taken_back) ?? [];
  if (minutes === undefined || spans === undefined) throw new Error("accounts.taken_back: not readable");
  return { untilS, shiftS: Number(minutes) * 60, taken: spans.split(", ").slice(1).map(spanOf) };
}

export function takenBackText({ shiftS, taken }: PaidTime): string | null {
  if (shiftS === 0) return null;
  const spans = taken.map(({ fromS, untilS }) => `, ${timeText(fromS)}/${timeText(untilS)}`);
  return `${shiftS / 60} minutes${spans.join("")}`;
}

const timeText = (seconds: number): string => `${new Date(seconds * 1000).toISOString().slice(0, 16)}Z`;

function spanOf(text: string): Span {
  const [fromS, untilS] = text.split("/").map((time) => Date.parse(time) / 1000);
  if (!(fromS! < untilS!)) throw new Error("accounts.taken_back: not readable");
  return { fromS: fromS!, untilS: untilS! };
}
