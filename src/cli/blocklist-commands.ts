import type { Command } from "commander";
import type { BlocklistSourceView, BlocklistsRenewed, BlocklistView } from "../web/control/control.ts";
import type { Office } from "./office-commands.ts";
import { show } from "./terminal.ts";

/** What the resolvers in the tunnels leave out, where a member chose a level: lists that lethe.toml names. */
export function addBlocklistCommands(program: Command, office: Office): void {
  const blocklists = program
    .command("blocklists")
    .description("what the resolvers in the tunnels block, for members who want it");
  blocklists
    .command("list")
    .description("the lists as the servers have them")
    .action(async () => {
      const { lists } = await office.ask<{ lists: BlocklistView[] }>("GET", "/blocklists");
      show(office.json(), lists, listsText(lists));
    });
  blocklists
    .command("renew")
    .description(
      "read every list again and give it to the servers; ends with 1 where a source could not be read",
    )
    .action(async () => {
      const answer = await office.ask<BlocklistsRenewed>("POST", "/blocklists/renew");
      show(office.json(), answer, `${sourcesText(answer.sources)}${listsText(answer.lists)}`);
      if (answer.sources.some(({ problem }) => problem !== undefined)) process.exitCode = 1;
    });
}

const counted = (count: number, what: string): string =>
  `${count.toLocaleString("en-GB")} ${what}${count === 1 ? "" : "s"}`;

export function sourcesText(sources: readonly BlocklistSourceView[]): string {
  return sources
    .map(({ list, source, found, skipped, problem }) =>
      problem === undefined
        ? `${list}: ${source}: ${counted(found, "name")}${skipped > 0 ? `; ${counted(skipped, "line")} that block no name passed over` : ""}\n`
        : `${list}: ${source} ${problem}. The list "${list}" stays as it was.\n`,
    )
    .join("");
}

export function listsText(lists: readonly BlocklistView[]): string {
  if (lists.length === 0)
    return "There are no blocklists. Name files or addresses in [blocklists] of lethe.toml and run `lethe restart`.";
  return lists
    .map(({ list, names, renewed }) =>
      names === undefined || renewed === undefined
        ? `${list}: not read yet`
        : `${list}: ${counted(names, "name")} on the servers, renewed ${new Date(renewed * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`,
    )
    .join("\n");
}
