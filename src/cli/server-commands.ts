import { type Command, InvalidArgumentError } from "commander";
import { type PortRange, parsePortRange } from "../lib/port-range.ts";
import { type ListenAddress, parseListen } from "../office/listen-address.ts";
import type { ServerView } from "../web/control/servers.ts";
import { wholeNumber, yesOrNo } from "./arguments.ts";
import type { Office } from "./office-commands.ts";
import { blockedLine, lineText, listText, stateOf } from "./server-texts.ts";
import { untilServer, upgradeServers } from "./server-upgrade.ts";
import { StartError, UsageError } from "./start-error.ts";
import { say, show } from "./terminal.ts";

interface AddOptions {
  city: string;
  countryCode: string;
  country?: string;
  address: string[];
  host?: string;
  latitude?: number;
  longitude?: number;
  bandwidth: number;
  group?: string[];
  openvpnUdp?: ListenAddress[];
  openvpnTcp?: ListenAddress[];
  socks5?: ListenAddress[];
  httpProxy?: ListenAddress[];
  httpsProxy?: ListenAddress[];
  socks5Tls?: ListenAddress[];
  ssh?: ListenAddress[];
  wireguard?: number;
  ikev2?: boolean;
  stealthTls?: ListenAddress[];
  stealthObfs4?: ListenAddress[];
  wait?: number | true;
}

interface Invited {
  server: ServerView;
  line: string;
  expires: number;
}

const WAIT_MINUTES = 30;

export function addServerCommands(program: Command, office: Office): void {
  const server = program.command("server").description("the servers of the fleet");
  server.addHelpText(
    "after",
    `
Examples:
  lethe server add london1 --city London --country-code GB --address 203.0.113.7
  lethe server drain london1       no new logins; who is online stays
  lethe server upgrade             all servers, one after another, each when the one before is well`,
  );
  server
    .command("add")
    .argument("<name>", "a city and a number as a rule: london1")
    .description("add a server; prints the line to paste there, good for 30 minutes")
    .requiredOption("--city <city>", "where it stands")
    .requiredOption("--country-code <code>", "two letters of ISO 3166-1, such as GB")
    .requiredOption("--address <address...>", "its public addresses")
    .option("--country <country>", "its name where the usual English one will not do")
    .option("--host <host>", "what members' clients connect to (default: the first address)")
    .option("--latitude <degrees>", "for maps and the nearest server", degrees(90))
    .option("--longitude <degrees>", "", degrees(180))
    .option("--bandwidth <mbit>", "what its uplink carries, Mbit/s", wholeNumber(1, 1_000_000), 1000)
    .option("--group <name...>", "groups beside its city's (london of london1)")
    .option("--openvpn-udp <listen>", "instead of lethe.toml's: 0.0.0.0:1194,[::]:1194, or none", listenList)
    .option("--openvpn-tcp <listen>", "", listenList)
    .option("--socks5 <listen>", "", listenList)
    .option("--http-proxy <listen>", "", listenList)
    .option("--https-proxy <listen>", "", listenList)
    .option("--socks5-tls <listen>", "", listenList)
    .option("--ssh <listen>", "", listenList)
    .option("--wireguard <port>", "its UDP port, or 0 for none", wholeNumber(0, 65_535))
    .option("--ikev2 <offered>", "UDP 500 and 4500: yes or no", yesOrNo)
    .option("--stealth-tls <listen>", "", listenList)
    .option("--stealth-obfs4 <listen>", "", listenList)
    .option("--wait [minutes]", "until it is on the status page", wholeNumber(1, 24 * 60))
    .action(async (name: string, options: AddOptions) => {
      const invited = await office.ask<Invited>("POST", "/servers/add", { name, ...requestOf(options) });
      await hand(office, invited, options.wait);
    });
  server
    .command("list")
    .description("every server: where it is, its load, version and state")
    .action(async () => {
      const answer = await office.ask<{ servers: ServerView[] }>("GET", "/servers");
      show(office.json(), answer.servers, listText(answer.servers));
    });

  const verb = (name: string, description: string, text: (server: ServerView) => string) =>
    server
      .command(name)
      .argument("<name>")
      .description(description)
      .action(async (which: string) => {
        const answer = await office.ask<ServerView>("POST", `/servers/${name}`, { name: which });
        show(office.json(), answer, text(answer));
      });
  verb(
    "drain",
    "no new logins, out of the recommendations; who is online stays",
    ({ name }) =>
      `${name} takes no new logins. Who is online stays; \`lethe server undrain ${name}\` takes it back.`,
  );
  verb("undrain", "take new logins again", (view) => `${view.name}: ${stateOf(view)}.`);

  const blocking = (verb: "block" | "unblock", what: "port" | "range", description: string) =>
    server
      .command(`${verb}-${what}`)
      .argument("<name>")
      .argument(
        what === "port" ? "<port>" : "<range>",
        what === "port" ? "6667, or 6881-6889" : "203.0.113.0/24, or an address",
      )
      .description(description)
      .action(async (name: string, text: string) => {
        const body = what === "port" ? { name, ports: portRange(text) } : { name, range: text };
        const view = await office.ask<ServerView>("POST", `/servers/${verb}`, body);
        show(office.json(), view, blockedLine(view));
      });
  blocking(
    "block",
    "port",
    "no connection of members to that port, TCP or UDP, through this server; open ones end",
  );
  blocking(
    "block",
    "range",
    "no connection of members to that address or range through this server; open ones end",
  );
  blocking("unblock", "port", "take a block of ports back");
  blocking("unblock", "range", "take a block of an address or range back");

  server
    .command("remove")
    .argument("<name>")
    .description("take a server out of the fleet: its key is worth nothing at once")
    .requiredOption("--yes", "its traffic figures go too; it comes back only as a new server")
    .action(async (name: string) => {
      await office.ask("POST", "/servers/remove", { name });
      const text = `${name} is out of the fleet. Its exit goes on for at most 72 hours unless it is switched off.`;
      show(office.json(), { removed: name }, text);
    });
  server
    .command("rename")
    .argument("<name>")
    .argument("<new-name>")
    .description("another public name; its key, certificate and members' profiles stay as they are")
    .action(async (name: string, newName: string) => {
      const answer = await office.ask<ServerView>("POST", "/servers/rename", { name, newName });
      show(office.json(), answer, `${name} is ${newName} from now on.`);
    });
  server
    .command("rotate")
    .argument("<name>")
    .description("after a seizure, or a line that was not pasted in time: forget its key, print a new line")
    .option("--wait [minutes]", "until it is on the status page again", wholeNumber(1, 24 * 60))
    .action(async (name: string, { wait }: { wait?: number | true }) => {
      const invited = await office.ask<Invited>("POST", "/servers/rotate", { name });
      await hand(office, invited, wait);
      if (invited.server.generation > 1 && !office.json())
        say("Members need new profiles for it. After a seizure also: `lethe account renew --all`.");
    });
  server
    .command("upgrade")
    .argument("[names...]", "none: all of them")
    .description(
      "have servers run this office's version, one after another; sessions stay where the engine allows",
    )
    .action(async (names: string[]) => {
      const done = await upgradeServers(office, names, (text) => office.json() || say(text));
      const count = `${done.upgraded.length} upgraded, ${done.already.length} had it already.`;
      show(office.json(), done, `Version ${done.release}: ${count}`);
    });
}

