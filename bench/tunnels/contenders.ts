import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ViciClient } from "../../src/exit/ikev2/vici-client.ts";
import { obfs4Identity } from "../../src/exit/stealth/obfs4-identity.ts";
import { stealthObfs4Files, stealthTlsFiles } from "../../src/profiles/stealth.ts";
import { Ikev2Client, type Sswan } from "../../test/lab/ikev2-client.ts";
import { must, type Namespace, until } from "../../test/lab/namespace.ts";
import { addDevice, deviceFile, makeKeys, WireguardClient } from "../../test/lab/wireguard-client.ts";
import { type ByHand, byHand } from "./by-hand.ts";
import type { BenchLethe } from "./lethe.ts";
import {
  type Durations,
  IPERF_PORT,
  loginOf,
  logins,
  type Rates,
  type StreamEnd,
  throughput,
} from "./measure.ts";
import { RunningProgram } from "./programs.ts";
import { type BenchWorld, places } from "./world.ts";

export interface Bench {
  world: BenchWorld;
  lethe: BenchLethe;
  hand: ByHand;
  durations: Durations;
}

/** What a side has for one round. */
export interface Turn extends Bench {
  /** The namespace of its client: each side has its own, so that both can be connected at one time. */
  client: Namespace;
  /** Called when the round is over, the last first, whatever has become of it. */
  atEnd: (end: () => Promise<unknown>) => void;
}

/** A side whose client is connected. */
export interface Connected {
  to: StreamEnd;
  disconnect: () => Promise<void>;
  /** Logins a second; after `disconnect`. */
  logins: () => Promise<number>;
}

export interface Contender {
  id: string;
  title: string;
  lethe: (turn: Turn) => Promise<Connected>;
  hand: (turn: Turn) => Promise<Connected>;
}

/**
 * Less than any queue on the way holds. A stream without a limit fills the tunnel's queue until packets are lost, thousands in two
 * seconds, and goes on at a rate that is drawn anew each time: what is to be measured is the work for a packet.
 */
const TARGET: StreamEnd = { address: places.target, port: IPERF_PORT, bufferBytes: 256 * 1024 };
/** Clients that log in at one time: so many that waiting is not what is measured. */
const AT_ONCE = 32;
const ONLINE = /Initialization Sequence Completed/;
/** Below those that the kernel draws for others, above stunnel's on the client; when the first comes again the server has long given up its former client. */
const LOGIN_PORTS = { first: 12_000, last: 32_000 };
let lastPort = LOGIN_PORTS.last;
function nextPort(): number {
  lastPort = lastPort < LOGIN_PORTS.last ? lastPort + 1 : LOGIN_PORTS.first;
  return lastPort;
}

/** The ceiling: the same way through a server that forwards and translates, without any tunnel. */
export async function ceiling({ world, durations }: Bench): Promise<Rates> {
  const { internet } = world;
  const client = world.clients.lethe;
  const rule = ["iif", "client-lethe", "to", places.target, "table", "77", "priority", "5"];
  const local = ["from", "all", "lookup", "local", "priority", "10"];
  await internet.must(["ip", "route", "add", "default", "via", places.hand.v4, "table", "77"]);
  // The target is an address of the router's own: its own table has to wait.
  await internet.must(["ip", "rule", "add", ...local]);
  await internet.must(["ip", "rule", "add", ...rule]);
  await internet.must(["ip", "rule", "del", "priority", "0"]);
  try {
    const rate = (direction: "up" | "down") => throughput({ client, internet }, TARGET, direction, durations);
    return { up: await rate("up"), down: await rate("down") };
  } finally {
    await internet.run(["ip", "rule", "add", "from", "all", "lookup", "local", "priority", "0"]);
    await internet.run(["ip", "rule", "del", ...rule]);
    await internet.run(["ip", "rule", "del", ...local]);
    await internet.run(["ip", "route", "flush", "table", "77"]);
  }
}

