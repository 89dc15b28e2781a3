import { readFileSync, writeFileSync } from "node:fs";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import type { Command } from "commander";
import { BackupError } from "../backup/backup-error.ts";
import { identitiesIn } from "../backup/encryption.ts";
import { grouped } from "../lib/typed-code.ts";
import { LIFETIMES } from "../policy/lifetimes.ts";
import { openMessage } from "../support/sealed-message.ts";
import type { SealedTicket, TicketView } from "../support/ticket-views.ts";
import type { TicketsAnswer } from "../web/control/support.ts";
import type { Office } from "./office-commands.ts";
import { StartError, UsageError } from "./start-error.ts";
import { readText, show } from "./terminal.ts";

const DAY_MS = 86_400_000;
const dayText = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10);

const STATES: Record<TicketView["state"], string> = {
  open: "waits for you",
  answered: "answered",
  closed: "closed",
};

/** Letters to the operator. What they say is opened here, by the command: the office never has the key to it. */
export function addTicketCommands(program: Command, office: Office): void {
  const ticket = program.command("ticket").description("letters of members and visitors");
  ticket.addHelpText(
    "after",
    `
Examples:
  lethe ticket keys /root/support.key          once: makes the key; move the file off this machine
  lethe ticket show k3v2q-x2m4d --identity support.key
  lethe ticket answer k3v2q-x2m4d < answer.txt`,
  );
  ticket
    .command("keys")
    .argument("<file>", "where to write the secret key, to be kept elsewhere")
    .description("make the age key that letters are encrypted to, and say what goes into lethe.toml")
    .action(async (file: string) => {
      const { recipient } = await makeKeys(file);
      show(office.json(), { recipient, file }, keysText(recipient, file));
    });
  ticket
    .command("list")
    .description("every ticket; those that wait for an answer first")
    .action(async () => {
      const answer = await office.ask<TicketsAnswer>("GET", "/tickets");
      show(office.json(), answer, listText(answer));
    });
  ticket
    .command("show")
    .argument("<number>")
    .description("a ticket's messages; without --identity as they are stored, for `age -d`")
    .option("--identity <file>", "the file with the secret key (lethe ticket keys)")
    .action(async (number: string, { identity }: { identity?: string }) => {
      const identities = identity === undefined ? undefined : readIdentities(identity);
      const found = await office.ask<SealedTicket>("POST", "/tickets/show", { number });
      const messages = await Promise.all(
        found.sealed.map(async (message) => ({
          ...message,
          text: identities && ((await openMessage(message.body, identities)) ?? null),
        })),
      );
      if (identities !== undefined && messages.every(({ text }) => text === null))
        throw new StartError(
          "That key opens none of this ticket's messages: they were encrypted to another.",
        );
      show(office.json(), { ...found, sealed: messages }, ticketText(found, messages));
    });
  ticket
    .command("answer")
    .argument("<number>")
    .description("answer a ticket: the text comes on standard input, as UTF-8")
    .option("--close", "and close it")
    .action(async (number: string, { close }: { close?: boolean }) => {
      const text = await readText("Your answer, ended with Ctrl-D on a line of its own:\n");
      const body = { number, text, ...(close && { close }) };
      const { ticket: now } = await office.ask<{ ticket: TicketView }>("POST", "/tickets/answer", body);
      show(office.json(), now, `Answered.${mailed(now)}\n${lineText(now)}`);
    });
  ticket
    .command("close")
    .argument("<number>")
    .description(`no more messages; it is deleted ${LIFETIMES.closedTicket.days} days later`)
    .action(async (number: string) => {
      const { ticket: now } = await office.ask<{ ticket: TicketView }>("POST", "/tickets/close", { number });
      show(office.json(), now, lineText(now));
    });
  ticket
    .command("delete")
    .argument("<numbers...>", "up to 1,000")
    .description("delete tickets with all that stands in them, now: for spam")
    .requiredOption("--yes", "it cannot be undone")
    .action(async (numbers: string[]) => {
      const answer = await office.ask<{ deleted: number }>("POST", "/tickets/delete", { numbers });
      show(
        office.json(),
        answer,
        `${answer.deleted} ${answer.deleted === 1 ? "ticket" : "tickets"} deleted.`,
      );
    });
}

