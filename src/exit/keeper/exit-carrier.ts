import type { ExitCarrier } from "../../link/carrier.ts";
import { NatsExitCarrier } from "../../link/nats-exit-carrier.ts";
import { UnixExitCarrier } from "../../link/unix-carrier.ts";
import type { LinkStart } from "../messages.ts";

/** The way to the office of the server of this name. */
export function exitCarrier(link: LinkStart, server: string): ExitCarrier {
  if (link.kind === "unix") return new UnixExitCarrier({ path: link.path });
  const { servers, site, seed, ca } = link;
  return new NatsExitCarrier({ servers, site, server, seed, ca });
}
