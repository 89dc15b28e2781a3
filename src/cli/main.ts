import { existsSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Command, CommanderError } from "commander";
import { dataFolder, defaultDataFolder } from "../office/folders.ts";
import { addAdminCommands, addAnnounceCommands, addSwitchCommands } from "./admin-commands.ts";
import { backUp } from "./backup.ts";
import { addBlocklistCommands } from "./blocklist-commands.ts";
import { addCashCommands } from "./cash-commands.ts";
import { addCertificateCommand } from "./certificate-command.ts";
import { askOffice } from "./control-client.ts";
import { demo } from "./demo.ts";
import { describe, type StatusReport } from "./description.ts";
import { addDiscloseCommand } from "./disclose-command.ts";
import { doctor } from "./doctor.ts";
import { assertReadable } from "./doctor-texts.ts";
import { install, uninstall } from "./install.ts";
import { askSupervisor, type SupervisorRequest } from "./lock.ts";
import { addMailCommands } from "./mail-commands.ts";
import { fileProblems } from "./named-files.ts";
import {
  addAccountCommands,
  addInventoryCommand,
  addVoucherCommands,
  type Office,
} from "./office-commands.ts";
import { addPaymentCommands } from "./payment-commands.ts";
import { readConfig } from "./prepare.ts";
import { addProfileCommands } from "./profile-commands.ts";
import { addRefundCommands } from "./refund-commands.ts";
import { restore } from "./restore.ts";
import { addLinkCommands, addServerCommands } from "./server-commands.ts";
import { StartError, UsageError } from "./start-error.ts";
import { moveToPostgres } from "./store-move.ts";
import { printable, say, show } from "./terminal.ts";
import { addAbuseCommands, addTicketCommands } from "./ticket-commands.ts";
import { up } from "./up.ts";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
const checkout = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Four a second: a minute. */
const RESTART_TRIES = 240;

const program = new Command("lethe")
  .version(version, "--version", "print the version")
  .description("A privacy VPN and proxy provider in a box.")
  .option("--data <folder>", "the provider's data folder", defaultDataFolder(checkout))
  .option("--json", "answer in JSON, for programs")
  .configureHelp({ showGlobalOptions: true })
  .showHelpAfterError("(add --help to see how it is used)")
  .exitOverride()
  .addHelpText(
    "after",
    `
Examples:
  lethe up                                 start the provider and stay in the foreground
  lethe doctor                             is this machine ready, and what is to be done?
  lethe voucher make --days 30 --count 10  ten codes to sell or to give away
  lethe account terminate alice            end an account's access, live sessions included

Exit codes: 0 done, 1 failed, 2 the command's words are wrong.`,
  );

const data = (): string => resolve(program.opts<{ data: string }>().data);
const json = (): boolean => program.opts<{ json?: boolean }>().json === true;
const office: Office = {
  ask: (method, path, body) => askOffice(dataFolder(data()).controlSocket, method, path, body),
  json,
};

async function askedSupervisor(command: SupervisorRequest["command"]) {
  const answer = await askSupervisor(dataFolder(data()).supervisorSocket, { command });
  if (!answer) throw new StartError(`Lethe is not running on ${data()}. Start it with \`npm start\`.`);
  if (!answer.ok) throw new StartError(answer.text);
  return answer;
}

/** What runs once a restart is through. For a moment nobody answers: one `lethe up` is becoming the next. */
async function untilUp(): Promise<StatusReport> {
  for (let tries = 0; tries < RESTART_TRIES; tries++) {
    await setTimeout(250);
    const answer = await askSupervisor(dataFolder(data()).supervisorSocket, { command: "status" });
    if (answer?.report?.settled) return answer.report;
  }
  throw new StartError(
    "Lethe was told to restart and is not up yet. Look at what it prints where it was started.",
  );
}

program
  .command("up")
  .description("start the provider and stay in the foreground (what npm start does)")
  .option(
    "--demo",
    "on this machine alone, with payments that are simulated and a data folder that goes away",
  )
  .action(async (options: { demo?: boolean }) =>
    process.exit(options.demo ? await demo(checkout) : await up(data())),
  );
program
  .command("status")
  .description("what runs on which port")
  .action(async () => {
    const { report } = await askedSupervisor("status");
    if (report) show(json(), report, describe(report));
  });
