import { spawnSync } from "node:child_process";
import { skipFor } from "../lib/testing.ts";

const mountable =
  process.getuid!() === 0 &&
  spawnSync("unshare", ["-m", "mount", "-t", "tmpfs", "none", "/mnt"]).status === 0;

/** For the `skip` of a test with a small disk. */
export const smallDiskSkip: string | false = skipFor(!mountable && "needs root, and the right to mount");

/**
 * Runs a module where `folder` is a disk of so much room (`64k`, `2m`), seen by that process alone; `args` begin at process.argv[1]. It
 * imports from the checkout's root: `./src/…`. For tests.
 */
export const onSmallDisk = (
  { folder, size }: { folder: string; size: string },
  code: string,
  ...args: string[]
): { stdout: string; stderr: string } =>
  spawnSync(
    "unshare",
    [
      ...["-m", "sh", "-c", `mount -t tmpfs -o size=${size} none "$1" && shift && exec "$@"`, "sh", folder],
      ...[process.execPath, "--input-type=module", "-e", code, ...args],
    ],
    { encoding: "utf8", cwd: new URL("../..", import.meta.url) },
  );
