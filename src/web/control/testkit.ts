import { Fleet } from "../../fleet/fleet.ts";
import { saveServers } from "../../fleet/servers.ts";
import { fail } from "../../lib/result.ts";
import { type Bench, SERVERS } from "../testkit.ts";
import type { createControl } from "./control.ts";

type ControlParts = Parameters<typeof createControl>[0];

export const RELEASE = "ab".repeat(32);

/** What the control API has of an office that runs the bench's servers, but for its money. `joinProblem`: why none can be added. */
export async function fleetOffice(bench: Bench, { joinProblem }: { joinProblem?: string | undefined } = {}) {
  const { store, status, accounts, vouchers, options } = bench;
  const { clock, inventory, log } = options;
  await saveServers(store, SERVERS, "office:a");
  const fleet = new Fleet({
    store,
    clock,
    siteSecret: new Uint8Array(32),
    origin: "office:a",
    offers: () => [],
  });
  await fleet.start();
  fleet.onChange(() => status.serversChanged());
  const listens = { openvpn: [], socks5: [], http: [{ address: "0.0.0.0", port: 3128 }] };
  const parts = {
    blocklists: { view: () => [], renew: async () => [] },
    certificates: () => ({ certificates: [], nowS: 0 }),
    allRenewed: async () => undefined,
    accounts,
    devices: { countOf: async () => 0, list: async () => [] },
    vouchers,
    inventory,
    profiles: {
      profiles: () => [],
      status,
      siteName: "Example",
      devices: { withKey: async () => undefined, enable: async () => fail("device-unknown") },
    },
    log,
    support: { ...options.support, siteName: "Example", origin: "https://vpn.example.net", fleet },
    servers: {
      fleet,
      status,
      listensOf: (said) => ({ ...listens, ...said }),
      joinProblem: async () => joinProblem,
      joinLine: async ({ linkName, tokenId }) => `join ${linkName} ${tokenId}`,
      newestRelease: async () => RELEASE,
      linkUsers: () => "authorization {}\n",
      nowS: () => Math.floor(clock.now() / 1000),
    },
  } satisfies Partial<ControlParts>;
  return { fleet, parts };
}
