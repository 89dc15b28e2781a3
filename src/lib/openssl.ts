import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram, SCRUBBED_ENVIRONMENT } from "./run-command.ts";

/**
 * Runs openssl(1) and gives what it prints. `files` are put into a folder of their own (0700, gone afterwards) and their
 * paths handed to `args` in the same order; they hold requests and settings, never a key. It runs in that folder, where they are
 * called 0, 1, 2 …
 * Throws where openssl is missing (ENOENT) or refuses.
 */
export function openssl(args: (...paths: string[]) => string[], ...files: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "lethe-x509-"));
  try {
    const paths = files.map((content, index) => {
      const path = join(folder, String(index));
      writeFileSync(path, content, { mode: 0o600 });
      return path;
    });
    const program = findProgram("openssl");
    if (program === undefined) throw Object.assign(new Error("openssl is not installed"), { code: "ENOENT" });
    const options = { stdio: ["ignore", "pipe", "pipe"] as ["ignore", "pipe", "pipe"], timeout: 30_000 };
    return execFileSync(program, args(...paths), {
      ...options,
      cwd: folder,
      env: SCRUBBED_ENVIRONMENT,
      encoding: "utf8",
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A new P-256 key as PEM: the curve that every OpenVPN and IKEv2 client takes. */
export const newKey = (): string => openssl(() => ["ecparam", "-name", "prime256v1", "-genkey", "-noout"]);
