import type { System } from "../../profiles/kinds.ts";
import type { Picture } from "../guides.ts";
import { type Html, trusted } from "../html.ts";

/** Small drawings of what a step is about. Own work; `currentColor`, so that they follow the scheme. */

const FRAME =
  '<rect x="5" y="7" width="54" height="38" rx="4" fill="none" stroke="currentColor" stroke-width="2.5"/><path d="M5 16h54" stroke="currentColor" stroke-width="2.5"/><circle cx="11" cy="11.5" r="1.6" fill="currentColor"/><circle cx="16.5" cy="11.5" r="1.6" fill="currentColor"/>';
const ARROW_DOWN = (x: number, from: number, to: number) =>
  `<path d="M${x} ${from}V${to}M${x - 6} ${to - 6}l6 6 6-6" fill="none" stroke="currentColor" stroke-width="2.5" stroke-linecap="round" stroke-linejoin="round"/>`;
const PAGE = (x: number, y: number) =>
  `<path d="M${x} ${y}h10l6 6v15h-16z" fill="none" stroke="currentColor" stroke-width="2.5" stroke-linejoin="round"/><path d="M${x + 10} ${y}v6h6" fill="none" stroke="currentColor" stroke-width="2.5" stroke-linejoin="round"/>`;

const DRAWINGS: Record<Picture, string> = {
  install: `${FRAME}<rect x="24" y="22" width="16" height="16" rx="3" fill="none" stroke="currentColor" stroke-width="2.5"/>${ARROW_DOWN(32, 19, 33)}`,
  download: `${PAGE(24, 4)}${ARROW_DOWN(32, 13, 36)}<path d="M14 38v7h36v-7" fill="none" stroke="currentColor" stroke-width="2.5" stroke-linecap="round" stroke-linejoin="round"/>`,
  import: `${FRAME}${PAGE(12, 21)}<path d="M33 31h18M46 26l5 5-5 5" fill="none" stroke="currentColor" stroke-width="2.5" stroke-linecap="round" stroke-linejoin="round"/>`,
  switch:
    '<rect x="10" y="14" width="44" height="24" rx="12" fill="none" stroke="currentColor" stroke-width="2.5"/><circle cx="42" cy="26" r="8" fill="currentColor"/><path d="M18 26.5l4 4 7-8" fill="none" stroke="currentColor" stroke-width="2.5" stroke-linecap="round" stroke-linejoin="round"/>',
  terminal: `${FRAME}<path d="M12 23l7 6-7 6M24 36h14" fill="none" stroke="currentColor" stroke-width="2.5" stroke-linecap="round" stroke-linejoin="round"/>`,
  settings: `${FRAME}<path d="M13 25h38M13 36h38" stroke="currentColor" stroke-width="2.5" stroke-linecap="round"/><circle cx="40" cy="25" r="4" fill="currentColor"/><circle cx="23" cy="36" r="4" fill="currentColor"/>`,
};

const SCREEN =
  '<rect x="10" y="6" width="44" height="29" rx="3" fill="none" stroke="currentColor" stroke-width="2.5"/>';
const LAPTOP = `${SCREEN}<path d="M4 42h56" stroke="currentColor" stroke-width="3" stroke-linecap="round"/>`;
const PHONE =
  '<rect x="21" y="4" width="22" height="42" rx="4" fill="none" stroke="currentColor" stroke-width="2.5"/>';

/** A kind of machine each, and no maker's sign. */
const MACHINES: Record<System, string> = {
  windows: `${SCREEN}<path d="M32 35v8M21 44h22" stroke="currentColor" stroke-width="2.5" stroke-linecap="round"/>`,
  macos: LAPTOP,
  ios: `${PHONE}<path d="M29 41h6" stroke="currentColor" stroke-width="2.5" stroke-linecap="round"/>`,
  android: `${PHONE}<circle cx="32" cy="40.5" r="2" fill="currentColor"/>`,
  linux: `${LAPTOP}<path d="M17 14l6 6-6 6M27 27h11" fill="none" stroke="currentColor" stroke-width="2.5" stroke-linecap="round" stroke-linejoin="round"/>`,
  router:
    '<rect x="7" y="28" width="50" height="15" rx="3" fill="none" stroke="currentColor" stroke-width="2.5"/><path d="M18 28V9M46 28V9M28 18a6 6 0 0 1 8 0M24 13a12 12 0 0 1 16 0" fill="none" stroke="currentColor" stroke-width="2.5" stroke-linecap="round"/><circle cx="16" cy="35.5" r="2" fill="currentColor"/><circle cx="24" cy="35.5" r="2" fill="currentColor"/>',
};

export const systemPicture = (system: System): Html => drawing(MACHINES[system]);

export const picture = (name: Picture): Html => drawing(DRAWINGS[name]);

/** For the eye alone: the text beside it says all. */
function drawing(markup: string): Html {
  return trusted(
    `<svg class="picture" viewBox="0 0 64 50" aria-hidden="true" focusable="false">${markup}</svg>`,
  );
}
