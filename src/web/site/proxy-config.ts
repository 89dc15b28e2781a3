import type { Hono } from "hono";
import { inGroup, recommended, spread } from "../../fleet/recommend.ts";
import type { ServerStatus } from "../../fleet/server-status.ts";
import { type ProxyPlace, proxyAutoConfig } from "../../profiles/proxy.ts";
import { sentence } from "../languages/language.ts";
import type { SiteEnv } from "../options.ts";
import type { Web } from "../web.ts";

/** The file that picks among all servers; one with the name of a group picks among the group's. */
const ANY = "recommended";
/** As pages name that file. */
export const LEAST_LOADED = {
  name: sentence("Automatic (PAC), the least loaded"),
  path: `/proxy/${ANY}.pac`,
} as const;
/** The one to use, and two for where it cannot be reached. */
const PLACES = 3;
/** Loads are known by five minutes. */
const GOOD_FOR = "public, max-age=300";

const portOf = (server: ServerStatus, service: string) =>
  server.services.find((each) => each.service === service)?.ports[0]?.port;

/**
 * Where a server's proxies are; of those that work alone, if `working`. With `plain` not the one over TLS, which some browsers
 * cannot be told of by such a file.
 */
function placeOf(server: ServerStatus, working: boolean, plain: boolean): ProxyPlace | undefined {
  const port = (service: string) =>
    working && !server.services.some((each) => each.service === service && each.healthy)
      ? undefined
      : portOf(server, service);
  const place = {
    host: server.host,
    httpsPort: plain ? undefined : port("https"),
    httpPort: port("http"),
    socks5Port: port("socks5"),
  };
  return (place.httpsPort ?? place.httpPort ?? place.socks5Port) === undefined ? undefined : place;
}

/** Some of the least loaded whose proxies work. */
function pick(servers: readonly ServerStatus[], random: number, plain: boolean): ProxyPlace[] {
  const able = recommended(servers).filter((server) => placeOf(server, true, plain) !== undefined);
  const having = (proxy: "httpsPort" | "httpPort") =>
    able.filter((server) => placeOf(server, true, plain)?.[proxy] !== undefined);
  // What encrypts comes first, and then what browsers like best.
  const best = [having("httpsPort"), having("httpPort"), able].find((servers) => servers.length > 0) ?? [];
  const picked = spread(best, PLACES, random);
  if (picked.length > 0) return picked.flatMap((server) => placeOf(server, true, plain) ?? []);
  // None works as far as is known: a browser without a file would go past the proxies, and one with these waits for them.
  return servers.flatMap((server) => placeOf(server, false, plain) ?? []).slice(0, PLACES);
}

/** Public, since no browser logs in to fetch its proxy configuration, and it names nobody. */
export function addProxyConfig(app: Hono<SiteEnv>, web: Web, random: () => number = Math.random): void {
  app.get("/proxy/:file{[a-z0-9-]+\\.pac}", async (c) => {
    const name = c.req.param("file").slice(0, -".pac".length);
    const servers = await web.status.list();
    const server = servers.find((each) => each.server === name);
    const among = name === ANY ? servers : servers.filter((each) => inGroup(each, name));
    const plain = c.req.query("plain") !== undefined;
    const own = server && placeOf(server, false, plain);
    const places = server === undefined ? pick(among, random(), plain) : own === undefined ? [] : [own];
    if (places.length === 0) return c.notFound();
    return c.body(proxyAutoConfig(...places), 200, {
      "content-type": "application/x-ns-proxy-autoconfig",
      "cache-control": GOOD_FOR,
    });
  });
}
