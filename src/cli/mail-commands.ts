import type { Command } from "commander";
import type { Office } from "./office-commands.ts";
import { show } from "./terminal.ts";

export function addMailCommands(program: Command, office: Office): void {
  const mail = program.command("mail").description("the mail server of [mail] in lethe.toml");
  mail
    .command("test")
    .argument("<address>", "where to send the letter")
    .description("send a letter now and say what the mail server made of it")
    .action(async (address: string) => {
      const answer = await office.ask<{ sent: true }>("POST", "/mail/test", { address });
      show(office.json(), answer, "The mail server took the letter. Look whether it arrives.");
    });
  mail
    .command("queue")
    .description("how many letters wait to be sent")
    .action(async () => {
      const answer = await office.ask<{ waiting: number }>("GET", "/mail");
      const letters = answer.waiting === 1 ? "1 letter waits" : `${answer.waiting} letters wait`;
      show(
        office.json(),
        answer,
        answer.waiting === 0 ? "No letter waits." : `${letters} for the mail server.`,
      );
    });
}
