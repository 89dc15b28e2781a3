import type { Hono } from "hono";
import { proxyAutoConfig } from "../../profiles/proxy.ts";
import type { SiteEnv } from "../options.ts";
import type { Web } from "../web.ts";

/** Public, since no browser logs in to fetch its proxy configuration, and it names nobody. */
export function addProxyConfig(app: Hono<SiteEnv>, web: Web): void {
  app.get("/proxy/:file{[a-z0-9-]+\\.pac}", async (c) => {
    const name = c.req.param("file").slice(0, -".pac".length);
    const server = (await web.status.list()).find((each) => each.server === name);
    const portOf = (service: string) =>
      server?.services.find((each) => each.service === service)?.ports[0]?.port;
    const place = { httpPort: portOf("http"), socks5Port: portOf("socks5") };
    if (server === undefined || (place.httpPort ?? place.socks5Port) === undefined) return c.notFound();
    return c.body(proxyAutoConfig({ host: server.host, ...place }), 200, {
      "content-type": "application/x-ns-proxy-autoconfig",
      "cache-control": "public, max-age=300",
    });
  });
}