/** Complaints about servers' addresses. */
export function addAbuseCommands(program: Command, office: Office): void {
  program
    .command("abuse")
    .description("complaints about the servers' addresses")
    .command("answer")
    .description("print a letter that answers a complaint: no logs, and what can be done")
    .option("--server <name>", "the server it is about: says what is blocked there (lethe server block-port)")
    .action(async ({ server }: { server?: string }) => {
      const answer = await office.ask<{ text: string }>(
        "POST",
        "/abuse/answer",
        server === undefined ? {} : { server },
      );
      show(office.json(), answer, answer.text.trimEnd());
    });
}

/** Throws StartError where the file is there already: a key that is lost opens no letter any more. */
export async function makeKeys(file: string): Promise<{ recipient: string }> {
  const identity = await generateX25519Identity();
  const recipient = await identityToRecipient(identity);
  // As age-keygen(1) writes it.
  const text = `# created: ${new Date().toISOString()}\n# public key: ${recipient}\n${identity}\n`;
  try {
    writeFileSync(file, text, { mode: 0o600, flag: "wx" });
  } catch (error) {
    const there = (error as NodeJS.ErrnoException).code === "EEXIST";
    throw new StartError(
      there
        ? `${file} is there already; nothing was changed. Name another file.`
        : `${file} cannot be written. Is there such a folder, and may you write there?`,
    );
  }
  return { recipient };
}

const keysText = (recipient: string, file: string): string =>
  [
    `The secret key is in ${file}. Move it off this machine, to where you read letters, and keep a copy: without it nobody reads them.`,
    "",
    "Into lethe.toml, then `lethe restart`:",
    "",
    "[support]",
    `to = ["${recipient}"]`,
  ].join("\n");

function readIdentities(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    throw new UsageError(`The identity file ${file} cannot be read.`);
  }
  try {
    return identitiesIn(text);
  } catch (error) {
    throw error instanceof BackupError ? new StartError(error.message) : error;
  }
}

const mailed = ({ mail, mailHasText }: TicketView): string => {
  if (mailHasText) return " The answer is sent to the e-mail address given, too, as whoever wrote wants it.";
  return mail ? " The e-mail address given is told that there is an answer." : "";
};

const lineText = (ticket: TicketView): string =>
  [
    grouped(ticket.number),
    STATES[ticket.state].padEnd(13),
    `opened ${dayText(ticket.openedDay)}`,
    `last written ${dayText(ticket.lastDay)}`,
    `${ticket.messages} ${ticket.messages === 1 ? "message" : "messages"}`,
    `deleted ${dayText(ticket.deleteDay)}`,
  ].join("  ");

export function listText({ reachable, tickets }: TicketsAnswer): string {
  const closed =
    "Nobody can write: no key is set. `lethe ticket keys FILE` makes one, for support.to in lethe.toml.";
  if (tickets.length === 0) return reachable ? "There are no tickets." : closed;
  return [...(reachable ? [] : [closed]), ...tickets.map(lineText)].join("\n");
}

function ticketText(
  ticket: TicketView,
  messages: readonly (SealedTicket["sealed"][number] & { text?: string | null | undefined })[],
): string {
  const parts = messages.map(({ fromOperator, day, body, text }) =>
    [
      `--- ${fromOperator ? "answer" : "letter"}, ${dayText(day)}`,
      text === undefined ? body.trimEnd() : (text ?? "(encrypted to another key)"),
    ].join("\n"),
  );
  return [lineText(ticket), ...parts].join("\n\n");
}
