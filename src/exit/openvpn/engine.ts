import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { isIPv6 } from "node:net";
import type { EngineSpec } from "../../lib/engines.ts";
import type { Reason } from "../../lib/event-log.ts";
import { placeTaken } from "../place-taken.ts";
import { placesOf, type Tunnel } from "../tunnel-plan.ts";
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
      return portTaken(tunnel, place.ipv6);
    },
    ready: async () => existsSync(place.managementSocket),
  };
}

/** openvpn says nothing (verb 0) of a port that it cannot have, so that is tried beforehand. */
async function portTaken(tunnel: Tunnel, ipv6: boolean): Promise<Reason | undefined> {
  for (const { address, port } of placesOf(tunnel)) {
    const missing = isIPv6(address) && tunnel.listen.dual === true && !ipv6;
    const taken = missing ? undefined : await placeTaken(tunnel.protocol, address, port);
    if (taken !== undefined) return taken;
  }
  return undefined;
}
