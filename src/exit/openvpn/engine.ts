import { createHash } from "node:crypto";
import { createSocket } from "node:dgram";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { EngineSpec } from "../../lib/engines.ts";
import { type Reason, reasonOf } from "../../lib/event-log.ts";
import type { Tunnel } from "../tunnel-plan.ts";
import { type OpenvpnPlace, openvpnConfiguration } from "./configuration.ts";

/** One listener's openvpn process. Throws where the settings cannot be rendered (see `openvpnConfiguration`). */
export function openvpnEngine(options: {
  program: string;
  /** Becomes openvpn after limits and capabilities are set (see `launcher`). */
  launcher: readonly string[];
  tunnel: Tunnel;
  tlsCrypt: string;
  place: OpenvpnPlace;
  configurationPath: string;
}): EngineSpec {
  const { program, launcher, tunnel, tlsCrypt, place, configurationPath } = options;
  // openvpn reads the certificate once, at its start: a new one has to look like a new configuration.
  const certificate = createHash("sha256")
    .update(readFileSync(`${place.folder}/tls.crt`))
    .digest("hex");
  return {
    id: tunnel.id,
    part: "openvpn",
    argv: [program, "--config", configurationPath],
    launcher,
    configuration: `${openvpnConfiguration(tunnel, tlsCrypt, place)}# certificate ${certificate}\n`,
    leaves: [place.managementSocket],
    prepare: async () => {
      rmSync(place.managementSocket, { force: true });
      return portTaken(tunnel);
    },
    ready: async () => existsSync(place.managementSocket),
  };
}

/** openvpn says nothing (verb 0) of a port that it cannot have, so that is tried beforehand. */
function portTaken({ protocol, listen }: Tunnel): Promise<Reason | undefined> {
  const { promise, resolve } = Promise.withResolvers<Reason | undefined>();
  const { address, port, family } = listen;
  if (protocol === "udp") {
    const socket = createSocket({ type: `udp${family}`, ipv6Only: family === 6 });
    socket.once("error", (error) => resolve(reasonOf(error)));
    socket.bind({ address, port, exclusive: true }, () => socket.close(() => resolve(undefined)));
  } else {
    const server = createServer();
    server.once("error", (error) => resolve(reasonOf(error)));
    server.listen({ host: address, port, ipv6Only: family === 6 }, () =>
      server.close(() => resolve(undefined)),
    );
  }
  return promise;
}
