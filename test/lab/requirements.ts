import { missingForLab } from "./world.ts";

/**
 * For a test's `skip`: false where the lab can run, else why not. In CI (CI=true) a lab that cannot run is a failure, not
 * something to pass over.
 */
export function skipOrFail(more?: string): string | false {
  const missing = missingForLab() ?? more;
  if (missing === undefined) return false;
  if (process.env.CI === "true") throw new Error(`the lab must run in CI, but ${missing}`);
  return `SKIPPED: ${missing}`;
}
