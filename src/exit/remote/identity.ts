import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { writeFileAtomic } from "../../lib/atomic-file.ts";
import type { EnrolmentAnswer } from "../../link/enrolment.ts";

/**
 * Who this exit is and whom it believes, as the office said when it joined: `exit.json`, with `link.seed` (its nkey) and
 * `ca.crt` beside it. Root's alone.
 */
const exitFile = z.object({
  server: z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/),
  sitePublicKey: z.base64().length(44),
  link: z.object({
    servers: z.array(z.string().min(1).max(300)).min(1).max(16),
    site: z.string().regex(/^[0-9a-f]{8}$/),
  }),
});

export interface Identity extends z.infer<typeof exitFile> {
  seed: string;
  /** PEM. */
  ca: string;
}

/** Throws the file system's error, or z.ZodError where somebody has changed the file. */
export function readIdentity(folder: string): Identity {
  const text = (name: string): string => readFileSync(join(folder, name), "utf8");
  return {
    ...exitFile.parse(JSON.parse(text("exit.json"))),
    seed: text("link.seed").trim(),
    ca: text("ca.crt"),
  };
}

/** Of a new server, or one that joins anew; `exit.json` comes last, since it is what says that there is an exit. */
export function writeIdentity(folder: string, answer: EnrolmentAnswer, seed: string): void {
  const { server, sitePublicKey, link, ca } = answer;
  writeFileAtomic(join(folder, "link.seed"), `${seed}\n`);
  writeFileAtomic(join(folder, "ca.crt"), ca, 0o644);
  // The join script reads this one, and root's shell should not have to read JSON.
  writeFileAtomic(join(folder, "joined"), `${server} ${link.site}\n`);
  writeFileAtomic(join(folder, "exit.json"), `${JSON.stringify({ server, sitePublicKey, link }, null, 2)}\n`);
}
