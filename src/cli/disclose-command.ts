import type { Command } from "commander";
import type { Disclosed } from "../web/control/disclosure.ts";
import type { Office } from "./office-commands.ts";
import { show } from "./terminal.ts";

export function addDiscloseCommand(program: Command, office: Office): void {
  program
    .command("disclose")
    .argument("<username>")
    .description("all that is stored about an account: the true, short answer to a lawful request for data")
    .action(async (name: string) => {
      const answer = await office.ask<Disclosed>("POST", "/accounts/disclose", { name });
      show(office.json(), answer, answer.lines.join("\n"));
    });
}