/** An OpenVPN client with this file in its folder; its logins are of clients without a device. */
async function connectOpenvpn(
  { client, durations, atEnd }: Turn,
  folder: string,
  profile: string,
): Promise<Connected> {
  const common = ["openvpn", "--config", profile, "--auth-user-pass", "login"];
  const program = new RunningProgram(client, common, { folder });
  atEnd(() => program.stop());
  await program.says(ONLINE);
  const deviceless = ["--dev", "null", "--ifconfig-noexec", "--route-noexec"];
  // A port that an ended client had is still that client's in the server's eyes: none is used twice.
  const bound = readFileSync(join(folder, profile), "utf8").replace(/^nobind$/m, "bind");
  writeFileSync(join(folder, "bound.conf"), bound);
  const argv = () => ["openvpn", "--config", "bound.conf", "--auth-user-pass", "login", ...deviceless];
  const logIn = loginOf(client, () => [...argv(), "--lport", String(nextPort())], ONLINE, { folder });
  return {
    to: TARGET,
    disconnect: () => program.stop(),
    logins: () => logins(durations.loginS, AT_ONCE, logIn),
  };
}

const letheOpenvpn = (protocol: "udp" | "tcp") => async (turn: Turn) => {
  const { folder, names } = await turn.lethe.files("openvpn", `protocol=${protocol}&system=linux`);
  return connectOpenvpn(turn, folder, names[0]!);
};

const handOpenvpn = (protocol: "udp" | "tcp") => async (turn: Turn) => {
  const { hand, world, atEnd } = turn;
  const server = await hand.openvpn(protocol);
  atEnd(() => server.stop());
  const folder = mkdtempSync(join(world.folder, "hand-client-"));
  const remote = `remote ${places.hand.v4} 1194 ${protocol}`;
  writeFileSync(join(folder, "client.conf"), hand.openvpnProfile(remote));
  writeFileSync(join(folder, "login"), "hand\nhand\n");
  return connectOpenvpn(turn, folder, "client.conf");
};

/** Its files are not guarded, as the others here are not: Linux's bring a routing table and a firewall of the client's own. */
const STEALTH_SYSTEM = "macos" as const;

/** OpenVPN's file among those of stealth. */
const openvpnOf = (names: readonly string[]): string => names.find((name) => name.endsWith(".ovpn"))!;

async function letheTls(turn: Turn): Promise<Connected> {
  const { folder, names } = await turn.lethe.files("stealth-tls", `system=${STEALTH_SYSTEM}`);
  return connectTls(turn, folder, names);
}

async function connectTls(turn: Turn, folder: string, names: string[]): Promise<Connected> {
  const stunnel = names.find((name) => name.endsWith("-stunnel.conf"))!;
  const program = new RunningProgram(turn.client, ["stunnel4", stunnel], { folder });
  turn.atEnd(() => program.stop());
  await program.says(/Configuration successful/);
  await new Promise((resolve) => setTimeout(resolve, 300));
  return connectOpenvpn(turn, folder, openvpnOf(names));
}

/** The files that a member would have, for the server by hand: the clients are the same then. */
function handFiles(
  { hand, world }: Turn,
  kind: "tls" | "obfs4",
  bridge = "",
): { folder: string; names: string[] } {
  const folder = mkdtempSync(join(world.folder, "hand-client-"));
  const input = {
    name: "hand",
    serverName: "hand.example",
    host: places.hand.v4,
    port: kind === "tls" ? 443 : 8444,
    ca: hand.read("ca.crt"),
    tlsCrypt: hand.read("tls-crypt.key"),
    system: STEALTH_SYSTEM,
  };
  const files = kind === "tls" ? stealthTlsFiles(input) : stealthObfs4Files({ ...input, bridge });
  for (const { name, content } of files) writeFileSync(join(folder, name), content);
  writeFileSync(join(folder, "login"), "hand\nhand\n");
  return { folder, names: files.map(({ name }) => name) };
}

async function handTls(turn: Turn): Promise<Connected> {
  const { hand, atEnd } = turn;
  // As ours: OpenVPN has port 443, and hands on what is TLS.
  const openvpn = await hand.openvpn("tcp", { port: 443, share: 8443 });
  atEnd(() => openvpn.stop());
  const stunnel = hand.start(["stunnel4", hand.write("stunnel.conf", byHand("stunnel.conf"))]);
  atEnd(() => stunnel.stop());
  const { folder, names } = handFiles(turn, "tls");
  return connectTls(turn, folder, names);
}

