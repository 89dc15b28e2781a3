import { readFileSync, statSync } from "node:fs";
import { pathProblem } from "../lib/path-problem.ts";
import { type Choice, type Mode, palette } from "../web/theme/palette.ts";
import type { ThemeOptions } from "../web/theme/theme.ts";
import { OfficeStartError } from "./start-errors.ts";

/** lethe.toml's [theme], and the file of the logo. */

export interface ThemeSettings {
  logo: string;
  accent: string;
  paper: string;
  surface: string;
  ink: string;
  accent_dark: string;
  paper_dark: string;
  surface_dark: string;
  ink_dark: string;
}

/** Each page loads it, and has 100 KB for all. */
const LOGO_BYTES_MOST = 20_000;
const PNG = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");

const choices = (theme: ThemeSettings): Record<Mode, Choice> => ({
  light: { accent: theme.accent, paper: theme.paper, surface: theme.surface, ink: theme.ink },
  dark: {
    accent: theme.accent_dark,
    paper: theme.paper_dark,
    surface: theme.surface_dark,
    ink: theme.ink_dark,
  },
});

/** What could not be read on the pages in these colours: for each key the worst. */
export function themeProblems({ theme }: { theme: ThemeSettings }): {
  section: "theme";
  key: string;
  what: string;
}[] {
  const chosen = choices(theme);
  return (["light", "dark"] as const).flatMap((mode) => {
    const { wrong } = palette(mode, chosen[mode]);
    const keys = [...new Set(wrong.map(({ key }) => key))];
    return keys.map((each) => {
      const worst = wrong.filter(({ key }) => key === each).toSorted((a, b) => a.ratio - b.ratio)[0]!;
      const key = mode === "dark" ? `${each}_dark` : each;
      const ratio = `${worst.ratio.toFixed(2)}:1 against ${worst.on}`;
      return {
        section: "theme",
        key,
        what: `theme.${key}: too little contrast in ${mode} mode, ${ratio}; people need ${worst.least}:1 to read it`,
      };
    });
  });
}

/** What the site looks like. Throws OfficeStartError where the logo is no picture that a page can show. */
export function themeOptions(theme: ThemeSettings): ThemeOptions {
  return { colours: choices(theme), ...(theme.logo !== "" && { logo: readLogo(theme.logo) }) };
}

function readLogo(path: string): NonNullable<ThemeOptions["logo"]> {
  let content: Buffer<ArrayBuffer>;
  try {
    if (statSync(path).size > LOGO_BYTES_MOST)
      throw new OfficeStartError(`theme.logo: ${path} has more than ${LOGO_BYTES_MOST} bytes.`);
    content = Buffer.from(readFileSync(path));
  } catch (error) {
    if (error instanceof OfficeStartError) throw error;
    throw new OfficeStartError(`theme.logo: ${path} ${pathProblem(path) ?? "cannot be read"}.`);
  }
  if (content.subarray(0, PNG.length).equals(PNG)) return { content, type: "image/png" };
  // SVG 2 section 5.1: the outermost element of a picture of its own.
  if (/^\s*(?:<\?xml[^>]*>|<!--[\s\S]*?-->|<!DOCTYPE[^>]*>|\s)*<svg[\s>]/i.test(content.toString("utf8")))
    return { content, type: "image/svg+xml" };
  throw new OfficeStartError(`theme.logo: ${path} is neither PNG nor SVG.`);
}
