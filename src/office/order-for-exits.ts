import { join } from "node:path";
import type { orderFor } from "../certificates/order.ts";
import { newKeyPem } from "../certificates/request.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { FleetServer } from "../fleet/fleet-server.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/event-log.ts";
import type { PublicCertificateView } from "../web/control/servers.ts";
import { authorityFolder, certificateFolder } from "./certificate-folder.ts";
import { ExitCertificates } from "./exit-certificates.ts";
import { publicName } from "./public-name.ts";
import type { SiteSettings } from "./site-address.ts";
import type { SiteDoor } from "./site-door.ts";

/**
 * The exits' public certificates, ordered with the site's account, or heard of where they are the operator's files; undefined where
 * lethe.toml wants none.
 */
export function exitCertificates(options: {
  config: SiteSettings;
  officeFolder: string;
  /** Undefined without tls.acme. */
  acme: { orderFor: typeof orderFor; directoryAuthority: string | undefined } | undefined;
  fleet: Pick<Fleet, "byLinkName">;
  /** This machine's own server, on the link. */
  own: string;
  door: Pick<SiteDoor, "challenges">;
  clock: Clock;
  log: Log;
}): { certificates: ExitCertificates; view(server: FleetServer): PublicCertificateView } | undefined {
  const { config, officeFolder, acme, fleet, own, door, clock, log } = options;
  const { acme: directory, email, exits } = config.tls;
  if (!exits) return undefined;
  const orders = exits === true ? acme : undefined;
  const account = certificateFolder(officeFolder, directory);
  const nameOf = (server: string): string | undefined => {
    const known = fleet.byLinkName(server);
    const found = known && publicName(config, known.host);
    return found && "name" in found ? found.name : undefined;
  };
  const certificates = new ExitCertificates({
    folder:
      orders === undefined
        ? join(officeFolder, "cache", "exit-files")
        : join(authorityFolder(officeFolder, directory), "exits"),
    nameOf,
    generationOf: (server) => fleet.byLinkName(server)?.generation,
    answersHere: (server) => (server === own ? door.challenges : undefined),
    order:
      orders &&
      ((request, accountKey, challenges) =>
        orders.orderFor(request, {
          directory,
          directoryAuthority: orders.directoryAuthority,
          email,
          accountKey,
          challenges,
        })),
    accountKey: () => {
      const known = account.read("account.key");
      if (known !== undefined) return known;
      const made = newKeyPem();
      void account.write("account.key", made);
      return made;
    },
    clock,
    log,
  });
  const view = ({ linkName, host }: FleetServer): PublicCertificateView => {
    const found = publicName(config, host);
    if ("name" in found) return certificates.view(linkName);
    return found.without === "site" ? { site: true } : { problem: found.without };
  };
  return { certificates, view };
}
