import { writeFileSync } from "node:fs";
import { type Command, Option } from "commander";
import { DNS_LEVELS } from "../lib/dns-levels.ts";
import { SYSTEMS } from "../profiles/kinds.ts";
import { MADE_KINDS, type ProfileAnswer } from "../web/control/profiles.ts";
import type { Office } from "./office-commands.ts";
import { StartError } from "./start-error.ts";
import { show } from "./terminal.ts";

/** The files that members download; WireGuard's without the private key, which is its member's alone. */
export function addProfileCommands(program: Command, office: Office): void {
  const profile = program.command("profile").description("the files that members' clients take");
  const system = () => new Option("--system <system>", "the system it is for").choices(SYSTEMS);
  const level = () =>
    new Option("--level <level>", "what the resolver in the tunnel blocks").choices(DNS_LEVELS);

  const written = (answer: ProfileAnswer, out: string | undefined): void => {
    const content = Buffer.from(answer.base64, "base64");
    if (out === "-") {
      process.stdout.write(content);
      return;
    }
    const file = out ?? answer.name;
    try {
      // Nothing is overwritten that is there.
      writeFileSync(file, content, { flag: "wx" });
    } catch (error) {
      const exists = (error as NodeJS.ErrnoException).code === "EEXIST";
      throw new StartError(exists ? `${file} is there already.` : `${file} cannot be written.`);
    }
    show(office.json(), { file }, `Written: ${file}`);
  };

  profile
    .command("make")
    .argument("<server>", "such as london1")
    .addOption(new Option("--kind <kind>", "for which client").choices(MADE_KINDS).default("openvpn"))
    .addOption(system())
    .addOption(new Option("--protocol <protocol>", "OpenVPN over this alone").choices(["udp", "tcp"]))
    .addOption(level())
    .option("--via <server>", "two hops: the server that the client dials")
    .option("--public-key <key>", "WireGuard: of a device that its member has added")
    .option("--by-address", "the server's addresses instead of its name")
    .option("--out <file>", "where to write it; - for standard output")
    .description("a server's file for a client; a zip where it is several files")
    .action(async (server: string, { out, ...options }: { out?: string }) => {
      written(await office.ask<ProfileAnswer>("POST", "/profiles/file", { server, ...options }), out);
    });
  profile
    .command("zip")
    .addOption(system().makeOptionMandatory())
    .addOption(level())
    .option("--out <file>", "where to write it; - for standard output")
    .description("every server's files for a system")
    .action(async ({ out, ...options }: { out?: string }) => {
      written(await office.ask<ProfileAnswer>("POST", "/profiles/zip", options), out);
    });
}
