import { isIPv4 } from "node:net";
import type { ServerSettings } from "../../link/settings.ts";
import { map, set } from "./elements.ts";

type Hops = NonNullable<ServerSettings["hops"]>;

/** Ports that lead on to other exits (fleet/hops.ts says which); the tunnel inside is end to end with the second. */
export interface HopRules {
  sets: string;
  /** In prerouting. */
  lead: string;
  /** In postrouting: the second exit sees this one as the source. */
  source: string;
}

export function hopRules(hops: Hops, options: { fromTunnel: string; sourcePorts: string }): HopRules {
  const targets = hops.flatMap(({ addresses, ports }) =>
    [addresses.find(isIPv4), addresses.find((address) => !isIPv4(address))].flatMap((address) =>
      address === undefined ? [] : ports.map((port) => ({ ...port, address })),
    ),
  );
  if (targets.length === 0) return { sets: "", lead: "", source: "" };
  const { fromTunnel, sourcePorts } = options;
  const outside = fromTunnel.replace("iifname ", "iifname != ");
  const families = (["4", "6"] as const).map((family) => ({
    family,
    word: family === "4" ? "ip" : "ip6",
    of: targets.filter(({ address }) => isIPv4(address) === (family === "4")),
  }));
  return {
    sets: families
      .map(({ family, of }) =>
        [
          map(
            `hops${family}`,
            `inet_proto . inet_service : ipv${family}_addr . inet_service`,
            of.map(({ protocol, port, address, to }) => [`${protocol} . ${port}`, `${address} . ${to}`]),
          ),
          set(
            `hop_exits${family}`,
            `inet_proto . inet_service . ipv${family}_addr`,
            of.map(({ protocol, port, address }) => `${protocol} . ${port} . ${address}`),
          ),
        ].join("\n"),
      )
      .join("\n"),
    lead: families
      .map(
        ({ family, word }) =>
          `    ${outside} ${word} daddr @own${family} meta l4proto { tcp, udp } dnat ${word} to meta l4proto . th dport map @hops${family}`,
      )
      .join("\n"),
    source: families
      .map(
        ({ family, word }) =>
          `    ct status dnat meta l4proto { tcp, udp } meta l4proto . ct original proto-dst . ${word} daddr @hop_exits${family} masquerade to ${sourcePorts} fully-random`,
      )
      .join("\n"),
  };
}