export function addLinkCommands(program: Command, office: Office): void {
  program
    .command("link")
    .description("how servers on other machines speak to the office")
    .command("users")
    .description(
      "the users and permissions that your own NATS cluster (link.url) has to have, as its configuration includes them",
    )
    .action(async () => {
      const answer = await office.ask<{ configuration: string }>("GET", "/link/users");
      show(office.json(), answer, answer.configuration.trimEnd());
    });
}

/** Prints the line, and waits for the server where that was asked for. */
async function hand(office: Office, invited: Invited, wait: number | true | undefined): Promise<void> {
  const { name } = invited.server;
  if (wait === undefined) return show(office.json(), invited, lineText(name, invited.line, invited.expires));
  // The line has to be seen before the wait: for programs as the first of two answers.
  show(office.json(), invited, lineText(name, invited.line, invited.expires));
  const minutes = wait === true ? WAIT_MINUTES : wait;
  const came = await untilServer(office, name, (view) => view.state === "enrolled" && view.news === "up", {
    patienceMs: minutes * 60_000,
  });
  if (!came) throw new StartError(`${name} was not on the status page within ${minutes} minutes.`);
  show(office.json(), { up: name }, `${name} is on the status page.`);
}

function requestOf(options: AddOptions) {
  const {
    openvpnUdp,
    openvpnTcp,
    socks5,
    httpProxy,
    httpsProxy,
    socks5Tls,
    ssh,
    wireguard,
    ikev2,
    stealthTls,
    stealthObfs4,
    address,
    group,
    bandwidth,
    wait: _,
    ...rest
  } = options;
  const openvpn =
    openvpnUdp === undefined && openvpnTcp === undefined
      ? undefined
      : [
          ...(openvpnUdp ?? []).map((place) => ({ protocol: "udp", ...place })),
          ...(openvpnTcp ?? []).map((place) => ({ protocol: "tcp", ...place })),
        ];
  const listens = {
    ...(openvpn && { openvpn }),
    ...(socks5 && { socks5 }),
    ...(httpProxy && { http: httpProxy }),
    ...(httpsProxy && { https: httpsProxy }),
    ...(socks5Tls && { socks5Tls }),
    ...(ssh && { ssh }),
    ...(wireguard !== undefined && { wireguard: { port: wireguard } }),
    ...(ikev2 !== undefined && { ikev2 }),
    ...(stealthTls && { stealthTls }),
    ...(stealthObfs4 && { stealthObfs4 }),
  };
  return {
    ...rest,
    addresses: address,
    bandwidthMbit: bandwidth,
    ...(group && { groups: group }),
    ...(Object.keys(listens).length > 0 && { listens }),
  };
}

function portRange(text: string): PortRange {
  const range = parsePortRange(text);
  if (range === undefined)
    throw new UsageError("A port is a number from 1 to 65535; a range of ports is written 6881-6889.");
  return range;
}

const degrees =
  (most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^-?\d{1,3}(\.\d+)?$/.test(text) || Math.abs(value) > most)
      throw new InvalidArgumentError(`It must be a number from -${most} to ${most}.`);
    return value;
  };

function listenList(text: string): ListenAddress[] {
  if (text === "none") return [];
  return text.split(",").map((each) => {
    const place = parseListen(each);
    if (place === undefined)
      throw new InvalidArgumentError(
        "It must be none, or addresses and ports such as 0.0.0.0:1080,[::]:1080.",
      );
    return place;
  });
}
