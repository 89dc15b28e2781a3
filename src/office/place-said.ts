import { type Config, parseConfig } from "./config.ts";

/** What visitors read as the server's place while its operator has not said it; undefined once it is said. */
export function placeNotSaid({ server }: Pick<Config, "server">): string | undefined {
  const initial = parseConfig("", "").server;
  const said = server.city !== initial.city && server.country !== initial.country;
  return said ? undefined : `${server.city}, ${server.country}`;
}

/** The same as a sentence for the operator. */
export function notesOfPlace(config: Pick<Config, "server">): string[] {
  const read = placeNotSaid(config);
  return read === undefined
    ? []
    : [`Visitors read "${read}" as the server's place: set server.city, server.country and their like.`];
}
