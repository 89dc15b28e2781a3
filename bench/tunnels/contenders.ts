import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ViciClient } from "../../src/exit/ikev2/vici-client.ts";
import { obfs4Identity } from "../../src/exit/stealth/obfs4-identity.ts";
import { stealthObfs4Files, stealthTlsFiles } from "../../src/profiles/stealth.ts";
import { Ikev2Client, type Sswan } from "../../test/lab/ikev2-client.ts";
import { must, until } from "../../test/lab/namespace.ts";
import { addDevice, deviceFile, makeKeys, WireguardClient } from "../../test/lab/wireguard-client.ts";
import { type ByHand, byHand } from "./by-hand.ts";
import type { BenchLethe } from "./lethe.ts";
import { type Durations, IPERF_PORT, loginOf, logins, type Rates, throughput } from "./measure.ts";
import { RunningProgram } from "./programs.ts";
import { type BenchWorld, places } from "./world.ts";

export interface Bench {
  world: BenchWorld;
  lethe: BenchLethe;
  hand: ByHand;
  durations: Durations;
}

/** What one turn of one side found. */
export interface Figures extends Rates {
  logins: number;
}

export interface Contender {
  id: string;
  title: string;
  /** The two sides; each starts what it needs and ends it. */
  lethe: (bench: Bench) => Promise<Figures>;
  hand: (bench: Bench) => Promise<Figures>;
}

const TARGET = { address: places.target, port: IPERF_PORT };
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
  const rule = ["iif", "client", "to", places.target, "table", "77", "priority", "5"];
  const local = ["from", "all", "lookup", "local", "priority", "10"];
  await internet.must(["ip", "route", "add", "default", "via", places.hand.v4, "table", "77"]);
  // The target is an address of the router's own: its own table has to wait.
  await internet.must(["ip", "rule", "add", ...local]);
  await internet.must(["ip", "rule", "add", ...rule]);
  await internet.must(["ip", "rule", "del", "priority", "0"]);
  try {
    return await throughput(world, TARGET, durations);
  } finally {
    await internet.run(["ip", "rule", "add", "from", "all", "lookup", "local", "priority", "0"]);
    await internet.run(["ip", "rule", "del", ...rule]);
    await internet.run(["ip", "rule", "del", ...local]);
    await internet.run(["ip", "route", "flush", "table", "77"]);
  }
}

/** An OpenVPN client with this file in its folder: its rates, then logins by clients without a device. */
async function openvpnFigures(
  { world, durations }: Bench,
  folder: string,
  profile: string,
): Promise<Figures> {
  const common = ["openvpn", "--config", profile, "--auth-user-pass", "login"];
  const client = new RunningProgram(world.client, common, { folder });
  let rates: Rates;
  try {
    await client.says(ONLINE);
    rates = await throughput(world, TARGET, durations);
  } finally {
    await client.stop();
  }
  const deviceless = ["--dev", "null", "--ifconfig-noexec", "--route-noexec"];
  // A port that an ended client had is still that client's in the server's eyes: none is used twice.
  const bound = readFileSync(join(folder, profile), "utf8").replace(/^nobind$/m, "bind");
  writeFileSync(join(folder, "bound.conf"), bound);
  const argv = () => ["openvpn", "--config", "bound.conf", "--auth-user-pass", "login", ...deviceless];
  const logIn = loginOf(world.client, () => [...argv(), "--lport", String(nextPort())], ONLINE, { folder });
  return { ...rates, logins: await logins(durations.loginS, AT_ONCE, logIn) };
}

const letheOpenvpn = (protocol: "udp" | "tcp") => async (bench: Bench) => {
  const { folder, names } = await bench.lethe.files("openvpn", `protocol=${protocol}&system=linux`);
  return openvpnFigures(bench, folder, names[0]!);
};

