import { readFileSync } from "node:fs";
import { text as readAll } from "node:stream/consumers";
import type { Command } from "commander";
import type { Announcement } from "../support/announcements.ts";
import type { SwitchView } from "../web/control/operator.ts";
import { wholeNumber } from "./arguments.ts";
import type { Office } from "./office-commands.ts";
import { StartError } from "./start-error.ts";
import { show } from "./terminal.ts";

const DAYS_MOST = 3660;

export function addAdminCommands(program: Command, office: Office): void {
  const admin = program.command("admin").description("the admin pages, in a browser");
  admin
    .command("open")
    .description("print a link to them, good once and for five minutes")
    .action(async () => {
      const answer = await office.ask<{ url: string; minutes: number }>("POST", "/admin/open");
      show(office.json(), answer, linkText(answer));
    });
  admin
    .command("close")
    .description("end every visit and every link, and close the door")
    .action(async () => {
      const answer = await office.ask<{ ended: number }>("POST", "/admin/close");
      show(
        office.json(),
        answer,
        `Closed. ${answer.ended} ${answer.ended === 1 ? "visit" : "visits"} ended.`,
      );
    });
}

export function addSwitchCommands(program: Command, office: Office): void {
  const command = program
    .command("switch")
    .description("close and open the sign-up, buying, and each way to pay, without a restart");
  const shown = ({ switches }: { switches: SwitchView[] }) =>
    show(
      office.json(),
      switches,
      switches
        .map(
          ({ name, on, setUp }) =>
            `${name.padEnd(20)} ${on ? "on" : "off"}${setUp ? "" : "  (not set up in lethe.toml)"}`,
        )
        .join("\n"),
    );
  command
    .command("list")
    .description("what is on, and what is off")
    .action(async () => shown(await office.ask("GET", "/switches")));
  for (const word of ["on", "off"] as const)
    command
      .command(word)
      .argument("<name>", "sign-up, buying, or a way to pay; see lethe switch list")
      .description(`switch it ${word}`)
      .action(async (name: string) =>
        shown(await office.ask("POST", "/switches", { name, on: word === "on" })),
      );
}

export function addAnnounceCommands(program: Command, office: Office): void {
  const announce = program
    .command("announce")
    .description("tell everybody something, on the site and in its feed");
  announce
    .command("post")
    .argument("<title>")
    .description("the text is Markdown, from a file or from standard input")
    .option("--text <file>", "where the text stands (default: standard input)")
    .option("--days <n>", "how long it stays (default: until it is removed)", wholeNumber(1, DAYS_MOST))
    .action(async (title: string, { text: file, days }: { text?: string; days?: number }) => {
      if (file === undefined && process.stdin.isTTY)
        process.stderr.write("The text, in Markdown; Ctrl-D on a line of its own ends it:\n");
      const text = file === undefined ? await readAll(process.stdin) : textOf(file);
      if (text.trim() === "")
        throw new StartError(
          "There is no text: name a file with --text, type it, or send it on standard input.",
        );
      const posted = await office.ask<Announcement>("POST", "/announcements/post", {
        title,
        text,
        ...(days !== undefined && { days }),
      });
      show(office.json(), posted, `Announced as ${posted.id}.`);
    });
  announce
    .command("list")
    .description("what is announced now")
    .action(async () => {
      const { announcements } = await office.ask<{ announcements: Announcement[] }>("GET", "/announcements");
      const lines = announcements.map(
        ({ id, postedMs, title }) => `${id}  ${new Date(postedMs).toISOString().slice(0, 10)}  ${title}`,
      );
      show(office.json(), announcements, lines.length === 0 ? "Nothing is announced." : lines.join("\n"));
    });
  announce
    .command("remove")
    .argument("<id>", "see lethe announce list")
    .description("take an announcement away")
    .action(async (id: string) => {
      const answer = await office.ask<{ removed: string }>("POST", "/announcements/remove", { id });
      show(office.json(), answer, "Taken away.");
    });
}

function linkText({ url, minutes }: { url: string; minutes: number }): string {
  const { host, port } = new URL(url);
  const here = url.startsWith("http:");
  return [
    `Open this within ${minutes} minutes. It is good once, and whoever has it can do all that this command can:`,
    "",
    `  ${url}`,
    ...(here ? ["", `From another machine first run there: ssh -L ${port}:${host} <this machine>`] : []),
  ].join("\n");
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    throw new StartError(`The file ${file} cannot be read.`);
  }
}
