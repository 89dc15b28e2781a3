import { NameTakenError } from "../fleet/servers.ts";
import { StoreError } from "../store/errors.ts";

/** The office cannot start, and the operator can mend it; the message is a sentence for them. */
export class OfficeStartError extends Error {
  override name = "OfficeStartError";
}

/** What is wrong, in the operator's words, where it is the operator's to mend. */
export function sentenceOf(error: unknown): string | undefined {
  const known = [StoreError, OfficeStartError, NameTakenError];
  if (known.some((kind) => error instanceof kind)) return (error as Error).message;
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOSPC") return "The office cannot write its files: the disk is full.";
  if (code === "EROFS" || code === "EACCES" || code === "EPERM")
    return "The office cannot write its files: the data folder is read-only, or belongs to somebody else.";
  return undefined;
}
