import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { EngineSpec } from "../../lib/engines.ts";
import { accepts } from "../accepts.ts";
import { placeTaken } from "../place-taken.ts";
import { type Door, type Place, TLS_ENGINE } from "./doors.ts";

export interface StunnelPlace {
  /** Folder with tls.key and tls.crt. */
  folder: string;
  /** Unix user and group that stunnel becomes once it has read them; undefined where it is started without root anyway. */
  runAs: { user: string; group: string } | undefined;
}

/**
 * stunnel's configuration (stunnel(8), 5.68): nothing in it writes or logs. Several doors that share one listener of
 * OpenVPN's are one here.
 */
export function stunnelConfiguration(doors: readonly Door[], { folder, runAs }: StunnelPlace): string {
  const services = [...new Map(doors.map((door) => [textOf(door.accept), door])).values()];
  return `${[
    "; Written by Lethe from the roster; changes are overwritten.",
    // In the foreground, but not with a log on stderr.
    "foreground = quiet",
    "pid =",
    "syslog = no",
    "debug = emerg",
    "libwrap = no",
    ...(runAs === undefined ? [] : [`setuid = ${runAs.user}`, `setgid = ${runAs.group}`]),
    "socket = l:TCP_NODELAY=1",
    "socket = r:TCP_NODELAY=1",
    `cert = ${line(`${folder}/tls.crt`)}`,
    `key = ${line(`${folder}/tls.key`)}`,
    // From this version on nobody on the way reads the certificate, in which our name stands.
    "sslVersionMin = TLSv1.3",
    // A client has so long for its handshake.
    "TIMEOUTbusy = 30",
    "TIMEOUTconnect = 10",
    // OpenVPN speaks every ten seconds: what is still for so long is dead.
    "TIMEOUTidle = 120",
    "TIMEOUTclose = 0",
    ...services.flatMap(({ accept, to }, index) => [
      "",
      `[door-${index}]`,
      `accept = ${textOf(accept)}`,
      `connect = ${textOf(to)}`,
    ]),
  ].join("\n")}\n`;
}

/** The one stunnel process of these doors. */
export function stunnelEngine(options: {
  program: string;
  /** Becomes stunnel after limits and capabilities are set (see `launcher`). */
  launcher: readonly string[];
  doors: readonly Door[];
  place: StunnelPlace;
  configurationPath: string;
}): EngineSpec {
  const { program, launcher, doors, place, configurationPath } = options;
  // It reads the certificate once, at its start: a new one has to look like a new configuration.
  const certificate = createHash("sha256")
    .update(readFileSync(`${place.folder}/tls.crt`))
    .digest("hex");
  return {
    id: TLS_ENGINE,
    part: "stealth",
    argv: [program, configurationPath],
    launcher,
    configuration: `${stunnelConfiguration(doors, place)}; certificate ${certificate}\n`,
    prepare: async () => {
      for (const { accept } of doors) {
        const taken = await placeTaken("tcp", accept.address, accept.port);
        if (taken !== undefined) return taken;
      }
      return undefined;
    },
    ready: () => accepts(doors[0]!.accept),
  };
}

/** `:::443` for every IPv6 address: the last colon parts address and port. */
const textOf = ({ address, port }: Place): string => `${address}:${port}`;

/** The rest of a line, whatever signs are in it. */
function line(path: string): string {
  if (/[\n\r\0]/.test(path)) throw new Error("a folder's name has a line break in it");
  return path;
}
