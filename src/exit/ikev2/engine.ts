import { rmSync } from "node:fs";
import type { EngineSpec } from "../../lib/engines.ts";
import { findProgram } from "../../lib/run-command.ts";
import { placeTaken } from "../place-taken.ts";
import { type StrongswanPlace, strongswanConfiguration } from "./configuration.ts";
import { clearDevice, libipsecDevices, makeXfrmDevice } from "./device.ts";

export const IKEV2_ENGINE = "ikev2";
export const CHARON = "charon-systemd";
/** RFC 7296 section 2: IKE, and IKE with ESP inside UDP. */
export const IKE_PORTS = [500, 4500] as const;

/**
 * charon keeps CAP_NET_ADMIN alone when it becomes its user (it makes routes, and SAs in the kernel); the others here are for the
 * way there: its ports, its user, and its control socket's owner.
 */
const CAPABILITIES = "-all,+net_admin,+net_bind_service,+setuid,+setgid,+setpcap,+chown";

export interface CharonOptions {
  program: string;
  place: StrongswanPlace;
  configurationPath: string;
  /** The file in which the placeholder's name stands (device.ts). */
  note: string;
  ipv6: boolean;
  /** strongSwan's devices as they were before the start. */
  onStart: (before: string[]) => void;
  /** Gives the device its name and loads certificates and connections; true once members can log in. */
  ready: () => Promise<boolean>;
}

/** strongSwan's process. What it is told over VICI is no part of it: that changes without a restart. */
export function charonEngine(options: CharonOptions): EngineSpec {
  const { program, place, configurationPath, note, ipv6, onStart, ready } = options;
  const [prlimit, setpriv, env] = ["prlimit", "setpriv", "env"].map(findProgram);
  return {
    id: IKEV2_ENGINE,
    part: "ikev2",
    // It reads no arguments; this one tells it from a strongSwan of the operator's own.
    argv: [program, `--lethe=${configurationPath}`],
    launcher: [
      ...(prlimit === undefined ? [] : [prlimit, "--core=0:0"]),
      ...(setpriv === undefined
        ? []
        : [setpriv, "--bounding-set", CAPABILITIES, "--inh-caps", "-all", "--no-new-privs"]),
      ...[env!, `STRONGSWAN_CONF=${configurationPath}`],
    ],
    configuration: strongswanConfiguration(place),
    leaves: [place.viciSocket],
    prepare: async () => {
      rmSync(place.viciSocket, { force: true });
      await clearDevice(note);
      for (const port of IKE_PORTS) {
        for (const address of ipv6 ? ["0.0.0.0", "::"] : ["0.0.0.0"]) {
          const taken = await placeTaken("udp", address, port);
          if (taken !== undefined) return taken;
        }
      }
      if (place.path === "kernel" && !(await makeXfrmDevice(ipv6))) return "no-tun";
      onStart(libipsecDevices());
      return undefined;
    },
    ready,
  };
}
