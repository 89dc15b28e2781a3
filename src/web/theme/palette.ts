import { type Colour, contrast, formatColour, mix, parseColour } from "./colour.ts";

/** What an operator chooses for light pages, and again for dark ones; an empty text is the house's own. */
export interface Choice {
  /** Links and buttons. */
  accent: string;
  /** Behind everything. */
  paper: string;
  /** Panels, the top and the foot. */
  surface: string;
  /** Text. */
  ink: string;
}

export type Mode = "light" | "dark";

/** WCAG 2.2 AA: text (1.4.3), and the edges of what can be filled in (1.4.11). */
const TEXT = 4.5;
const EDGES = 3;

type Fixed = "good" | "warn" | "bad" | "warn-soft" | "bad-soft" | "in" | "out";
/** As in assets/site.css: a test holds the two against each other. */
export const HOUSE: Record<Mode, Choice & Record<Fixed, string>> = {
  light: {
    accent: "#0b5f59",
    paper: "#f6f8f7",
    surface: "#ffffff",
    ink: "#14211f",
    good: "#17663b",
    warn: "#7a4300",
    bad: "#9c1f1c",
    "warn-soft": "#fcf0de",
    "bad-soft": "#fbeae8",
    in: "#0c7f76",
    out: "#6157b4",
  },
  dark: {
    accent: "#7fd3c6",
    paper: "#0e1615",
    surface: "#15201e",
    ink: "#e5eeeb",
    good: "#86d6a4",
    warn: "#f1bd80",
    bad: "#ffb0a8",
    "warn-soft": "#2d2314",
    "bad-soft": "#361b19",
    in: "#57c4b7",
    out: "#aba4f4",
  },
};

const WHITE: Colour = [255, 255, 255];
const BLACK: Colour = [0, 0, 0];

/** A colour in which too little can be read: on what, and how far off. */
export interface Unreadable {
  key: keyof Choice;
  on: string;
  /** Rounded down, so that it never reads as enough. */
  ratio: number;
  least: number;
}

/** As little of `ink` in `behind` as still stands out from all of `from`. */
function faint(ink: Colour, behind: Colour, share: number, from: readonly Colour[], least: number): Colour {
  for (let more = share; more < 1; more += 0.05) {
    const found = mix(ink, behind, more);
    if (from.every((each) => contrast(found, each) >= least)) return found;
  }
  return ink;
}

/** The colours of one mode: those chosen, and all that are made of them; `wrong` where something could not be read. */
export function palette(
  mode: Mode,
  chosen: Choice,
): { colours: Record<string, Colour>; wrong: Unreadable[] } {
  const house = HOUSE[mode];
  const of = (key: keyof Choice): Colour => parseColour(chosen[key] === "" ? house[key] : chosen[key])!;
  const [accent, paper, surface, ink] = [of("accent"), of("paper"), of("surface"), of("ink")];
  const sunken = mix(ink, surface, 0.06);
  const soft = mix(accent, surface, 0.12);
  const accentStrong = mode === "light" ? mix(accent, BLACK, 0.78) : mix(accent, WHITE, 0.7);
  const onAccent = contrast(accent, WHITE) >= contrast(accent, BLACK) ? WHITE : mix(accent, BLACK, 0.12);
  const grounds = { paper, surface, "the shade of panels": sunken, "the shade of notices": soft };
  const all = Object.values(grounds);
  const states = { good: house.good, warn: house.warn, bad: house.bad };

  const wrong: Unreadable[] = [];
  const hold = (key: keyof Choice, colour: Colour, on: string, ground: Colour, least: number) => {
    const ratio = contrast(colour, ground);
    if (ratio < least) wrong.push({ key, on, ratio: Math.floor(ratio * 100) / 100, least });
  };
  for (const [on, ground] of Object.entries(grounds)) {
    hold("ink", ink, on, ground, TEXT);
    hold("accent", accent, on, ground, TEXT);
  }
  for (const name of ["warn-soft", "bad-soft"] as const)
    hold("ink", ink, "the shade of warnings", parseColour(house[name])!, TEXT);
  hold("accent", onAccent, "the text of a button", accent, TEXT);
  for (const [name, text] of Object.entries(states)) {
    hold("paper", parseColour(text)!, `the colour "${name}"`, paper, TEXT);
    hold("surface", parseColour(text)!, `the colour "${name}"`, surface, TEXT);
  }
  for (const name of ["in", "out"] as const)
    hold("surface", parseColour(house[name])!, `the curve "${name}"`, sunken, EDGES);

  const colours = {
    paper,
    surface,
    sunken,
    ink,
    muted: faint(ink, surface, 0.7, all, TEXT),
    line: mix(ink, surface, 0.16),
    "field-line": faint(ink, surface, 0.45, [paper, surface], EDGES),
    accent,
    "accent-strong": accentStrong,
    "on-accent": onAccent,
    soft,
  };
  return { colours, wrong };
}

/** The rules that put such colours in place of the house's. */
export function themeStylesheet(chosen: Record<Mode, Choice>): string {
  const block = (mode: Mode): string => {
    const lines = Object.entries(palette(mode, chosen[mode]).colours);
    return `:root{${lines.map(([name, colour]) => `--${name}:${formatColour(colour)}`).join(";")}}`;
  };
  const differs = (mode: Mode) => Object.values(chosen[mode]).some((text) => text !== "");
  const light = differs("light")
    ? `@media not all and (prefers-color-scheme: dark){${block("light")}}\n`
    : "";
  return `${light}${differs("dark") ? `@media (prefers-color-scheme: dark){${block("dark")}}\n` : ""}`;
}
