import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import type { Hono } from "hono";
import { Accounts } from "../accounts/accounts.ts";
import { Devices } from "../accounts/devices.ts";
import { Vouchers } from "../billing/vouchers.ts";
import { type OwnServer, saveServers } from "../fleet/servers.ts";
import { Status } from "../fleet/status.ts";
import { type Clock, FakeClock } from "../lib/clock.ts";
import { deviceAddresses } from "../lib/device-addresses.ts";
import { resolverOf } from "../lib/dns-levels.ts";
import type { EventCode } from "../lib/event-log.ts";
import type { ProfileFile, ProfileKind, ProfileOptions } from "../profiles/kinds.ts";
import { wireguardProfile } from "../profiles/wireguard.ts";
import { inventory } from "../store/inventory.ts";
import { openStore, type Store } from "../store/open.ts";
import { Switches } from "../store/switches.ts";
import { Announcements } from "../support/announcements.ts";
import { builtInArticles } from "../support/article-files.ts";
import { Challenges } from "../support/challenge.ts";
import { HelpCentre } from "../support/help-centre.ts";
import { Tickets } from "../support/tickets.ts";
import { helpValues } from "./help-values.ts";
import type { SiteEnv, SiteOptions, SupportDoor } from "./options.ts";
import { createSite } from "./site.ts";

/** A site on a real store in a temporary folder, and a browser without a window to visit it. For tests. */
export interface Bench {
  app: Hono<SiteEnv>;
  accounts: Accounts;
  vouchers: Vouchers;
  devices: Devices;
  status: Status;
  store: Store;
  switches: Switches;
  announcements: Announcements;
  options: SiteOptions;
  /** What the site has logged. */
  logged: EventCode[];
  close(): Promise<void>;
}

export const SERVERS: OwnServer[] = [
  {
    name: "amsterdam1",
    host: "amsterdam1.example.net",
    city: "Amsterdam",
    country: "Netherlands",
    countryCode: "NL",
    latitude: 52.37,
    longitude: 4.9,
    bandwidthMbit: 1000,
    addresses: ["192.0.2.10", "2001:db8::10"],
    services: [
      {
        service: "openvpn",
        ports: [
          { protocol: "udp", port: 1194 },
          { protocol: "tcp", port: 1194 },
        ],
      },
      { service: "socks5", ports: [{ protocol: "tcp", port: 1080 }] },
      { service: "http", ports: [{ protocol: "tcp", port: 3128 }] },
    ],
  },
  {
    name: "reykjavik1",
    host: "reykjavik1.example.net",
    city: "Reykjavík",
    country: "Iceland",
    countryCode: "IS",
    latitude: 64.15,
    longitude: -21.94,
    bandwidthMbit: 40,
    addresses: ["192.0.2.20"],
    services: [{ service: "socks5", ports: [{ protocol: "tcp", port: 1080 }] }],
  },
];

const ENDINGS: Record<ProfileKind, readonly string[]> = {
  openvpn: [".ovpn"],
  "openvpn-guarded": [".conf", "-guard.sh"],
  openwrt: [".ovpn", "-setup.sh"],
  wireguard: [".conf"],
  mobileconfig: [".mobileconfig"],
  sswan: [".sswan"],
  windows: [".ps1"],
  ssh: [".ssh-config"],
  pac: [".pac"],
  "stealth-tls": ["-stunnel.conf", "-ca.crt", ".ovpn"],
  "stealth-obfs4": ["-obfs4.txt", ".ovpn", "-obfs4.sh", "-guard.sh"],
};

/** Bob's public key of RFC 7748 section 6.1. */
const SERVER_KEY = "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=";

function testWireguard(server: string, options: ProfileOptions): ProfileFile[] {
  const { device, level = "none", system, via = server } = options;
  if (device === undefined || /^(reykjavik|nowhere|$)/.test(server) || options.via === server) return [];
  const content = wireguardProfile({
    privateKey: device.privateKey,
    address: deviceAddresses(device.index),
    resolver: resolverOf(level),
    serverKey: SERVER_KEY,
    endpoint: { host: `${via}.example.net`, port: options.via === undefined ? 51_820 : 52_001 },
    system: system === "linux" ? "linux" : undefined,
  });
  return [{ name: `${server}.conf`, type: "application/octet-stream", content }];
}

/** Every kind of file for every server but some, with the `remote` lines alone. */
const testProfiles: SiteOptions["profiles"] = (kind, servers, options = {}) => {
  const { protocol = "udp", system, name = servers[0], via, username } = options;
  if (kind === "wireguard") return testWireguard(servers[0]!, options);
  const offered = servers.filter((server) => !/^(reykjavik|nowhere)/.test(server));
  if (offered.length === 0 || (via !== undefined && !/^(openvpn|openwrt)/.test(kind))) return [];
  const remotes = offered.map((server) => `remote ${via ?? server}.example.net 1194 ${protocol}`);
  const content = ["client", ...remotes, ...(username === undefined ? [] : [`user ${username}`]), ""].join(
    "\n",
  );
  return ENDINGS[kind].map((ending) => ({
    name: `${name}${ending === ".ovpn" && system === "linux" ? ".conf" : ending}`,
    type: kind === "openvpn" ? "application/x-openvpn-profile" : "application/octet-stream",
    content,
  }));
};