/** obfs4proxy on the client, and OpenVPN through it, as the member's script does it. */
async function connectObfs4(turn: Turn, folder: string, names: string[]): Promise<Connected> {
  const env = {
    TOR_PT_MANAGED_TRANSPORT_VER: "1",
    TOR_PT_CLIENT_TRANSPORTS: "obfs4",
    TOR_PT_STATE_LOCATION: folder,
  };
  const proxy = new RunningProgram(turn.client, ["obfs4proxy"], { folder, env });
  turn.atEnd(() => proxy.stop());
  const port = (await proxy.says(/^CMETHOD obfs4 socks5 127\.0\.0\.1:(\d+)$/m))[1]!;
  const text = readFileSync(join(folder, openvpnOf(names)), "utf8");
  writeFileSync(join(folder, "through.conf"), text.replace(/^(socks-proxy 127\.0\.0\.1) \d+/m, `$1 ${port}`));
  return connectOpenvpn(turn, folder, "through.conf");
}

async function letheObfs4(turn: Turn): Promise<Connected> {
  const { folder, names } = await turn.lethe.files("stealth-obfs4", `system=${STEALTH_SYSTEM}`);
  return connectObfs4(turn, folder, names);
}

async function handObfs4(turn: Turn): Promise<Connected> {
  const { hand, lethe, atEnd } = turn;
  const openvpn = await hand.openvpn("tcp");
  atEnd(() => openvpn.stop());
  // The same identity as ours: how much a server pads is drawn from its seed, once for all its life (obfs4-spec, TYPE_PRNG_SEED).
  const { bridge, state } = obfs4Identity(lethe.exitFolder);
  hand.write("obfs4_state.json", state);
  const env = Object.fromEntries(
    byHand("obfs4proxy.env")
      .trim()
      .split("\n")
      .map((line) => line.split("=", 2)),
  );
  const proxy = hand.start(["obfs4proxy"], { ...env, TOR_PT_STATE_LOCATION: hand.folder });
  atEnd(() => proxy.stop());
  await proxy.says(/^SMETHODS DONE$/m);
  const { folder, names } = handFiles(turn, "obfs4", bridge);
  return connectObfs4(turn, folder, names);
}

const DEVICES = 8;

async function connectWireguard(
  { world, client, durations, atEnd }: Turn,
  file: string,
  privateKeys: string[],
): Promise<Connected> {
  const connected = await WireguardClient.start(client, world.folder, file);
  atEnd(() => connected.stop());
  await connected.online();
  const script = fileURLToPath(new URL("handshakes.ts", import.meta.url));
  const [, address, port] = /^Endpoint = (.*):(\d+)$/m.exec(file)!;
  const serverKey = /^PublicKey = (.*)$/m.exec(file)![1];
  const input = JSON.stringify({
    address,
    port: Number(port),
    serverKey,
    privateKeys,
    seconds: durations.loginS,
  });
  const handshakes = async (): Promise<number> => {
    const argv = [process.execPath, "--no-warnings", script];
    return Number((await client.run(argv, { input, timeoutMs: 60_000 })).stdout);
  };
  return { to: TARGET, disconnect: () => connected.stop(), logins: handshakes };
}

async function letheWireguard(turn: Turn): Promise<Connected> {
  const { member } = turn.lethe;
  const devices = await Promise.all(Array.from({ length: DEVICES }, () => addDevice(member)));
  turn.atEnd(async () => {
    for (const { id } of devices) await member.ask("DELETE", `/api/v1/account/devices/${id}`);
  });
  const files = await Promise.all(devices.map((device) => deviceFile(member, device, "bench1")));
  // The guarded file's rules are the member's side; by hand has none, and the plain file is compared.
  const file = files[0]!.replaceAll(/^(?:Table|PreUp|PostUp|PreDown|PostDown|DNS) .*\n/gm, "");
  return connectWireguard(
    turn,
    file,
    devices.map(({ privateKey }) => privateKey),
  );
}