program
  .command("restart")
  .description("start our processes anew and take over lethe.toml; VPN sessions stay")
  .action(async () => {
    const { config } = dataFolder(data());
    if (existsSync(config)) assertReadable(readConfig(config));
    await askedSupervisor("restart");
    const report = await untilUp();
    show(json(), report, describe(report));
  });
program
  .command("stop")
  .description("end everything")
  .action(async () => {
    const { text } = await askedSupervisor("stop");
    show(json(), { done: text }, text);
  });
program
  .command("check")
  .description("is lethe.toml right, and is every file there that it names?")
  .action(() => {
    const { config } = dataFolder(data());
    const problems = fileProblems(readConfig(config));
    if (problems.length > 0) throw new StartError(problems.join("\n"));
    show(json(), { right: config }, `${config} is right.`);
  });
program
  .command("doctor")
  .description("is this machine ready? ports, forwarding, DNS, clock, IPv6, packages; each with what to do")
  .action(async () => {
    const { findings, text } = await doctor(data());
    show(json(), findings, text);
    if (findings.some(({ state }) => state === "bad")) process.exitCode = 1;
  });
addAccountCommands(program, office);
addVoucherCommands(program, office);
addCashCommands(program, office);
addPaymentCommands(program, office);
addRefundCommands(program, office);
addServerCommands(program, office);
addAdminCommands(program, office);
addSwitchCommands(program, office);
addAnnounceCommands(program, office);
addLinkCommands(program, office);
addCertificateCommand(program, office);
addBlocklistCommands(program, office);
addProfileCommands(program, office);
addMailCommands(program, office);
addTicketCommands(program, office);
addAbuseCommands(program, office);
addInventoryCommand(program, office);
addDiscloseCommand(program, office);
program
  .command("backup")
  .argument("<file>", "where to write it")
  .description(
    "write database, keys and settings into one file, encrypted to age keys; while Lethe runs or not",
  )
  .option("--to <recipient...>", "an age recipient (age1…); else those of [backup] to in lethe.toml")
  .option("--keys-only", "the keys that all offices of the service share, for one more office")
  .action(async (file: string, options: { to?: string[]; keysOnly?: boolean }) => {
    const { made, text } = await backUp(data(), file, options);
    show(json(), made, text);
  });
program
  .command("restore")
  .argument("<file>", "a backup")
  .description("put a backup into an empty data folder; Lethe must be stopped")
  .requiredOption("--identity <file>", "the file with age's secret key")
  .option("--force", "in the place of the office that is there, which is kept")
  .option("--keys-only", "the shared keys alone, for one more office")
  .option("--even-old", "although it is older than backups may be kept")
  .action(
    async (
      file: string,
      options: { identity: string; force?: boolean; keysOnly?: boolean; evenOld?: boolean },
    ) => {
      const { restored, text } = await restore(data(), file, options);
      show(
        json(),
        { madeAt: restored.manifest.madeAt, accounts: restored.accounts, dropped: restored.dropped },
        text,
      );
    },
  );
program
  .command("install")
  .description("make it a systemd service that starts at boot")
  .action(async () => {
    const text = await install(checkout, data(), say);
    show(json(), { done: text }, text);
  });
program
  .command("uninstall")
  .description("end the service and take it away; what is stored stays")
  .action(async () => {
    const text = await uninstall(data());
    show(json(), { done: text }, text);
  });
program
  .command("store")
  .description("where accounts are kept")
  .command("move")
  .description("copy the SQLite file into the PostgreSQL database of store.url; Lethe must be stopped")
  .action(async () => {
    const { moved, text } = await moveToPostgres(data());
    show(json(), { moved }, text);
  });
for (const command of program.commands) {
  command.exitOverride();
  for (const inner of command.commands) inner.exitOverride();
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has said what is wrong; help that was asked for is no failure.
    process.exit(error.exitCode === 0 ? 0 : 2);
  }
  const known = error instanceof StartError || error instanceof UsageError;
  if (!known) throw error;
  if (json()) say(JSON.stringify({ error: error.message }));
  else process.stderr.write(`${printable(error.message)}\n`);
  process.exit(error instanceof UsageError ? 2 : 1);
}
