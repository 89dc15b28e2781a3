import { fileURLToPath } from "node:url";

/**
 * The one entry of an exit: the first word says which of its processes to be. From sources this file is it; on a remote
 * exit the same code is one bundled file. Either way a process starts the others by this very file.
 *
 * Each part is imported only where it is wanted, and before anything is read from anyone: afterwards the process may not
 * be able to read its own code any more.
 */
const entry = fileURLToPath(import.meta.url);

switch (process.argv[2]) {
  case "exit":
    (await import("./main.ts")).runExit(entry);
    break;
  case "keeper":
    (await import("./keeper.ts")).runKeeper();
    break;
  case "proxy":
    (await import("./proxy/main.ts")).runProxy();
    break;
  default:
    process.stderr.write("lethe exit: no such part\n");
    process.exitCode = 64;
}
