import { createSocket } from "node:dgram";
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readFileSync,
  statfsSync,
  statSync,
} from "node:fs";
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { dirname } from "node:path";
import { checkPair } from "../certificates/pair.ts";
import type { CertificateState } from "../certificates/state.ts";
import { describeCertificate, problemRemedy } from "../certificates/words.ts";
import { readRuleset } from "../exit/firewall/foreign.ts";
import { findProgram, runCommand } from "../lib/run-command.ts";
import { findPublicAddress } from "../office/addresses.ts";
import { type Config, parseConfig } from "../office/config.ts";
import { dataFolder } from "../office/folders.ts";
import { parseListen } from "../office/listen-address.ts";
import { placeNotSaid } from "../office/place-said.ts";
import { type SiteTls, siteTls } from "../office/site-address.ts";
import { secretFile } from "./credentials.ts";
import { checkDns } from "./doctor-dns.ts";
import { checkEsp, checkWireguard } from "./doctor-engines.ts";
import { checkDatabase, checkExitCertificates, checkLink } from "./doctor-fleet.ts";
import { checkMail } from "./doctor-mail.ts";
import { checkPackages, checkStrongswan } from "./doctor-packages.ts";
import { checkPaypal } from "./doctor-paypal.ts";
import { checkTogether } from "./doctor-settings.ts";
import { checkSupport } from "./doctor-support.ts";
import { checkLook, checkTexts } from "./doctor-texts.ts";
import { bad, type Finding, good, note } from "./finding.ts";
import { askSupervisor } from "./lock.ts";
import { readConfig } from "./prepare.ts";
import { StartError } from "./start-error.ts";

const LEAST_FREE_BYTES = 200_000_000;

/** Looks at everything that has to be right around a provider. Changes nothing, and asks only a name server and the mail server. */
export async function doctor(dataRoot: string): Promise<{ findings: Finding[]; text: string }> {
  const { settings, finding } = checkSettings(dataRoot);
  const findings = [
    finding,
    checkRoot(),
    checkTun(),
    checkPackages(settings),
    checkWireguard(settings.wireguard.port),
    checkEsp(settings.ikev2.enabled),
    ...(await checkStrongswan(settings)),
    ...checkTogether(settings),
    ...checkTexts(settings),
    ...checkLook(settings),
    ...(await checkPorts(dataRoot, settings)),
    ...(await checkCertificate(dataRoot, settings)),
    ...(await checkExitCertificates(dataRoot, settings)),
    await checkDatabase(dataRoot, settings),
    ...(await checkLink(settings)),
    await checkForwarding(),
    await checkAddress(settings),
    checkNames(settings),
    await checkMail(settings),
    ...(await checkPaypal(dataRoot, settings)),
    checkSupport(settings),
    checkIpv6(),
    ...(await checkDns(settings)),
    await checkClock(dataRoot),
    checkDisk(dataRoot),
    checkSwap(),
  ];
  const marks = { good: "ok  ", note: "note", bad: "BAD " };
  const lines = findings.map(
    ({ check, state, found, remedy }) =>
      `${marks[state]}  ${check.padEnd(11)} ${found}${remedy === "" ? "" : `\n                  → ${remedy}`}`,
  );
  return { findings, text: lines.join("\n") };
}

export function checkSettings(dataRoot: string): { settings: Config; finding: Finding } {
  const { config } = dataFolder(dataRoot);
  const defaults = parseConfig("", config);
  try {
    closeSync(openSync(config, "r"));
  } catch (error) {
    // Who may not look into the folder is not told that there is nothing in it.
    const shut = (error as NodeJS.ErrnoException).code === "EACCES";
    return {
      settings: defaults,
      finding: shut
        ? note("settings", `this user may not read ${config}`, "sudo ./lethe doctor")
        : note("settings", `there is no ${config} yet`, "the first start writes it"),
    };
  }
  try {
    return { settings: readConfig(config), finding: good("settings", `${config} is right`) };
  } catch (error) {
    return { settings: defaults, finding: bad("settings", (error as Error).message, "correct the file") };
  }
}

