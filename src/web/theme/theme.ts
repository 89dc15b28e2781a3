import { type Asset, makeAsset, markIn } from "../assets.ts";
import { type Html, html, trusted } from "../html.ts";
import { type Choice, type Mode, themeStylesheet } from "./palette.ts";

/** What an operator makes the site look like. */
export interface ThemeOptions {
  colours?: Record<Mode, Choice>;
  /** In place of the mark, at the top and in the browser's tab. */
  logo?: { content: Uint8Array<ArrayBuffer>; type: "image/svg+xml" | "image/png" };
}

/** What the pages and the assets take from it. */
export interface Theme {
  files: ReadonlyMap<string, Asset>;
  icon: Asset;
  /** For a page's head: the icon, and the colours where they are not the house's. */
  head: Html;
  /** Beside the name at the top. */
  mark: Html;
}

/** A drop with a river in it. Own drawing; `currentColor` so that it follows the scheme. */
const MARK = trusted(
  '<svg viewBox="0 0 32 32" aria-hidden="true" focusable="false"><path fill="currentColor" d="M16 1.5C16 1.5 4.5 13.4 4.5 20a11.5 11.5 0 0 0 23 0C27.5 13.4 16 1.5 16 1.5z"/>' +
    '<g class="waves" fill="none" stroke-width="2" stroke-linecap="round"><path d="M9.5 17.5c2.2-1.7 4.3-1.7 6.5 0s4.3 1.7 6.5 0"/>' +
    '<path d="M9.5 22c2.2-1.7 4.3-1.7 6.5 0s4.3 1.7 6.5 0" opacity=".7"/><path d="M12.5 26.3c1.2-.9 2.3-.9 3.5 0s2.3.9 3.5 0" opacity=".4"/></g></svg>',
);

const HOUSE_ACCENT_OF_MARK = "#0c6b64";

export function makeTheme({ colours, logo }: ThemeOptions = {}): Theme {
  const files = new Map<string, Asset>();
  const rules = colours === undefined ? "" : themeStylesheet(colours);
  if (rules !== "") files.set("theme.css", makeAsset(rules, "text/css; charset=utf-8"));
  const accent = colours?.light.accent || undefined;
  const icon =
    logo === undefined
      ? makeAsset(markIn(accent ?? HOUSE_ACCENT_OF_MARK), "image/svg+xml")
      : makeAsset(logo.content, logo.type);
  files.set("icon", icon);
  const url = (name: string) => `/assets/${files.get(name)!.version}/${name}`;
  return {
    files,
    icon,
    head: html`${files.has("theme.css") && html`<link rel="stylesheet" href="${url("theme.css")}">`}
<link rel="icon" href="${url("icon")}" type="${icon.type}">`,
    // The name stands beside it: the picture itself says nothing more.
    mark: logo === undefined ? MARK : html`<img src="${url("icon")}" alt="" height="32">`,
  };
}
