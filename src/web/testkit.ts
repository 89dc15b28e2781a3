import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Hono } from "hono";
import { Accounts } from "../accounts/accounts.ts";
import { Vouchers } from "../billing/vouchers.ts";
import { type OwnServer, saveServers } from "../fleet/servers.ts";
import { Status } from "../fleet/status.ts";
import { type Clock, FakeClock } from "../lib/clock.ts";
import type { EventCode } from "../lib/event-log.ts";
import { inventory } from "../store/inventory.ts";
import { openStore, type Store } from "../store/open.ts";
import type { SiteEnv, SiteOptions } from "./options.ts";
import { createSite } from "./site.ts";

/** A site on a real store in a temporary folder, and a browser without a window to visit it. For tests. */
export interface Bench {
  app: Hono<SiteEnv>;
  accounts: Accounts;
  vouchers: Vouchers;
  status: Status;
  store: Store;
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

export async function openBench(
  change: Partial<SiteOptions> = {},
  clock: Clock = new FakeClock(),
): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), "lethe-web-"));
  const store = await openStore({ path: join(folder, "lethe.db") });
  const siteSecret = randomBytes(32);
  const accounts = new Accounts({ store, clock, siteSecret });
  const vouchers = new Vouchers({ store, clock, siteSecret, accounts });
  const status = new Status({ store, clock });
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
    status,
    inventory,
    profiles: (kind, servers, { protocol = "udp", system, name = servers[0] } = {}) => {
      const offered = servers.filter((server) => !/^(reykjavik|nowhere)/.test(server));
      if (kind !== "openvpn" || offered.length === 0) return [];
      const lines = ["client", ...offered.map((server) => `remote ${server}.example.net 1194 ${protocol}`)];
      const ending = system === "linux" ? "conf" : "ovpn";
      return [
        {
          name: `${name}.${ending}`,
          type: "application/x-openvpn-profile",
          content: `${lines.join("\n")}\n`,
        },
      ];
    },
    clientAddress: () => "198.51.100.7",
    ...change,
  };
  return {
    app: createSite(options),
    accounts,
    vouchers,
    status,
    store,
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