/** Opens the letters of every bench. */
export const SUPPORT_IDENTITY = await generateX25519Identity();
const SUPPORT_RECIPIENT = await identityToRecipient(SUPPORT_IDENTITY);

/** Work of a few milliseconds. */
export const TEST_WORK_BITS = 8;

/** Letters are taken, help has the articles that come with Lethe; nobody is mailed. */
const testSupport = (store: Store, clock: Clock): SupportDoor => ({
  help: new HelpCentre([builtInArticles], helpValues({ siteName: "Example Collective" })),
  tickets: new Tickets({ store, clock, secret: new Uint8Array(32), recipients: [SUPPORT_RECIPIENT] }),
  challenges: new Challenges(new Uint8Array(32), clock, TEST_WORK_BITS),
});

/** What a bench has before its site. */
export type BenchParts = Pick<Bench, "store" | "accounts" | "vouchers" | "switches"> & { clock: Clock };

export async function openBench(
  change: Partial<SiteOptions> | ((parts: BenchParts) => Partial<SiteOptions>) = {},
  clock: Clock = new FakeClock(),
): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), "lethe-web-"));
  const store = await openStore({ path: join(folder, "lethe.db") });
  const siteSecret = randomBytes(32);
  const accounts = new Accounts({ store, clock, siteSecret });
  const vouchers = new Vouchers({ store, clock, siteSecret, accounts });
  const devices = new Devices({ store, accounts });
  const status = new Status({ store, clock });
  const switches = new Switches(store);
  const announcements = new Announcements({ store, clock });
  await saveServers(store, SERVERS);
  const logged: EventCode[] = [];
  const options: SiteOptions = {
    siteName: "Example Collective",
    secure: false,
    sessionSecret: randomBytes(32),
    clock,
    log: (code) => logged.push(code),
    accounts,
    vouchers,
    devices,
    status,
    switches,
    announcements,
    support: testSupport(store, clock),
    inventory,
    profiles: testProfiles,
    clientAddress: () => "198.51.100.7",
    ...(typeof change === "function" ? change({ store, clock, accounts, vouchers, switches }) : change),
  };
  return {
    app: createSite(options),
    accounts,
    vouchers,
    devices,
    status,
    store,
    switches,
    announcements,
    options,
    logged,
    async close() {
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Keeps cookies and fills in forms as a browser does, one request at a time; follows no redirect. */
export class Visitor {
  readonly cookies = new Map<string, string>();
  readonly #app: Hono<SiteEnv>;
  readonly #origin: string;

  constructor(app: Hono<SiteEnv>, origin = "http://localhost") {
    this.#app = app;
    this.#origin = origin;
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return this.#send(path, { headers: { ...this.#headers(), ...headers } });
  }

  /** Opens `page`, takes the token out of its form to `path`, and sends the form. */
  async fill(page: string, path: string, fields: Record<string, string> = {}): Promise<Response> {
    const markup = await (await this.get(page)).text();
    return this.post(path, { token: tokenOf(markup, path), ...fields });
  }

  async post(
    path: string,
    fields: Record<string, string>,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    return this.#send(path, {
      method: "POST",
      body: new URLSearchParams(fields).toString(),
      headers: {
        ...this.#headers(),
        "content-type": "application/x-www-form-urlencoded",
        "sec-fetch-site": "same-origin",
        ...headers,
      },
    });
  }

  #headers(): Record<string, string> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    return cookie === "" ? {} : { cookie };
  }

  async #send(path: string, init: RequestInit): Promise<Response> {
    const answer = await this.#app.request(`${this.#origin}${path}`, init);
    for (const line of answer.headers.getSetCookie()) {
      const [pair = "", ...attributes] = line.split("; ");
      const at = pair.indexOf("=");
      if (attributes.includes("Max-Age=0")) this.cookies.delete(pair.slice(0, at));
      else this.cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
    return answer;
  }
}

export function tokenOf(markup: string, path: string): string {
  const form = markup.split("<form ").find((part) => part.includes(`action="${path}"`)) ?? "";
  return /name="token" value="([^"]+)"/.exec(form)?.[1] ?? "";
}

export const PASSWORD = "correct horse battery";

/** A visitor who has just signed up as `name`. */
export async function signedUp(
  bench: Bench,
  name: string,
  fields: Record<string, string> = {},
): Promise<Visitor> {
  const visitor = new Visitor(bench.app);
  const answer = await visitor.fill("/sign-up", "/sign-up", { name, password: PASSWORD, ...fields });
  if (answer.status !== 303) throw new Error(`sign-up of ${name}: ${answer.status}`);
  return visitor;
}
