import type { ExitCarrier } from "../link/carrier.ts";
import { UnixExitCarrier } from "../link/unix-carrier.ts";
import type { LinkStart } from "./messages.ts";

/** The way to the office of the server of this name. */
export function exitCarrier(link: LinkStart, _server: string): ExitCarrier {
  if (link.kind === "unix") return new UnixExitCarrier({ path: link.path });
  throw new Error("the link over NATS is not there");
}
