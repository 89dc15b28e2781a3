/**
 * The resolvers inside the tunnels, one address a blocklist level, the same on every server. Which one a profile names is
 * the member's choice, and stored nowhere.
 */
export const DNS_LEVELS = ["none", "ads", "malware", "adult"] as const;

/** Each level blocks what the one before it does, and more: nothing; ads and trackers; malware; adult content and gambling. */
export type DnsLevel = (typeof DNS_LEVELS)[number];

export const resolverOf = (level: DnsLevel): { v4: string; v6: string } => {
  const number = DNS_LEVELS.indexOf(level) + 1;
  return { v4: `10.66.255.${number}`, v6: `fd6c:6574:6865:ffff::${number}` };
};
