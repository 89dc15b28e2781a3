/** One thing that `lethe doctor` looked at. `note`: works, and the operator may want to know; `bad`: a part of the service cannot work. */
export interface Finding {
  check: string;
  state: "good" | "note" | "bad";
  found: string;
  /** What to do about it, in the operator's words; empty where all is well. */
  remedy: string;
}

export const good = (check: string, found: string): Finding => ({ check, state: "good", found, remedy: "" });

export const note = (check: string, found: string, remedy: string): Finding => ({
  check,
  state: "note",
  found,
  remedy,
});

export const bad = (check: string, found: string, remedy: string): Finding => ({
  check,
  state: "bad",
  found,
  remedy,
});