const checkRoot = (): Finding =>
  process.getuid!() === 0
    ? good("root", "yes")
    : note("root", "no: the site and the proxies can run, the VPN cannot", "sudo npm start");

function checkTun(): Finding {
  try {
    accessSync("/dev/net/tun", constants.F_OK);
    return good("tun", "/dev/net/tun is there");
  } catch {
    return bad(
      "tun",
      "there is no /dev/net/tun",
      "modprobe tun; on a rented container, ask for TUN to be switched on",
    );
  }
}

async function checkPorts(dataRoot: string, settings: Config): Promise<Finding[]> {
  const running = await askSupervisor(dataFolder(dataRoot).supervisorSocket, { command: "status" }).catch(
    () => undefined,
  );
  if (running?.report) {
    const failed = running.report.services.filter((service) => service.failed !== undefined);
    return failed.length === 0
      ? [good("ports", "Lethe is running, and has every port it wants")]
      : failed.map(({ service, protocol, port, failed: why }) =>
          bad(
            "ports",
            `${service} does not have ${protocol} port ${port} (${why})`,
            "`lethe status` says what to do",
          ),
        );
  }
  const { openvpn, stealth, socks5, http_proxy, https_proxy, socks5_tls, ssh, site } = settings;
  // Some stand there twice, since two services share a port.
  const tcp = [site, socks5, http_proxy, https_proxy, socks5_tls, ssh].flatMap(({ listen }) => listen);
  const udp = [
    ...[...openvpn.udp, ...settings.check.stun],
    ...(settings.wireguard.port === 0 ? [] : [`0.0.0.0:${settings.wireguard.port}`]),
    ...(settings.ikev2.enabled ? ["0.0.0.0:500", "0.0.0.0:4500"] : []),
  ];
  const wanted = [
    ...[...new Set([...tcp, ...openvpn.tcp, ...stealth.tls, ...stealth.obfs4])].map((listen) => ({
      protocol: "tcp" as const,
      ...parseListen(listen)!,
    })),
    ...[...new Set(udp)].map((listen) => ({ protocol: "udp" as const, ...parseListen(listen)! })),
  ];
  const tried: ((typeof wanted)[number] & { code: string | undefined })[] = [];
  // One after another: 0.0.0.0 and an address of the machine's would be in each other's way.
  for (const place of wanted) tried.push({ ...place, code: await tryToBind(place) });
  const refused = tried.filter(({ code }) => code !== undefined);
  if (refused.length === 0) return [good("ports", `all ${wanted.length} are free`)];
  return refused.map(({ protocol, address, port, code }) =>
    bad(
      "ports",
      `${protocol} ${address} port ${port}: ${code}`,
      code === "EADDRINUSE"
        ? `find its owner with: ss -lnp '( sport = :${port} )'`
        : "choose another in lethe.toml",
    ),
  );
}

/** The site's certificate, where it has one itself. */
async function checkCertificate(dataRoot: string, settings: Config): Promise<Finding[]> {
  const tls = siteTls(settings);
  if (tls === undefined) return [];
  const running = await askSupervisor(dataFolder(dataRoot).supervisorSocket, { command: "status" }).catch(
    () => undefined,
  );
  const state = running?.report?.certificate ?? readCertificate(tls);
  if (state === undefined)
    return [note("certificate", "it is looked after while Lethe runs", "start it, and ask again")];
  const found = describeCertificate(state);
  if (state.problem === undefined) return [good("certificate", found)];
  const remedy = problemRemedy(state.problem);
  // A certificate that is in use is good until its end.
  return [
    state.notAfterMs === undefined ? bad("certificate", found, remedy) : note("certificate", found, remedy),
  ];
}

/** As the files are now; undefined where it comes from elsewhere. */
function readCertificate({ names, source }: SiteTls): CertificateState | undefined {
  if (source.kind !== "files") return undefined;
  try {
    const pair = {
      certificate: readFileSync(secretFile("tls.certificate", source.certificate), "utf8"),
      key: readFileSync(secretFile("tls.key", source.key), "utf8"),
    };
    const checked = checkPair(pair, names, Date.now());
    if (!checked.ok) return { source: "files", problem: checked.error };
    return { source: "files", notAfterMs: checked.value.notAfterMs };
  } catch (error) {
    // Of a credential nobody knows anything outside the unit.
    return error instanceof StartError ? undefined : { source: "files", problem: "unreadable" };
  }
}

