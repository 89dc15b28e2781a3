import { accessSync, constants } from "node:fs";
import { type Browser, chromium } from "playwright-core";
import { skipFor } from "../../src/lib/testing.ts";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

const chromiumPath = PLACES.find((path) => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
});

/** For a test that needs it: false where this machine can run a Chromium, else why not; in CI it must. */
export const skip: string | false = skipFor(
  chromiumPath === undefined && "Chromium is not installed (apt-get install chromium)",
);

/** A Chromium that asks nobody for updates, certificates or start pages. */
export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath!,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
