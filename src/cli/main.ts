import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import { dataFolder, defaultDataFolder, runFolder } from "../office/folders.ts";
import type { InventoryEntry } from "../store/inventory.ts";
import { askOffice } from "./control-client.ts";
import { askSupervisor, type SupervisorRequest } from "./lock.ts";
import { readConfig } from "./prepare.ts";
import { StartError } from "./start-error.ts";
import { up } from "./up.ts";

const checkout = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const say = (text: string): void => void process.stdout.write(`${text}\n`);

const program = new Command("lethe")
  .description("A privacy VPN and proxy provider in a box.")
  .option("--data <folder>", "the data folder", defaultDataFolder(checkout))
  .configureHelp({ showGlobalOptions: true })
  .showHelpAfterError("(lethe --help lists the commands)");

const data = (): string => resolve(program.opts<{ data: string }>().data);
const office = <Answer>(method: "GET" | "POST", path: string, body?: object): Promise<Answer> =>
  askOffice<Answer>(runFolder(data()).controlSocket, method, path, body);

const wholeNumber =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least || value > most)
      throw new InvalidArgumentError(`a whole number from ${least} to ${most}`);
    return value;
  };

program
  .command("up")
  .description("start the provider and stay in the foreground (what npm start does)")
  // Also behind the word `up`, where people put it.
  .option("--data <folder>", "the data folder")
  .action(async (options: { data?: string }) => {
    process.exitCode = await up(options.data ? resolve(options.data) : data());
    process.exit();
  });

const supervisorCommand = (command: SupervisorRequest["command"], description: string) =>
  program
    .command(command)
    .description(description)
    .action(async () => {
      const answer = await askSupervisor(runFolder(data()).supervisorSocket, { command });
      if (!answer) throw new StartError(`Lethe is not running on ${data()}.`);
      if (!answer.ok) throw new StartError(answer.text);
      say(answer.text);
    });
supervisorCommand("status", "show what runs on which port");
supervisorCommand("restart", "start our processes anew and take over lethe.toml; VPN sessions stay");
supervisorCommand("stop", "end everything");

program
  .command("check")
  .description("say whether lethe.toml is right")
  .action(() => {
    const { config } = dataFolder(data());
    readConfig(config);
    say(`${config} is right.`);
  });

const voucher = program.command("voucher").description("vouchers: codes that members redeem for paid time");
voucher
  .command("new")
  .description("make voucher codes and print them; only a hash of each is kept")
  .option("--days <n>", "days of access", wholeNumber(1, 3660), 30)
  .option("--count <n>", "how many", wholeNumber(1, 10_000), 1)
  .action(async (options: { days: number; count: number }) => {
    const { codes } = await office<{ codes: string[] }>("POST", "/vouchers", options);
    say(codes.join("\n"));
  });

const account = program.command("account").description("members' accounts");
account
  .command("terminate")
  .argument("<username>")
  .description("end an account's access now, on every service; it is deleted after 30 days")
  .action(async (name: string) => {
    await office("POST", "/accounts/terminate", { name });
    say("Terminated: no new login, and live sessions end within seconds.");
  });
account
  .command("reinstate")
  .argument("<username>")
  .description("take a termination back")
  .action(async (name: string) => {
    await office("POST", "/accounts/reinstate", { name });
    say("Access is back, as far as it is paid.");
  });
account
  .command("renew")
  .argument("[username]")
  .option("--all", "every account, for instance after a server was seized")
  .description("draw new VPN credentials; the old ones stop at once")
  .action(async (name: string | undefined, options: { all?: boolean }) => {
    if ((name === undefined) === !options.all) throw new StartError("Name one account, or --all.");
    const { renewed } = await office<{ renewed: number }>(
      "POST",
      "/accounts/renew",
      options.all ? { all: true } : { name },
    );
    say(
      `New VPN credentials: ${renewed} ${renewed === 1 ? "account" : "accounts"}. Every device needs the new ones.`,
    );
  });

program
  .command("inventory")
  .description("everything that is stored, with its purpose and lifetime")
  .action(async () => {
    const { entries } = await office<{ entries: InventoryEntry[] }>("GET", "/inventory");
    for (const { place, table, column, what, purpose, lifetime } of entries) {
      say(`${place} ${table}${column === "" ? "" : `.${column}`}`);
      say(`  what      ${what}\n  purpose   ${purpose}\n  lifetime  ${lifetime}\n`);
    }
  });

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