async function handWireguard(turn: Turn): Promise<Connected> {
  const { hand, world, atEnd } = turn;
  const server = await makeKeys();
  const clients = await Promise.all(Array.from({ length: DEVICES }, () => makeKeys()));
  const peers = clients
    .slice(1)
    .map(
      ({ publicKey }, index) =>
        `\n[Peer]\nPublicKey = ${publicKey}\nAllowedIPs = 10.99.51.${index + 3}/32, fd99:51::${index + 3}/128\n`,
    );
  const words = { "SERVER-KEY": server.privateKey, "CLIENT-KEY": clients[0]!.publicKey };
  // wg-quick calls the device as the file is called. A session of its own: see ByHand.start.
  const path = hand.write("hand0.conf", byHand("wireguard.conf", words) + peers.join(""));
  atEnd(() => world.hand.run(["wg-quick", "down", path]));
  await world.hand.must(["setsid", "--wait", "wg-quick", "up", path]);
  const file = `[Interface]
PrivateKey = ${clients[0]!.privateKey}
Address = 10.99.51.2/32, fd99:51::2/128

[Peer]
PublicKey = ${server.publicKey}
AllowedIPs = 0.0.0.0/0, ::/0
Endpoint = ${places.hand.v4}:51820
PersistentKeepalive = 25
`;
  return connectWireguard(
    turn,
    file,
    clients.map(({ privateKey }) => privateKey),
  );
}

interface IkeLogin {
  profile: Sswan;
  address: string;
  username: string;
  password: string;
}

async function connectIkev2({ world, client, durations, atEnd }: Turn, login: IkeLogin): Promise<Connected> {
  const connected = await Ikev2Client.start(client, world.folder, login);
  let stopped: Promise<void> | undefined;
  const disconnect = (): Promise<void> => {
    stopped ??= connected.stop();
    return stopped;
  };
  atEnd(disconnect);
  await connected.online();
  const logIn = async (): Promise<void> => {
    const again = await Ikev2Client.start(client, world.folder, login);
    try {
      await again.online();
    } finally {
      await again.stop();
    }
  };
  // One after another: strongSwan as a client is one process with one way out.
  return { to: TARGET, disconnect, logins: () => logins(durations.loginS, 1, logIn) };
}

async function letheIkev2(turn: Turn): Promise<Connected> {
  const { folder, names } = await turn.lethe.files("sswan", "system=android");
  const profile = JSON.parse(readFileSync(join(folder, names[0]!), "utf8")) as Sswan;
  const { username, password } = turn.lethe;
  return connectIkev2(turn, { profile, address: places.lethe.v4, username, password });
}

async function handIkev2(turn: Turn): Promise<Connected> {
  const { hand, atEnd } = turn;
  const configuration = hand.write("strongswan.conf", byHand("strongswan.conf", { FOLDER: hand.folder }));
  const charon = hand.start(["charon-systemd"], { STRONGSWAN_CONF: configuration });
  atEnd(() => charon.stop());
  const socket = join(hand.folder, "vici");
  const vici = await until("strongSwan", 10_000, () => ViciClient.open(socket).catch(() => undefined));
  const der = async (path: string, ...words: string[]) =>
    Buffer.from(
      await must(["sh", "-c", `openssl ${words.join(" ")} -in ${path} -outform DER | base64 -w0`]),
      "base64",
    );
  await vici!.request("load-cert", {
    type: "X509",
    flag: "CA",
    data: await der(join(hand.folder, "ca.crt"), "x509"),
  });
  await vici!.request("load-key", { type: "any", data: hand.read("server.key") });
  await vici!.request("load-shared", { type: "EAP", data: "hand", owners: ["hand"] });
  await vici!.request("load-pool", { hand: { addrs: "10.99.61.0/24" } });
  await vici!.request("load-pool", { "hand-6": { addrs: "fd99:61::/120" } });
  const connection = JSON.parse(byHand("swanctl.json"));
  connection.hand.local.certs = [await der(join(hand.folder, "server.crt"), "x509")];
  await vici!.request("load-conn", connection);
  vici!.close();
  const cert = (await der(join(hand.folder, "ca.crt"), "x509")).toString("base64");
  const profile = { remote: { id: "hand.example", cert } };
  return connectIkev2(turn, { profile, address: places.hand.v4, username: "hand", password: "hand" });
}

const FORWARD = 5301;
const ENTERED = /Entering interactive session/;

