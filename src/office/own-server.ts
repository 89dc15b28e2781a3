import type { OwnServer } from "../fleet/servers.ts";
import { offersOf } from "../fleet/servers.ts";
import type { ServerSettings } from "../link/settings.ts";
import type { Config } from "./config.ts";

/** This machine as a server that the public sees. */
export function ownServer({ server }: Config, settings: ServerSettings, addresses: string[]): OwnServer {
  const { city, country, country_code, latitude, longitude, groups } = server;
  return {
    name: settings.server,
    host: settings.host,
    city,
    country,
    countryCode: country_code,
    latitude,
    longitude,
    bandwidthMbit: settings.bandwidthMbit,
    addresses,
    services: offersOf(settings),
    groups,
  };
}
