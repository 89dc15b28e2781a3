import { join } from "node:path";
import type { HttpBindings } from "@hono/node-server";
import type { Context } from "hono";
import { Accounts } from "../accounts/accounts.ts";
import { Devices } from "../accounts/devices.ts";
import { Vouchers } from "../billing/vouchers.ts";
import { newKeyPem } from "../certificates/request.ts";
import { Fleet } from "../fleet/fleet.ts";
import type { FleetServer } from "../fleet/fleet-server.ts";
import { offersOf, saveServers } from "../fleet/servers.ts";
import { Status } from "../fleet/status.ts";
import { systemClock } from "../lib/clock.ts";
import { deriveKey } from "../lib/derive-key.ts";
import { logFor, reasonOf } from "../lib/event-log.ts";
import { installLastResort } from "../lib/last-resort.ts";
import { becomeUser } from "../lib/privileges.ts";
import { formatJoinCode } from "../link/enrolment.ts";
import { siteTag } from "../link/nats-subjects.ts";
import { planOf } from "../policy/plans.ts";
import { inventory } from "../store/inventory.ts";
import { Switches } from "../store/switches.ts";
import { Announcements } from "../support/announcements.ts";
import { clientAddress, trustedProxies } from "../web/client-address.ts";
import { createControl } from "../web/control/control.ts";
import { addOperatorControl } from "../web/control/operator.ts";
import { addressedLanguage } from "../web/languages/languages.ts";
import { createSite } from "../web/site.ts";
import { AdminDoor } from "./admin-door.ts";
import { startAnalytics } from "./analytics.ts";
import { authorityForStrongswan, openAuthority } from "./authority.ts";
import { Blocklists } from "./blocklists/blocklists.ts";
import { certificateList } from "./certificate-list.ts";
import { readCheckSeen } from "./check/messages.ts";
import { checkOrigins } from "./check/origins.ts";
import { CheckSightings } from "./check/sightings.ts";
import { stunAddresses } from "./check/stun-addresses.ts";
import { parseConfig } from "./config.ts";
import { demoCertificates } from "./demo.ts";
import { ExitFiles, openExitMaterial } from "./exit-files.ts";
import { firstVoucher } from "./first-voucher.ts";
import { enroller, joinProblem, packProblem } from "./joining.ts";
import { ensureKeys } from "./keys.ts";
import { openLink } from "./link.ts";
import { linkServers } from "./link-address.ts";
import { serveControl } from "./listening.ts";
import { startMailing } from "./mailing.ts";
import type { DoorMessage, OfficeMessage, OfficeQuestion, OfficeStart } from "./messages.ts";
import { NATS_SERVER } from "./nats-server.ts";
import { openOfficeStore } from "./open-store.ts";
import { exitCertificates } from "./order-for-exits.ts";
import { ownServer } from "./own-server.ts";
import { readOwnTexts } from "./own-texts.ts";
import { openPayments } from "./payments.ts";
import { policyChoice } from "./policy-choice.ts";
import { profilesFor } from "./profiles.ts";
import { requireSameSite } from "./same-site.ts";
import { defaultListens, listensAt, servicesOf, settingsOf } from "./server-settings.ts";
import { siteOrigin } from "./site-address.ts";
import { SiteDoor } from "./site-door.ts";
import { siteLook } from "./site-look.ts";
import { sentenceOf } from "./start-errors.ts";
import { makeSupport, readOwnArticles } from "./support.ts";
import { startSweeping } from "./sweeping.ts";
import { takeReport } from "./take-report.ts";
import { makeWatch } from "./watch.ts";

/**
 * The office: website, accounts, billing, and the roster. Forked by the supervisor; gives root up before it opens a file or
 * a port. This is the one place where the office's parts are put together.
 */
