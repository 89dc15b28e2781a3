import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import type { EngineSpec } from "../../lib/engines.ts";

/** One of the exit's resolvers; `address`: one that it answers at. */
export function resolverEngine(options: {
  id: string;
  address: string;
  program: string;
  /** Becomes unbound after limits are set (see `launcher`). */
  launcher: readonly string[];
  configuration: string;
  configurationPath: string;
}): EngineSpec {
  const { id, address, program, launcher, configuration, configurationPath } = options;
  return {
    id,
    part: "unbound",
    argv: [program, "-d", "-c", configurationPath],
    launcher,
    configuration,
    configurationPath,
    ready: () => answersOnTcp(address),
  };
}

/** Debian's package dns-root-data. */
const ROOT_KEY = "/usr/share/dns/root.key";
export const rootKeyFile = (): string | undefined => (existsSync(ROOT_KEY) ? ROOT_KEY : undefined);

/**
 * Debian's AppArmor profile for unbound lets it read /etc/unbound and no folder of ours. Where that profile is loaded the
 * configuration therefore stands there, under a name that Debian's own unbound does not include; it holds no secret.
 */
export function resolverConfigurationPath(engines: string, id = "unbound"): string {
  try {
    const profiles = readFileSync("/sys/kernel/security/apparmor/profiles", "utf8");
    if (/unbound\b.*\((enforce|kill)\)/.test(profiles)) {
      const instance = createHash("sha256").update(engines).digest("hex").slice(0, 8);
      return `/etc/unbound/lethe-${instance}${id.slice("unbound".length)}.conf`;
    }
  } catch {
    // no AppArmor here
  }
  return `${engines}/${id}.conf`;
}

function answersOnTcp(address: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host: address, port: 53, timeout: 1000 });
  const end = (answered: boolean): void => {
    socket.destroy();
    resolve(answered);
  };
  socket.once("connect", () => end(true));
  socket.once("error", () => end(false));
  socket.once("timeout", () => end(false));
  return promise;
}