/** Takes the port for a moment; the error's code where it cannot be had. */
function tryToBind(place: {
  protocol: "tcp" | "udp";
  address: string;
  port: number;
}): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const refused = (error: NodeJS.ErrnoException) => resolve(error.code ?? "error");
  if (place.protocol === "tcp") {
    const server = createServer().once("error", refused);
    const { port, address: host } = place;
    server.listen({ port, host, ipv6Only: true }, () => server.close(() => resolve(undefined)));
  } else {
    const type = place.address.includes(":") ? "udp6" : "udp4";
    const socket = createSocket({ type, ipv6Only: type === "udp6" }).once("error", refused);
    socket.bind(place.port, place.address, () => socket.close(() => resolve(undefined)));
  }
  return promise;
}

async function checkForwarding(): Promise<Finding> {
  const ruleset = await readRuleset();
  if (ruleset === undefined)
    return note("forwarding", "the firewall can only be read by root, with nft", "sudo lethe doctor");
  const [first] = ruleset.foreignDrops;
  return first === undefined
    ? good(
        "forwarding",
        "no rule of somebody else's drops forwarded packets; Lethe switches forwarding on itself",
      )
    : bad("forwarding", first, "members' packets are dropped there until it lets them through");
}

async function checkAddress(settings: Config): Promise<Finding> {
  const { host, warnings } = await findPublicAddress(settings);
  return warnings[0] === undefined
    ? good("address", `clients connect to ${host}`)
    : note("address", warnings[0], "set server.host and server.addresses in lethe.toml");
}

/** What visitors read on every page, and nobody can know but the operator. */
function checkNames({ site, server }: Config): Finding {
  const read = placeNotSaid({ server });
  return read !== undefined
    ? note("texts", `visitors read "${read}"`, "set server.city, server.country and their like")
    : good("texts", `${site.name}, ${server.city}, ${server.country}`);
}

function checkIpv6(): Finding {
  const global = Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .some(({ family, address, internal }) => family === "IPv6" && !internal && /^[23]/.test(address));
  return global
    ? good("IPv6", "this machine has a public IPv6 address")
    : note(
        "IPv6",
        "this machine has no public IPv6 address: members' IPv6 ends in the tunnel, so nothing leaks",
        "ask your hosting company for IPv6 if you want to offer it",
      );
}

async function checkClock(dataRoot: string): Promise<Finding> {
  const { config } = dataFolder(dataRoot);
  const written = existsSync(config) ? statSync(config).mtimeMs : 0;
  const now = new Date().toISOString().slice(0, 16).replace("T", " ");
  if (Date.now() < written)
    return bad(
      "clock",
      `it is before lethe.toml was written (${now} UTC)`,
      "set the clock: timedatectl set-ntp true",
    );
  const timedatectl = findProgram("timedatectl");
  if (timedatectl === undefined)
    return note("clock", `${now} UTC; nobody here says whether it is synchronised`, "keep it right with NTP");
  const answer = await runCommand([timedatectl, "show", "--property=NTPSynchronized", "--value"]);
  return answer.stdout.trim() === "yes"
    ? good("clock", `${now} UTC, synchronised`)
    : note("clock", `${now} UTC, not known to be synchronised`, "timedatectl set-ntp true");
}

function checkDisk(dataRoot: string): Finding {
  let folder = dataRoot;
  while (!existsSync(folder)) folder = dirname(folder);
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const text = `${Math.floor(free / 1_000_000)} MB free at ${folder}`;
  return free >= LEAST_FREE_BYTES ? good("disk", text) : bad("disk", text, "make room");
}

function checkSwap(): Finding {
  const areas = readFileSync("/proc/swaps", "utf8").trim().split("\n").length - 1;
  return areas === 0
    ? good("swap", "off: what is in memory stays in memory")
    : note(
        "swap",
        "on: the kernel may write memory, members' data included, to a disk",
        "swapoff -a, and take it out of /etc/fstab",
      );
}
