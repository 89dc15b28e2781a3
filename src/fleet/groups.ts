/** A server's name, and a group's: what stands in host names, addresses of pages and the exits' certificates. */
export const SHORT_NAME = /^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/;

/** The group of a city's servers: a name without its number, `london` of london1; undefined where it has none. */
export const cityGroup = (name: string): string | undefined => /^(.*[a-z])-?[0-9]+$/.exec(name)?.[1];

/** Every group of a server, its city's first, each once. */
export function groupsOf({ name, groups }: { name: string; groups: readonly string[] }): string[] {
  const city = cityGroup(name);
  return [...new Set([...(city === undefined ? [] : [city]), ...groups])];
}
