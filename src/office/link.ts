import type { Accounts } from "../accounts/accounts.ts";
import type { Devices } from "../accounts/devices.ts";
import type { Fleet } from "../fleet/fleet.ts";
import { feedPeers } from "../fleet/peers-feed.ts";
import { feedRoster, type RosterFeed } from "../fleet/roster.ts";
import { reserveVersions } from "../fleet/roster-versions.ts";
import type { Status } from "../fleet/status.ts";
import type { Clock } from "../lib/clock.ts";
import { type Log, logFor, reasonOf } from "../lib/event-log.ts";
import { certificateName } from "../link/certificate-name.ts";
import { linkPublicKey } from "../link/link-key.ts";
import { NatsOfficeCarrier } from "../link/nats-office-carrier.ts";
import { type PublisherOptions, RosterPublisher } from "../link/publisher.ts";
import type { ServerSettings } from "../link/settings.ts";
import { UnixOfficeCarrier } from "../link/unix-carrier.ts";
import type { Store } from "../store/open.ts";
import { signExitRequest } from "./authority.ts";
import type { Blocklists } from "./blocklists/blocklists.ts";
import type { Config } from "./config.ts";
import type { ExitFiles } from "./exit-files.ts";
import type { OfficeKeys } from "./keys.ts";
import { leadRemoteLink } from "./leading.ts";
import { ownLinkServers } from "./link-address.ts";
import { ensureLinkCertificate } from "./link-certificate.ts";
import { parseListen } from "./listen-address.ts";
import type { OfficeStart } from "./messages.ts";
import { NatsServer, renderLinkUsers } from "./nats-server.ts";
import { NtHashKey } from "./nt-hash-key.ts";
import { linkUsers, RemoteLink } from "./remote-link.ts";
import { settingsSender } from "./send-settings.ts";

/** The office's end of the link, put together: the roster is kept, signed and sent, to the exit here and to those elsewhere. */
export interface Link {
  /** To be called where something of the servers' settings may be another: lists that were read anew. */
  sendSettings(): Promise<void>;
  /** NT hashes under a new key, for all exits with IKEv2. */
  renewNtHashes(): Promise<void>;
  /** Whether this office of several is the one that serves the exits elsewhere. */
  readonly leading: boolean;
  /** What the configuration of the operator's own NATS cluster needs. */
  users(): string;
  /** `leave`: exits elsewhere find this very office again. Nothing may change the fleet any more. */
  close(leave: boolean): Promise<void>;
}

/** When it resolves, the roster is complete and goes out. Throws what the store and the carriers throw. */
export async function openLink(options: {
  config: Config;
  start: Pick<OfficeStart, "officeFolder" | "linkSocket" | "natsFolder">;
  keys: OfficeKeys;
  /** PEM; undefined where this office has none of its own. */
  authority: string | undefined;
  /** nats-subjects.ts */
  site: string;
  /** Of the exit on this machine. */
  own: ServerSettings;
  store: Store;
  clock: Clock;
  accounts: Accounts;
  devices: Devices;
  fleet: Fleet;
  status: Status;
  files: ExitFiles;
  blocklists: Blocklists;
  publicCertificate: NonNullable<PublisherOptions["publicCertificate"]>;
  onReport: Parameters<RosterPublisher["onReport"]>[0];
  log: Log;
}): Promise<Link> {
  const { config, keys, authority, site, own, store, clock, accounts, devices } = options;
  const { fleet, status, files, blocklists, publicCertificate, log } = options;
  const { officeFolder: folder, linkSocket, natsFolder } = options.start;

  const publisher = new RosterPublisher({
    key: keys.siteKey,
    clock,
    carriers: [new UnixOfficeCarrier({ path: linkSocket, server: own.server })],
    log: logFor("link"),
    files: (sha256, offset) => files.read(sha256, offset) ?? blocklists.chunk(sha256, offset),
    sign: (server, request) => {
      const known = fleet.byLinkName(server);
      return known && signExitRequest(folder, certificateName(server, known.generation), request);
    },
    publicCertificate,
  });
  publisher.onReport(options.onReport);
  const ntHashKey = new NtHashKey(folder);
  const sendSettings = settingsSender({
    blocklists,
    config,
    own,
    tlsCrypt: keys.tlsCrypt,
    fleet,
    publisher,
    files,
    ntHashKey,
    onNtHashes: () => feed?.readAgain(),
  });
  let feed: RosterFeed | undefined;
  await sendSettings();
  feed = await feedRoster({ members: accounts.roster, publisher, clock });
  const peers = await feedPeers({ devices, owners: accounts.roster, publisher, clock });
  const linkNames = () => fleet.current.map(({ linkName }) => linkName);
  peers.serversChanged(linkNames());
  const versions = await reserveVersions({ store, clock, publisher });
  await publisher.start();

  const link = {
    site,
    servers: ownLinkServers(config.link),
    seed: keys.linkSeed,
    ca: authority ?? "",
    log: logFor("link"),
  };
  const officeKey = linkPublicKey(keys.linkSeed);
  const remote = new RemoteLink({
    fleet,
    publisher,
    server:
      config.link.url.length === 0 && authority !== undefined
        ? new NatsServer({
            folder: natsFolder,
            listen: parseListen(config.link.listen)!,
            site,
            officeKey,
            tls: () => ensureLinkCertificate(folder),
            log: link.log,
          })
        : undefined,
    newCarrier: () => new NatsOfficeCarrier(link),
  });
  const trouble = (error: unknown) => log("link-unavailable", { reason: reasonOf(error) });
  fleet.onChange(async () => {
    status.serversChanged();
    peers.serversChanged(linkNames());
    await sendSettings();
    await remote.update().catch(trouble);
  });
  const campaigning = leadRemoteLink({ store, officeId: keys.officeId, versions, remote, log });
  if (!campaigning.leading && config.store.url !== "") await remote.update().catch(trouble);

  return {
    sendSettings,
    renewNtHashes() {
      ntHashKey.renew();
      return sendSettings();
    },
    get leading() {
      return campaigning.leading;
    },
    users: () => renderLinkUsers(site, officeKey, linkUsers(fleet)),
    async close(leave) {
      // Of several offices another one may lead when this one is back: exits have to look for it.
      await remote.close(leave && config.store.url === "");
      await campaigning.close();
      await feed.close();
      await peers.close();
      versions.close();
      await publisher.close();
    },
  };
}
