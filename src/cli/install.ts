import { existsSync, readFileSync, rmSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { writeFileAtomic } from "../lib/atomic-file.ts";
import { findProgram, runCommand } from "../lib/run-command.ts";
import { dataFolder } from "../office/folders.ts";
import { askSupervisor } from "./lock.ts";
import { officeUnit, UNIT_PATH } from "./office-unit.ts";
import { prepare, readConfig } from "./prepare.ts";
import { StartError } from "./start-error.ts";

const NAME = "lethe.service";
const START_MS = 90_000;

const isSystemd = (): boolean => existsSync("/run/systemd/system") && findProgram("systemctl") !== undefined;

async function systemctl(...words: string[]): Promise<boolean> {
  const { code } = await runCommand([findProgram("systemctl")!, ...words], { timeoutMs: START_MS });
  return code === 0;
}

/**
 * `lethe install`: makes this checkout on this data folder a systemd service that starts at boot. Gives the sentences for
 * the operator. Throws StartError where it cannot be.
 */
export async function install(checkout: string, data: string, say: (text: string) => void): Promise<string> {
  if (process.getuid!() !== 0)
    throw new StartError("A service for the whole machine is root's to install: sudo ./lethe install");
  const running = await askSupervisor(dataFolder(data).supervisorSocket, { command: "status" });
  const asService = running !== undefined && isSystemd() && (await systemctl("is-active", "--quiet", NAME));
  if (running !== undefined && !asService)
    throw new StartError(
      `Lethe runs on ${data} in a terminal. End it there (or with \`lethe stop\`), then install it.`,
    );
  // Now, with the rights of a shell: the service may write nothing outside its own folders, /etc/passwd included.
  const prepared = prepare(data, say);
  readConfig(prepared.data.config);
  write(officeUnit({ checkout, data }));
  if (!isSystemd())
    return `${UNIT_PATH} is written. It could not be started: systemd does not run here (a container, as a rule). Until it does, \`npm start\` runs Lethe in the foreground.`;
  if (!(await systemctl("daemon-reload")))
    throw new StartError("systemd did not take the unit (systemctl daemon-reload).");
  if (asService)
    return `${UNIT_PATH} is written anew. \`systemctl restart lethe\` takes it over; that ends VPN sessions.`;
  if (!(await systemctl("enable", "--now", NAME)) || !(await isUp(data)))
    throw new StartError("The service does not come up: journalctl -u lethe -n 50 says why.");
  return `Lethe is a service now and starts at boot.\n  lethe status              what runs on which port\n  systemctl reload lethe    take over lethe.toml (as lethe restart)\n  systemctl stop lethe      end everything\n  journalctl -u lethe       codes and numbers, never who`;
}

/** Whether every service has been tried before long. */
async function isUp(data: string): Promise<boolean> {
  const deadline = performance.now() + START_MS;
  while (performance.now() < deadline) {
    await setTimeout(250);
    const answer = await askSupervisor(dataFolder(data).supervisorSocket, { command: "status" });
    if (answer?.report?.settled) return true;
  }
  return false;
}

function write(text: string): void {
  if (existsSync(UNIT_PATH) && readFileSync(UNIT_PATH, "utf8") === text) return;
  try {
    writeFileAtomic(UNIT_PATH, text, 0o644);
  } catch {
    throw new StartError(
      `${UNIT_PATH} cannot be written: is there a systemd on this machine, and is /etc writable?`,
    );
  }
}

/** `lethe uninstall`: ends the service and takes it away. What it has stored stays. */
export async function uninstall(data: string): Promise<string> {
  if (process.getuid!() !== 0) throw new StartError("That is root's to do: sudo ./lethe uninstall");
  if (!existsSync(UNIT_PATH)) throw new StartError("Lethe is not installed as a service here.");
  if (isSystemd() && !(await systemctl("disable", "--now", NAME)))
    throw new StartError("systemd did not end it: systemctl status lethe");
  rmSync(UNIT_PATH);
  if (isSystemd()) await systemctl("daemon-reload");
  return `The service is gone. What it has stored is still in ${data}, every secret of the provider included; the system users lethe-* are still there, too.`;
}