/** Totals that come within so long of each other are written in one transaction. */
const GATHER_TOTALS_MS = 500;
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
  const { officeFolder: folder, user, acmeAuthority } = message;
  const config = parseConfig(message.config, "lethe.toml");
  // Large, and only some have a use for it; loaded while the checkout can be read for certain.
  const acme = config.tls.acme === "" ? undefined : await import("../certificates/order.ts");
  const material = openExitMaterial();
  const texts = readOwnTexts(config.site.texts);
  const ownArticles = readOwnArticles(config.site.texts);
  const look = siteLook(config);
  const language = addressedLanguage(look.languages, look.language);
  becomeUser(user.uid, user.gid);
  const trusts = trustedProxies(config.site.trusted_proxies);
  const door = new SiteDoor({
    settings: config,
    officeFolder: folder,
    acme: acme && { order: acme.order, newAccountKey: newKeyPem, directoryAuthority: acmeAuthority },
    clock,
    log: logFor("certificates"),
    tell,
    ownProxies: trusts,
  });
  process.on("message", (news, handle) => door.hear(news as DoorMessage, handle));
  const sightings = new CheckSightings(Buffer.from(message.checkKey, "base64"));
  process.on("message", (news) => {
    const seen = readCheckSeen(news);
    if (seen !== undefined) sightings.note(seen);
  });
  const keys = ensureKeys(folder, message.secrets);
  const authority = openAuthority(folder);
  const settings = settingsOf(config, message.host, message.addresses, keys.tlsCrypt);

  const store = await openOfficeStore(config.store.url, join(folder, "lethe.db"));
  if (store.upgraded > 0) log("store-migrated", { count: store.upgraded });
  await requireSameSite(store, folder, keys, authority);
  const accounts = new Accounts({ store, clock, siteSecret: keys.siteSecret });
  const vouchers = new Vouchers({ store, clock, siteSecret: keys.siteSecret, accounts });
  const devices = new Devices({ store, accounts, most: config.limits.devices_per_account });
  const switches = new Switches(store);
  const announcements = new Announcements({ store, clock });
  const origin = `office:${keys.officeId}` as const;
  await saveServers(store, [ownServer(config, settings, message.addresses)], origin);
  const fleet = new Fleet({
    store,
    clock,
    siteSecret: keys.siteSecret,
    origin,
    offers: (listens, host) =>
      offersOf({ services: servicesOf(listensAt(config, host, listens), keys.tlsCrypt) }),
  });
  await fleet.start();
  const status = new Status({
    store,
    clock,
    shared: config.store.url !== "",
    gatherMs: GATHER_TOTALS_MS,
  });

  const site = siteTag(keys.siteKey.publicKey);
  const files = new ExitFiles({
    folder: join(folder, "cache", "exit"),
    site: siteOrigin(config),
    siteTag: site,
    material,
  });

  const forExits = exitCertificates({
    config,
    officeFolder: folder,
    acme: acme && { orderFor: acme.orderFor, directoryAuthority: acmeAuthority },
    fleet,
    own: settings.server,
    door,
    clock,
    log,
  });
  const blocklists = new Blocklists({
    folder: join(folder, "blocklists"),
    sources: config.blocklists,
    clock,
  });
  const watch = makeWatch({ config, status, clock, log, leads: () => link.leading });
  const link = await openLink({
    config,
    start: message,
    keys,
    authority,
    site,
    own: settings,
    store,
    clock,
    accounts,
    devices,
    fleet,
    status,
    files,
    blocklists,
    publicCertificate: (server, question) => forExits?.certificates.answer(server, question),
    onReport: takeReport({ fleet, status, log, count: watch.count }),
    log,
  });

  const profiles = profilesFor({
    siteName: config.site.name,
    named: (name) => fleet.named(name),
    authority,
    strongswanAuthority: authority && authorityForStrongswan(folder),
    tlsCrypt: keys.tlsCrypt,
  });
  const mailing = startMailing({
    settings: config.mail,
    password: message.settingsFiles["mail.password_file"] ?? "",
    siteName: config.site.name,
    language,
    origin: siteOrigin(config),
    store,
    accounts,
    clock,
    siteSecret: keys.siteSecret,
    log: logFor("mail"),
  });
  const support = makeSupport({
    config,
    ownArticles,
    store,
    clock,
    siteSecret: keys.siteSecret,
    origin: siteOrigin(config),
    mail: mailing?.door,
    languages: look.languages,
    language,
  });
  const selling = openPayments({
    config,
    files: message.settingsFiles,
    siteSecret: keys.siteSecret,
    store,
    accounts,
    vouchers,
    switches,
    clock,
    source: message.demo && demoCertificates(message.demo),
  });
  const counted = startAnalytics({
    settings: config.analytics,
    secret: message.settingsFiles["analytics.secret_file"] ?? "",
    origin: siteOrigin(config),
    inventory,
    clock,
    log: logFor("site"),
  });
  const pages = createSite({
    siteName: config.site.name,
    ...look,
    ...(config.site.url !== "" && { publicUrl: siteOrigin(config) }),
    secure: siteOrigin(config).startsWith("https:"),
    sessionSecret: deriveKey(keys.siteSecret, "lethe sessions"),
    clock,
    log: logFor("site"),
    accounts,
    vouchers,
    devices,
    status,
    switches,
    announcements,
    policy: policyChoice(config, selling.methods, config.paypal.remember_payers),
    buying: selling.door,
    demo: message.demo?.links,
    portForwarding: config.vpn.port_forwarding,
    texts,
    ...counted,
    profiles,
    blocklists: () => blocklists.offered,
    check: {
      ownServer: settings.server,
      origins: checkOrigins(config),
      page: siteOrigin(config),
      stun: stunAddresses(config.check.stun, message.addresses),
      ...(config.check.dns_name !== "" && {
        dns: {
          name: config.check.dns_name,
          issue: () => sightings.issue(),
          seen: (token) => sightings.seen(token),
        },
      }),
    },
    exits: {
      enrol: enroller({
        fleet,
        clock,
        trust:
          authority === undefined
            ? undefined
            : {
                sitePublicKey: base64(keys.siteKey.publicKey),
                ca: authority,
                link: { servers: linkServers(config.link, message.host), site },
              },
      }),
      file: (path) => files.serve(path),
    },
    mail: mailing?.door,
    support,
    clientAddress: (c) => {
      const { socket } = (c as Context<{ Bindings: HttpBindings }>).env.incoming;
      return clientAddress(socket.remoteAddress, c.req.header("x-forwarded-for"), trusts);
    },
  });
  const ownLink = config.link.url.length === 0;
  const joining = { origin: siteOrigin(config), ownLink, natsServer: NATS_SERVER, authority };
  const control = createControl({
    accounts,
    mail: mailing,
    support: { ...support, siteName: config.site.name, origin: siteOrigin(config), fleet },
    devices,
    allRenewed: () => link.renewNtHashes(),
    vouchers,
    cash: selling.cash,
    refunds: selling.refunds,
    paypal: selling.paypal,
    desk: selling,
    sells: (id) => planOf(config.plans, id) !== undefined,
    inventory: counted.inventory,
    log,
    profiles: {
      profiles,
      status,
      devices,
      siteName: config.site.name,
      ...(config.site.url !== "" && { publicUrl: siteOrigin(config) }),
    },
    blocklists: {
      view: () => blocklists.view(),
      renew: async () => {
        const sources = await blocklists.renew();
        await link.sendSettings();
        return sources;
      },
    },
    certificates: () => {
      const nowS = Math.floor(clock.now() / 1000);
      const publicCertificate = (server: FleetServer) => forExits?.view(server);
      const site = door.certificate;
      const servers = fleet.current;
      return {
        certificates: certificateList({ folder, authority, ownLink, site, servers, publicCertificate, nowS }),
        nowS,
      };
    },
    servers: {
      fleet,
      status,
      listensOf: (said) => ({ ...defaultListens(config), ...said }),
      joinProblem: async () => joinProblem(joining) ?? (await packProblem(files)),
      joinLine: ({ linkName, tokenId, token }) =>
        files.line(formatJoinCode({ server: linkName, tokenId, token })),
      newestRelease: async () => (await files.release()).bundle.sha256,
      linkUsers: () => link.users(),
      publicCertificate: (server) => forExits?.view(server),
      nowS: () => Math.floor(clock.now() / 1000),
    },
  });
  const admin = new AdminDoor({
    settings: config.admin,
    siteName: config.site.name,
    demo: message.demo !== undefined,
    control,
    clock,
    log: logFor("admin"),
  });
  addOperatorControl(control, {
    switches,
    methods: selling.methods,
    announcements,
    vouchers,
    accounts,
    admin,
  });
  // Lists that lethe.toml names since the last start are read without being asked for; exits have the old ones meanwhile.
  if (blocklists.outdated)
    void blocklists
      .renew()
      .then(async (sources) => {
        for (const { problem } of sources) if (problem !== undefined) log("blocklist-refused");
        await link.sendSettings();
      })
      .catch((error: unknown) => log("blocklist-refused", { reason: reasonOf(error) }));
  await watch.start();
  await door.open(pages.fetch);
  const controlServer = await serveControl(control, message.controlSocket);

  selling.refunds.start();
  await startSweeping({ store, fleet, copies: join(folder, "backups"), clock, log });

  process.on("message", async (question) => {
    const asked = question as OfficeQuestion;
    if (asked.type === "restart") await end(true);
    if (asked.type === "first-voucher") {
      // On a full disk there is none, and the rest goes on.
      const code = await firstVoucher(store, vouchers).catch(() => undefined);
      tell({ type: "voucher", code });
    }
  });
  process.once("SIGTERM", () => void end(false));
  const end = async (leave: boolean) => {
    forExits?.certificates.close();
    door.close();
    await admin.close();
    watch.close();
    controlServer.close();
    controlServer.closeAllConnections();
    await fleet.close();
    await link.close(leave);
    await mailing?.close();
    await selling.refunds.close();
    await status.close();
    await store.close();
    process.exit(0);
  };
  // Ctrl-C reaches the whole terminal; the supervisor says what is to be done.
  process.on("SIGINT", () => {});
  tell({
    type: "ready",
    url: siteOrigin(config),
    sitePublicKey: base64(keys.siteKey.publicKey),
    authority,
  });
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
