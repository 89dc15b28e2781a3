import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { writeFileAtomic } from "../lib/atomic-file.ts";
import { randomPassword } from "../lib/random-password.ts";
import { dataFolder, runFolder } from "../office/folders.ts";
import type { Users } from "../office/users.ts";
import { askOffice } from "./control-client.ts";
import { StartError } from "./start-error.ts";
import { say } from "./terminal.ts";
import { up } from "./up.ts";

/** Tried first, so that a newcomer finds the same address in the terminal and in the guide. */
const SITE_PORT = 8090;
/** For a demo that has the port above: the admin pages listen only while they are open, and look free to a second demo. */
const ADMIN_PORT = 8091;
/** Of the demo's exit: none that a real one has. */
const PROXY_PORTS = { socks5: 11_080, http: 13_128, ssh: 12_222 };
const MEMBER = "demo-member";
const MEMBER_DAYS = 30;
/** `nobody` of Debian: as root no user is made for a demo. */
const NOBODY = { uid: 65_534, gid: 65_534 };
const SIMULATORS_START_MS = 60_000;

/** What test/simulators/demo.ts says when its servers listen. */
interface Simulators {
  paypal: { address: string; roots: string[]; clientId: string; secret: string; webhookId: string };
  btcpay: { address: string; store: string; apiKey: string; webhookSecret: string };
  mail: { port: number; address: string };
}

type ProxyPorts = Record<keyof typeof PROXY_PORTS, number>;

/**
 * `lethe up --demo`: an office on loopback with a PayPal, a BTCPay Server and a mail server that are simulated, and a real exit
 * with the services that need no root, in a folder that is made now and deleted at the end. Nothing of a real data folder is
 * read, and nothing goes online but what somebody sends through the proxies.
 */
