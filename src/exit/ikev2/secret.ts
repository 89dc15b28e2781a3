import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../../lib/atomic-file.ts";

/** Where the RADIUS worker listens, on the loopback address alone. */
export const RADIUS_PORT = 18_120;
const SECRET_BYTES = 32;

/** The secret between strongSwan and the RADIUS worker: as long as this boot lasts, so that both outlive our restarts. */
export function radiusSecret(engines: string): string {
  const path = join(engines, "radius.secret");
  if (existsSync(path)) return readFileSync(path, "utf8");
  const secret = randomBytes(SECRET_BYTES).toString("hex");
  writeFileAtomic(path, secret);
  return secret;
}
