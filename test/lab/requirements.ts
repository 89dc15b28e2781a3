import { skipFor } from "../../src/lib/testing.ts";
import { missingForLab } from "./world.ts";

/**
 * For a test's `skip`: false where the lab can run, else why not. In CI (CI=true) a lab that cannot run is a failure, not
 * something to pass over.
 */
export function skipOrFail(more?: string): string | false {
  return skipFor(missingForLab() ?? more);
}