export async function demo(checkout: string): Promise<number> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "lethe-demo-")));
  let simulators: ChildProcess | undefined;
  try {
    const port = await freePort(SITE_PORT);
    const site = `http://127.0.0.1:${port}`;
    const proxies: ProxyPorts = {
      socks5: await freePort(PROXY_PORTS.socks5),
      http: await freePort(PROXY_PORTS.http),
      ssh: await freePort(PROXY_PORTS.ssh),
    };
    simulators = fork(join(checkout, "test", "simulators", "demo.ts"), {
      execArgv: ["--no-warnings"],
      env: { PATH: process.env.PATH, LANG: "C.UTF-8" },
    });
    const started = await startOf(simulators, { site, user: process.getuid!() === 0 ? NOBODY : undefined });
    await writeSettings(folder, port, proxies, started);
    const { paypal, btcpay, mail } = started;
    const links = [
      { title: "Simulated PayPal", href: `${paypal.address}/` },
      { title: "Simulated BTCPay Server", href: `${btcpay.address}/` },
      { title: "Mail that was sent", href: `${mail.address}/` },
    ];
    return await up(folder, {
      start: { paypal: { address: paypal.address, roots: paypal.roots }, links },
      users: demoUsers(),
      onUp: async (url) => say(await welcome(checkout, folder, { url, links, proxies })),
    });
  } finally {
    await ended(simulators);
    rmSync(runFolder(folder).root, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Ends the process and waits until it is gone. */
async function ended(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill();
  await gone;
}

function demoUsers(): Users {
  const caller = { uid: process.getuid!(), gid: process.getgid!() };
  const other = caller.uid === 0 ? NOBODY : caller;
  return {
    supervisor: caller,
    office: other,
    keeper: other,
    proxy: other,
    vpn: other,
    stealth: other,
    check: other,
  };
}

/** The simulators' answer, or StartError. */
function startOf(child: ChildProcess, start: object): Promise<Simulators> {
  const { promise, resolve, reject } = Promise.withResolvers<Simulators>();
  const failed = () => reject(new StartError("The simulated payment providers could not be started."));
  const timer = setTimeout(failed, SIMULATORS_START_MS);
  child.once("exit", failed);
  child.once("message", (message) => resolve(message as Simulators));
  child.send(start);
  return promise.finally(() => clearTimeout(timer));
}

/** `wanted`, or one that the system chooses. */
async function freePort(wanted: number): Promise<number> {
  const tried = (port: number) =>
    new Promise<number | undefined>((resolve) => {
      const server = createServer();
      server.once("error", () => resolve(undefined));
      server.listen(port, "127.0.0.1", () => {
        const { port } = server.address() as { port: number };
        server.close(() => resolve(port));
      });
    });
  const port = (await tried(wanted)) ?? (await tried(0));
  if (port === undefined) throw new StartError("There is no free port on this machine.");
  return port;
}

/** lethe.toml of a demo, and the files with its providers' secrets. */
async function writeSettings(
  folder: string,
  port: number,
  proxies: ProxyPorts,
  { paypal, btcpay, mail }: Simulators,
): Promise<void> {
  const file = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileAtomic(path, `${content}\n`);
    return path;
  };
  const identity = await generateX25519Identity();
  file("operator.age", identity);
  const settings: Record<string, Record<string, unknown>> = {
    site: { name: "Lethe demo", listen: [`127.0.0.1:${port}`], url: `http://127.0.0.1:${port}` },
    server: { name: "demo1", host: "127.0.0.1", addresses: ["127.0.0.1"], city: "Nowhere", country: "Demo" },
    link: { listen: `127.0.0.1:${await freePort(4223)}` },
    openvpn: { udp: [], tcp: [] },
    stealth: { tls: [], obfs4: [] },
    socks5: { listen: [`127.0.0.1:${proxies.socks5}`] },
    http_proxy: { listen: [`127.0.0.1:${proxies.http}`] },
    https_proxy: { listen: [] },
    socks5_tls: { listen: [] },
    ssh: { listen: [`127.0.0.1:${proxies.ssh}`] },
    // The demo's own pages, so that a proxy can be tried offline; whoever reaches the proxy is on loopback already.
    egress: { allow: ["127.0.0.1/32"] },
    wireguard: { port: 0 },
    ikev2: { enabled: false },
    check: { stun: [] },
    paypal: {
      client_id: paypal.clientId,
      secret_file: file("paypal.secret", paypal.secret),
      webhook_id: paypal.webhookId,
      api: paypal.address,
    },
    btcpay: {
      address: btcpay.address,
      store: btcpay.store,
      api_key_file: file("btcpay.key", btcpay.apiKey),
      webhook_secret_file: file("btcpay.webhook", btcpay.webhookSecret),
      bitcoin: ["BTC-CHAIN", "BTC-LN"],
      monero: ["XMR-CHAIN"],
    },
    cash: { address: ["Lethe demo", "1 Example Street", "12345 Nowhere"] },
    mail: { host: "127.0.0.1", port: mail.port, tls: "none", from: "office@demo.example" },
    support: { to: [await identityToRecipient(identity)] },
    admin: { listen: `127.0.0.1:${await freePort(port === SITE_PORT ? ADMIN_PORT : 0)}` },
  };
  const lines = Object.entries(settings).flatMap(([section, values]) => [
    `[${section}]`,
    ...Object.entries(values).map(([key, value]) => `${key} = ${JSON.stringify(value)}`),
    "",
  ]);
  writeFileAtomic(join(folder, "lethe.toml"), lines.join("\n"));
  // Of whoever started it; the office's part of the folder gets its own owner (office/folders.ts).
  chmodSync(folder, 0o700);
}

/** What a newcomer needs to click through it. */
async function welcome(
  checkout: string,
  folder: string,
  demo: { url: string; links: readonly { title: string; href: string }[]; proxies: ProxyPorts },
): Promise<string> {
  const { url, links, proxies } = demo;
  const { controlSocket } = dataFolder(folder);
  const ask = <Answer>(path: string, body: object) => askOffice<Answer>(controlSocket, "POST", path, body);
  const code = async (body: object) =>
    (await ask<{ codes: string[] }>("/vouchers", { count: 1, ...body })).codes[0];
  const password = randomPassword();
  await ask("/accounts/add", { name: MEMBER, password, days: MEMBER_DAYS });
  const command = `${process.cwd() === checkout ? "./lethe" : join(checkout, "lethe")} --data ${folder}`;
  const rows: [string, string | undefined][] = [
    ["The site", url],
    ...links.map(({ title, href }): [string, string] => [title, href]),
    ["A member", `${MEMBER}, password ${password}`],
    ["A gift card, 30 days", await code({ days: 30 })],
    ["A coupon, 20 % off", await code({ percent: 20, uses: 100 })],
    ["A coupon that pays all", await code({ percent: 100, uses: 1 })],
    ["Book an envelope", `${command} cash book`],
    ["Admin pages", `${command} admin open`],
    ["Key for letters", join(folder, "operator.age")],
    ["SOCKS5", `127.0.0.1:${proxies.socks5}`],
    ["HTTP proxy", `127.0.0.1:${proxies.http}`],
    ["SSH", `127.0.0.1:${proxies.ssh}`],
  ];
  return [
    "",
    "  This is a demo: no money moves, and nothing of a real data folder is touched. Its server is real, without the VPN",
    "  (that needs root): what you send through its proxies leaves from this machine; nothing else goes online.",
    "  It ends with Ctrl-C, and all of it is gone then.",
    "",
    ...rows.map(([what, where]) => `  ${what.padEnd(26)}${where}`),
    "",
    '  To try a proxy: log in as the member, and copy the VPN username and password from "Get connected".',
    `  curl --socks5-hostname 127.0.0.1:${proxies.socks5} --proxy-user VPN_USERNAME ${url}/api/v1/servers`,
    "",
  ].join("\n");
}