const handOpenvpn = (protocol: "udp" | "tcp") => async (bench: Bench) => {
  const { hand, world } = bench;
  const server = await hand.openvpn(protocol);
  try {
    const folder = mkdtempSync(join(world.folder, "hand-client-"));
    const remote = `remote ${places.hand.v4} 1194 ${protocol}`;
    writeFileSync(join(folder, "client.conf"), hand.openvpnProfile(remote));
    writeFileSync(join(folder, "login"), "hand\nhand\n");
    return await openvpnFigures(bench, folder, "client.conf");
  } finally {
    await server.stop();
  }
};

/** Its files are not guarded, as the others here are not: Linux's bring a routing table and a firewall of the client's own. */
const STEALTH_SYSTEM = "macos" as const;

/** OpenVPN's file among those of stealth. */
const openvpnOf = (names: readonly string[]): string => names.find((name) => name.endsWith(".ovpn"))!;

async function letheTls(bench: Bench): Promise<Figures> {
  const { folder, names } = await bench.lethe.files("stealth-tls", `system=${STEALTH_SYSTEM}`);
  return tlsFigures(bench, folder, names);
}

async function tlsFigures(bench: Bench, folder: string, names: string[]): Promise<Figures> {
  const stunnel = names.find((name) => name.endsWith("-stunnel.conf"))!;
  const program = new RunningProgram(bench.world.client, ["stunnel4", stunnel], { folder });
  try {
    await program.says(/Configuration successful/);
    await new Promise((resolve) => setTimeout(resolve, 300));
    return await openvpnFigures(bench, folder, openvpnOf(names));
  } finally {
    await program.stop();
  }
}

