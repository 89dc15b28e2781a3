import { hkdfSync } from "node:crypto";
import { chmodSync, existsSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import type { Context, Hono } from "hono";
import { Accounts } from "../accounts/accounts.ts";
import { Vouchers } from "../billing/vouchers.ts";
import { feedRoster } from "../fleet/roster.ts";
import { offersOf, saveServers } from "../fleet/servers.ts";
import { Status } from "../fleet/status.ts";
import { systemClock } from "../lib/clock.ts";
import { logFor, reasonOf } from "../lib/event-log.ts";
import { installLastResort } from "../lib/last-resort.ts";
import { becomeUser } from "../lib/privileges.ts";
import { certificateName } from "../link/certificate-name.ts";
import { RosterPublisher } from "../link/publisher.ts";
import type { ServerSettings } from "../link/settings.ts";
import { UnixOfficeCarrier } from "../link/unix-carrier.ts";
import { openvpnProfile } from "../profiles/openvpn.ts";
import { StoreError } from "../store/errors.ts";
import { inventory, sweep } from "../store/inventory.ts";
import { isEmpty } from "../store/move.ts";
import { openStore, type Store } from "../store/open.ts";
import { clientAddress } from "../web/client-address.ts";
import { createControl } from "../web/control.ts";
import { createSite } from "../web/site.ts";
import { authorityCertificate, ensureAuthority, signExitRequest } from "./authority.ts";
import { type Config, parseConfig } from "./config.ts";
import { ensureKeys } from "./keys.ts";
import { parseListen } from "./listen-address.ts";
import type { OfficeMessage, OfficeQuestion, OfficeStart } from "./messages.ts";
import { settingsOf } from "./server-settings.ts";
import { siteServer } from "./site-server.ts";
import { SweepClock } from "./sweep-clock.ts";

/**
 * The office: website, accounts, billing, and the roster. Forked by the supervisor; gives root up before it opens a file or
 * a port. This is the one place where the office's parts are put together.
 */
const SWEEP_EVERY_MS = 300_000;
const log = logFor("office");
const clock = systemClock;
installLastResort(log);
const tell = (message: OfficeMessage): void => void process.send?.(message);

process.once("message", async (message) => {
  try {
    await start(message as OfficeStart);
  } catch (error) {
    const sentence = sentenceOf(error);
    if (sentence === undefined) log("internal-error", { reason: reasonOf(error) });
    process.send?.({ type: "failed", sentence: sentence ?? "The office could not start." }, () =>
      process.exit(1),
    );
  }
});
// Without the supervisor there is nobody to stop us.
process.once("disconnect", () => process.exit(0));

async function start(message: OfficeStart): Promise<void> {
  const { officeFolder: folder, user } = message;
  becomeUser(user.uid, user.gid);
  const config = parseConfig(message.config, "lethe.toml");
  const keys = ensureKeys(folder);
  const authority = openAuthority(folder);
  const settings = settingsOf(config, message.host, message.addresses, keys.tlsCrypt);

  const store = await openOfficeStore(config.store.url, join(folder, "lethe.db"));
  const accounts = new Accounts({ store, clock, siteSecret: keys.siteSecret });
  const vouchers = new Vouchers({ store, clock, siteSecret: keys.siteSecret, accounts });
  await saveServers(store, [publicServer(config, settings, message.addresses)]);
  const status = new Status({ store, clock });

  const carrier = new UnixOfficeCarrier({ path: message.linkSocket, server: settings.server });
  const publisher = new RosterPublisher({
    key: keys.siteKey,
    clock,
    carriers: [carrier],
    log: logFor("link"),
  });
  publisher.onReport(async (report) => {
    if (report.kind !== "totals") return;
    await status.accept(report).then(
      (outcome) =>
        outcome.ok || log("totals-refused", { reason: outcome.error === "too-old" ? "outdated" : "unknown" }),
      (error) => log("store-unwritable", { reason: reasonOf(error) }),
    );
  });
  const feed = await feedRoster({ members: accounts, settings: [settings], publisher, clock });
  await publisher.start();

  const secure = config.site.url.startsWith("https:");
  const site = createSite({
    siteName: config.site.name,
    ...(config.site.url !== "" && { publicUrl: config.site.url.replace(/\/$/, "") }),
    secure,
    sessionSecret: derive(keys.siteSecret, "sessions"),
    clock,
    log: logFor("site"),
    accounts,
    vouchers,
    status,
    inventory,
    openvpnProfile: (server, system) =>
      server === settings.server && authority !== undefined
        ? profileOf(settings, authority, system)
        : undefined,
    clientAddress: (c) => {
      const { socket } = (c as Context<{ Bindings: HttpBindings }>).env.incoming;
      return clientAddress(
        socket.remoteAddress,
        c.req.header("x-forwarded-for"),
        config.site.trusted_proxies,
      );
    },
  });
  const control = createControl({ accounts, vouchers, inventory, log });
  const servers = [await serveSite(site, config), await serveControl(control, message.controlSocket)];

  const sweepClock = new SweepClock(clock);
  const sweeping = async () => {
    try {
      const count = await sweep(store, sweepClock);
      if (count > 0) log("swept", { count });
    } catch (error) {
      log("store-unwritable", { reason: reasonOf(error) });
    }
  };
  await sweeping();
  setInterval(sweeping, SWEEP_EVERY_MS).unref();

  process.on("message", async (question) => {
    const asked = question as OfficeQuestion;
    if (asked.type === "first-voucher") {
      // On a full disk there is none, and the rest goes on.
      const code = await firstVoucher(store, vouchers).catch(() => undefined);
      tell({ type: "voucher", code });
    }
    if (asked.type === "sign")
      tell({ type: "signed", certificate: signExitRequest(folder, asked.server, asked.request) });
  });
  process.once("SIGTERM", async () => {
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
    feed.close();
    await publisher.close();
    await store.close();
    process.exit(0);
  });
  // Ctrl-C reaches the whole terminal; the supervisor says what is to be done.
  process.on("SIGINT", () => {});
  tell({ type: "ready", url: urlOf(config), sitePublicKey: base64(keys.siteKey.publicKey), authority });
}

/** The exits' authority; undefined where openssl is missing: then there is no VPN either. */
function openAuthority(folder: string): string | undefined {
  try {
    ensureAuthority(folder);
    return authorityCertificate(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

/** A key of its own for each purpose (RFC 5869). */
const derive = (secret: Uint8Array, purpose: string): Uint8Array =>
  new Uint8Array(hkdfSync("sha256", secret, "", `lethe ${purpose}`, 32));

const urlOf = (config: Config): string =>
  config.site.url.replace(/\/$/, "") || `http://${config.site.listen}`;

function publicServer(config: Config, settings: ServerSettings, addresses: string[]) {
  const { city, country, country_code, latitude, longitude } = config.server;
  return {
    name: settings.server,
    host: settings.host,
    city,
    country,
    countryCode: country_code,
    latitude,
    longitude,
    bandwidthMbit: settings.bandwidthMbit,
    addresses,
    services: offersOf(settings),
  };
}
