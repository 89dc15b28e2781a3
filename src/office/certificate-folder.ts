import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { CertificateStore } from "../certificates/renewed.ts";
import { writeFileAtomic } from "../lib/atomic-file.ts";

/** What is kept for one authority, by its directory's address. */
export function authorityFolder(officeFolder: string, directory: string): string {
  const authority = createHash("sha256").update(directory).digest("hex").slice(0, 12);
  return join(officeFolder, "acme", authority);
}

/**
 * Account key and certificate (0600) in the office's folder, apart for each authority: whoever changes from one to another,
 * a test authority to the real one above all, gets a certificate of the new one at once.
 */
export function certificateFolder(officeFolder: string, directory: string): CertificateStore {
  const folder = authorityFolder(officeFolder, directory);
  return {
    read: (name) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), "utf8") : undefined),
    write: (name, content) => {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      writeFileAtomic(join(folder, name), content);
    },
  };
}