/** The files that a member would have, for the server by hand: the clients are the same then. */
function handFiles(bench: Bench, kind: "tls" | "obfs4", bridge = ""): { folder: string; names: string[] } {
  const { hand, world } = bench;
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

async function handTls(bench: Bench): Promise<Figures> {
  const { hand } = bench;
  // As ours: OpenVPN has port 443, and hands on what is TLS.
  const openvpn = await hand.openvpn("tcp", { port: 443, share: 8443 });
  const stunnel = hand.start(["stunnel4", hand.write("stunnel.conf", byHand("stunnel.conf"))]);
  try {
    const { folder, names } = handFiles(bench, "tls");
    return await tlsFigures(bench, folder, names);
  } finally {
    await stunnel.stop();
    await openvpn.stop();
  }
}

/** obfs4proxy on the client, and OpenVPN through it, as the member's script does it. */
async function obfs4Figures(bench: Bench, folder: string, names: string[]): Promise<Figures> {
  const { client } = bench.world;
  const env = {
    TOR_PT_MANAGED_TRANSPORT_VER: "1",
    TOR_PT_CLIENT_TRANSPORTS: "obfs4",
    TOR_PT_STATE_LOCATION: folder,
  };
  const proxy = new RunningProgram(client, ["obfs4proxy"], { folder, env });
  try {
    const port = (await proxy.says(/^CMETHOD obfs4 socks5 127\.0\.0\.1:(\d+)$/m))[1]!;
    const text = readFileSync(join(folder, openvpnOf(names)), "utf8");
    writeFileSync(
      join(folder, "through.conf"),
      text.replace(/^(socks-proxy 127\.0\.0\.1) \d+/m, `$1 ${port}`),
    );
    return await openvpnFigures(bench, folder, "through.conf");
  } finally {
    await proxy.stop();
  }
}

async function letheObfs4(bench: Bench): Promise<Figures> {
  const { folder, names } = await bench.lethe.files("stealth-obfs4", `system=${STEALTH_SYSTEM}`);
  return obfs4Figures(bench, folder, names);
}

async function handObfs4(bench: Bench): Promise<Figures> {
  const { hand } = bench;
  const openvpn = await hand.openvpn("tcp");
  const { bridge, state } = obfs4Identity(hand.folder);
  hand.write("obfs4_state.json", state);
  const env = Object.fromEntries(
    byHand("obfs4proxy.env")
      .trim()
      .split("\n")
      .map((line) => line.split("=", 2)),
  );
  const proxy = hand.start(["obfs4proxy"], { ...env, TOR_PT_STATE_LOCATION: hand.folder });
  try {
    await proxy.says(/^SMETHODS DONE$/m);
    const { folder, names } = handFiles(bench, "obfs4", bridge);
    return await obfs4Figures(bench, folder, names);
  } finally {
    await proxy.stop();
    await openvpn.stop();
  }
}

const DEVICES = 8;

async function wireguardFigures(
  { world, durations }: Bench,
  file: string,
  privateKeys: string[],
): Promise<Figures> {
  const client = await WireguardClient.start(world.client, world.folder, file);
  let rates: Rates;
  try {
    await client.online();
    rates = await throughput(world, TARGET, durations);
  } finally {
    await client.stop();
  }
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
  const { stdout } = await world.client.run([process.execPath, "--no-warnings", script], {
    input,
    timeoutMs: 60_000,
  });
  return { ...rates, logins: Number(stdout) };
}

async function letheWireguard(bench: Bench): Promise<Figures> {
  const { member } = bench.lethe;
  const devices = await Promise.all(Array.from({ length: DEVICES }, () => addDevice(member)));
  const files = await Promise.all(devices.map((device) => deviceFile(member, device, "bench1")));
  try {
    // The guarded file's rules are the member's side; by hand has none, and the plain file is compared.
    const file = files[0]!.replaceAll(/^(?:Table|PreUp|PostUp|PreDown|PostDown|DNS) .*\n/gm, "");
    return await wireguardFigures(
      bench,
      file,
      devices.map(({ privateKey }) => privateKey),
    );
  } finally {
    for (const { id } of devices) await member.ask("DELETE", `/api/v1/account/devices/${id}`);
  }
}

async function handWireguard(bench: Bench): Promise<Figures> {
  const { hand, world } = bench;
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
  await world.hand.must(["setsid", "--wait", "wg-quick", "up", path]);
  try {
    const file = `[Interface]
PrivateKey = ${clients[0]!.privateKey}
Address = 10.99.51.2/32, fd99:51::2/128

[Peer]
PublicKey = ${server.publicKey}
AllowedIPs = 0.0.0.0/0, ::/0
Endpoint = ${places.hand.v4}:51820
PersistentKeepalive = 25
`;
    return await wireguardFigures(
      bench,
      file,
      clients.map(({ privateKey }) => privateKey),
    );
  } finally {
    await world.hand.run(["wg-quick", "down", path]);
  }
}

interface IkeLogin {
  profile: Sswan;
  address: string;
  username: string;
  password: string;
}

async function ikev2Figures({ world, durations }: Bench, login: IkeLogin): Promise<Figures> {
  const client = await Ikev2Client.start(world.client, world.folder, login);
  let rates: Rates;
  try {
    await client.online();
    rates = await throughput(world, TARGET, durations);
  } finally {
    await client.stop();
  }
  // One after another: strongSwan as a client is one process with one way out.
  const rate = await logins(durations.loginS, 1, async () => {
    const again = await Ikev2Client.start(world.client, world.folder, login);
    try {
      await again.online();
    } finally {
      await again.stop();
    }
  });
  return { ...rates, logins: rate };
}

async function letheIkev2(bench: Bench): Promise<Figures> {
  const { folder, names } = await bench.lethe.files("sswan", "system=android");
  const profile = JSON.parse(readFileSync(join(folder, names[0]!), "utf8")) as Sswan;
  const { username, password } = bench.lethe;
  return ikev2Figures(bench, { profile, address: places.lethe.v4, username, password });
}

async function handIkev2(bench: Bench): Promise<Figures> {
  const { hand } = bench;
  const configuration = hand.write("strongswan.conf", byHand("strongswan.conf", { FOLDER: hand.folder }));
  const charon = hand.start(["charon-systemd"], { STRONGSWAN_CONF: configuration });
  try {
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
    return await ikev2Figures(bench, {
      profile,
      address: places.hand.v4,
      username: "hand",
      password: "hand",
    });
  } finally {
    await charon.stop();
  }
}

const FORWARD = 5301;

async function sshFigures(
  { world, durations }: Bench,
  folder: string,
  to: string[],
  env: object,
): Promise<Figures> {
  const quiet = ["-o", "StrictHostKeyChecking=no", "-o", `UserKnownHostsFile=${join(folder, "known_hosts")}`];
  const common = ["ssh", "-v", "-N", "-F", "none", "-c", "aes256-gcm@openssh.com", ...quiet];
  const forward = ["-L", `127.0.0.1:${FORWARD}:${places.target}:${TARGET.port}`];
  const client = new RunningProgram(world.client, [...common, ...forward, ...to], { env });
  let rates: Rates;
  try {
    await client.says(/Entering interactive session/);
    rates = await throughput(world, { address: "127.0.0.1", port: FORWARD }, durations);
  } finally {
    await client.stop();
  }
  const logIn = loginOf(world.client, () => [...common, ...to], /Entering interactive session/, { env });
  return { ...rates, logins: await logins(durations.loginS, AT_ONCE, logIn) };
}

function letheSsh(bench: Bench): Promise<Figures> {
  const { lethe, world } = bench;
  const folder = mkdtempSync(join(world.folder, "ssh-"));
  const ask = join(folder, "ask");
  writeFileSync(ask, '#!/bin/sh\nprintf "%s\\n" "$BENCH_PASSWORD"\n', { mode: 0o700 });
  const env = { SSH_ASKPASS: ask, SSH_ASKPASS_REQUIRE: "force", BENCH_PASSWORD: lethe.password };
  return sshFigures(bench, folder, ["-p", "2222", `${lethe.username}@${places.lethe.v4}`], env);
}

async function handSsh(bench: Bench): Promise<Figures> {
  const { hand, world } = bench;
  const folder = mkdtempSync(join(world.folder, "ssh-"));
  const [host, client] = [join(hand.folder, "ssh_host_ed25519_key"), join(folder, "id")];
  for (const path of [host, client])
    await must(["sh", "-c", `rm -f ${path} && ssh-keygen -q -t ed25519 -N "" -f ${path}`]);
  hand.write("authorized_keys", readFileSync(`${client}.pub`, "utf8"));
  await must(["mkdir", "-p", "/run/sshd"]);
  const sshd = hand.start([
    "/usr/sbin/sshd",
    "-D",
    "-f",
    hand.write("sshd_config", byHand("sshd_config", { FOLDER: hand.folder })),
  ]);
  try {
    await new Promise((resolve) => setTimeout(resolve, 500));
    return await sshFigures(bench, folder, ["-i", client, "-p", "2222", `root@${places.hand.v4}`], {});
  } finally {
    await sshd.stop();
  }
}

export const contenders: readonly Contender[] = [
  { id: "openvpn-udp", title: "OpenVPN, UDP", lethe: letheOpenvpn("udp"), hand: handOpenvpn("udp") },
  { id: "openvpn-tcp", title: "OpenVPN, TCP", lethe: letheOpenvpn("tcp"), hand: handOpenvpn("tcp") },
  { id: "stealth-tls", title: "OpenVPN in TLS", lethe: letheTls, hand: handTls },
  { id: "stealth-obfs4", title: "OpenVPN in obfs4", lethe: letheObfs4, hand: handObfs4 },
  { id: "wireguard", title: "WireGuard", lethe: letheWireguard, hand: handWireguard },
  { id: "ikev2", title: "IKEv2", lethe: letheIkev2, hand: handIkev2 },
  { id: "ssh", title: "SSH (by hand: OpenSSH)", lethe: letheSsh, hand: handSsh },
];