async function connectSsh(
  { client, durations, atEnd }: Turn,
  folder: string,
  to: string[],
  env: object,
): Promise<Connected> {
  const quiet = ["-o", "StrictHostKeyChecking=no", "-o", `UserKnownHostsFile=${join(folder, "known_hosts")}`];
  const common = ["ssh", "-v", "-N", "-F", "none", "-c", "aes256-gcm@openssh.com", ...quiet];
  const forward = ["-L", `127.0.0.1:${FORWARD}:${places.target}:${TARGET.port}`];
  const program = new RunningProgram(client, [...common, ...forward, ...to], { env });
  atEnd(() => program.stop());
  await program.says(ENTERED);
  const logIn = loginOf(client, () => [...common, ...to], ENTERED, { env });
  return {
    to: { address: "127.0.0.1", port: FORWARD },
    disconnect: () => program.stop(),
    logins: () => logins(durations.loginS, AT_ONCE, logIn),
  };
}

/** The folder of a client, and what it needs to log in with a password. */
function passwordLogin(world: BenchWorld, password: string): { folder: string; env: object } {
  const folder = mkdtempSync(join(world.folder, "ssh-"));
  const ask = join(folder, "ask");
  writeFileSync(ask, '#!/bin/sh\nprintf "%s\\n" "$BENCH_PASSWORD"\n', { mode: 0o700 });
  return { folder, env: { SSH_ASKPASS: ask, SSH_ASKPASS_REQUIRE: "force", BENCH_PASSWORD: password } };
}

function letheSsh(turn: Turn): Promise<Connected> {
  const { lethe, world } = turn;
  const { folder, env } = passwordLogin(world, lethe.password);
  return connectSsh(turn, folder, ["-p", "2222", `${lethe.username}@${places.lethe.v4}`], env);
}

async function makeSshKey(path: string): Promise<string> {
  await must(["sh", "-c", `rm -f ${path} && ssh-keygen -q -t ed25519 -N "" -f ${path}`]);
  return path;
}

async function handSsh(turn: Turn): Promise<Connected> {
  const { hand, world, atEnd } = turn;
  const script = fileURLToPath(new URL("by-hand/ssh2.mjs", import.meta.url));
  const key = await makeSshKey(join(hand.folder, "ssh_host_ed25519_key"));
  const server = hand.start([process.execPath, script, key, "hand"]);
  atEnd(() => server.stop());
  await server.says(/^listening$/m);
  const { folder, env } = passwordLogin(world, "hand");
  return connectSsh(turn, folder, ["-p", "2222", `hand@${places.hand.v4}`], env);
}

async function handOpenssh(turn: Turn): Promise<Connected> {
  const { hand, world, atEnd } = turn;
  const folder = mkdtempSync(join(world.folder, "ssh-"));
  await makeSshKey(join(hand.folder, "ssh_host_ed25519_key"));
  const client = await makeSshKey(join(folder, "id"));
  hand.write("authorized_keys", readFileSync(`${client}.pub`, "utf8"));
  await must(["mkdir", "-p", "/run/sshd"]);
  const configuration = hand.write("sshd_config", byHand("sshd_config", { FOLDER: hand.folder }));
  const sshd = hand.start(["/usr/sbin/sshd", "-D", "-f", configuration]);
  atEnd(() => sshd.stop());
  await new Promise((resolve) => setTimeout(resolve, 500));
  return connectSsh(turn, folder, ["-i", client, "-p", "2222", `root@${places.hand.v4}`], {});
}

export const contenders: readonly Contender[] = [
  { id: "openvpn-udp", title: "OpenVPN, UDP", lethe: letheOpenvpn("udp"), hand: handOpenvpn("udp") },
  { id: "openvpn-tcp", title: "OpenVPN, TCP", lethe: letheOpenvpn("tcp"), hand: handOpenvpn("tcp") },
  { id: "stealth-tls", title: "OpenVPN in TLS", lethe: letheTls, hand: handTls },
  { id: "stealth-obfs4", title: "OpenVPN in obfs4", lethe: letheObfs4, hand: handObfs4 },
  { id: "wireguard", title: "WireGuard", lethe: letheWireguard, hand: handWireguard },
  { id: "ikev2", title: "IKEv2", lethe: letheIkev2, hand: handIkev2 },
  { id: "ssh", title: "SSH", lethe: letheSsh, hand: handSsh },
  { id: "ssh-openssh", title: "SSH (by hand: OpenSSH)", lethe: letheSsh, hand: handOpenssh },
];
