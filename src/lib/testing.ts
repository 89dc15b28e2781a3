/**
 * For a test's `skip`, where something that it needs may be missing on a machine: false where nothing is, else why it is passed
 * over. In CI (CI=true) nothing is passed over: there it throws.
 */
export function skipFor(missing: string): string;
export function skipFor(missing: string | false | undefined): string | false;
export function skipFor(missing: string | false | undefined): string | false {
  if (missing === false || missing === undefined) return false;
  if (process.env.CI === "true") throw new Error(`In CI nothing is skipped, but: ${missing}.`);
  return `SKIPPED: ${missing}`;
}
