import { createEgressPolicy, type EgressPolicy } from "../egress.ts";
import type { ProxySettings } from "../messages.ts";
import type { LiveWays } from "./live-ways.ts";
import { createOpener, type Open } from "./open.ts";
import { createResolver, type Resolve } from "./resolve.ts";
import type { Sweeper } from "./sweeper.ts";

/**
 * Where a worker's connections may go under these settings, and how they get there; those among `ways` that the
 * operator has blocked end. `resolve` takes the place of DNS in tests. Throws RangeError as `createEgressPolicy` does.
 */
export function wayOut(
  { settings, ownAddresses, resolvers }: Pick<ProxySettings, "settings" | "ownAddresses" | "resolvers">,
  options: { sweeper: Sweeper; ways: LiveWays; resolve?: Resolve | undefined },
): { policy: EgressPolicy; resolve: Resolve; open: Open } {
  const policy = createEgressPolicy({
    egress: settings.egress,
    ownAddresses: [...ownAddresses, ...settings.ownAddresses],
    sitePorts: settings.sitePorts,
  });
  const resolve = options.resolve ?? createResolver({ servers: resolvers });
  const { sweeper, ways } = options;
  const opener = createOpener({ policy: ways.without(policy), resolve, sweeper });
  ways.follow(policy);
  return { policy, resolve, open: (host, port, connect) => opener(host, port, ways.watching(connect)) };
}
