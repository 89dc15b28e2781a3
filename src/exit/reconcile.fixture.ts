import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Engines } from "../lib/engines.ts";
import type { ServerSettings } from "../link/settings.ts";
import type { ExitStart } from "./messages.ts";
import { Reconciler } from "./reconcile.ts";
import { exitRunFolders } from "./run-folders.ts";
import { Sysctls } from "./sysctls.ts";

/** Comes to life in the network that it is started in, after an earlier life: `no-settings FOLDER`, or `nothing-offered FOLDER`. */
const [verb, folder = ""] = process.argv.slice(2);
const run = exitRunFolders(folder);
for (const path of [run.engines, run.management, join(folder, "keeper")])
  mkdirSync(path, { recursive: true });
const nobody = { uid: 65_534, gid: 65_534 };
const start: ExitStart = {
  type: "start",
  folder,
  sealKey: "",
  run,
  link: { kind: "unix", path: join(folder, "link.sock") },
  server: "one",
  sitePublicKey: "",
  accounts: { keeper: nobody, proxy: nobody, vpn: nobody },
  proxies: 1,
};
const settings: ServerSettings = {
  server: "one",
  host: "one.example.net",
  bandwidthMbit: 1000,
  ownAddresses: [],
  services: {},
  egress: { allow: [], deny: [], denyPorts: [] },
  limits: { connectionsPerCredential: 10, handshakeMs: 1000, idleMs: 1000 },
  dns: { forward: [] },
  sitePorts: [],
};

const reconciler = new Reconciler({
  start,
  engines: new Engines({ folder: run.engines, log: () => {}, onChange: () => {} }),
  sysctls: new Sysctls(join(run.engines, "sysctls.json")),
  log: () => {},
  onState: ({ settled }) => {
    if (settled) process.exit(0);
  },
  onIdentity: () => {},
  fetch: () => {},
  publicPair: () => undefined,
  onWireguardOnline: () => {},
});
if (verb === "no-settings") void reconciler.abandon().then(() => process.exit(0));
else reconciler.update(settings);
