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
    (await import("./keeper/main.ts")).runKeeper();
    break;
  case "proxy":
    (await import("./proxy/main.ts")).runProxy();
    break;
  case "radius":
    (await import("./ikev2/radius-worker.ts")).runRadius();
    break;
  case "ssh":
    (await import("./ssh/main.ts")).runSsh();
    break;
  // What follows is of a machine without an office.
  case "run":
    (await import("./remote/run.ts")).runRemote(entry);
    break;
  case "clear":
    await (await import("./remote/run.ts")).runClear(entry);
    break;
  case "key":
    (await import("./remote/install.ts")).runKey();
    break;
  case "enrol":
    await (await import("./remote/enrol.ts")).runEnrol();
    break;
  case "install":
    await (await import("./remote/install.ts")).runInstall();
    break;
  case "files":
    (await import("./remote/install.ts")).runFiles(process.argv[3] === "--unit");
    break;
  default:
    process.stderr.write("lethe exit: no such part\n");
    process.exitCode = 64;
}
