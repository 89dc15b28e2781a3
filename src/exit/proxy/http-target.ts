/** Where a request wants to go (RFC 9112 section 3.2). */
export interface Destination {
  host: string;
  port: number;
}

/** What stands behind the method. `path` is what the origin server gets, `authority` its Host field. */
export type Target =
  | ({ kind: "connect" } & Destination)
  | ({ kind: "absolute"; authority: string; path: string } & Destination)
  /** A request to the proxy as if it were the site itself. */
  | { kind: "origin" }
  /** `https://…`: nothing but CONNECT reaches it. */
  | { kind: "needs-connect" }
  | { kind: "malformed" };

/** `host:port`, `[2001:db8::1]:port`; whether the host is one, and allowed, the egress policy says. */
function parseAuthority(text: string, defaultPort?: number): Destination | undefined {
  const [, bracketed, plain, digits] =
    /^(?:(\[[0-9A-Fa-f:.]+\])|([^\s:/?#@[\]\\]+))(?::(\d{0,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = digits === undefined || digits === "" ? defaultPort : Number(digits);
  if (host === undefined || port === undefined || port < 1 || port > 65_535) return undefined;
  return { host, port };
}

/** Reads the request target of `method`. User information in an authority is refused (RFC 9110 section 4.2.4). */
export function parseTarget(method: string, target: string): Target {
  if (method === "CONNECT") {
    const destination = parseAuthority(target);
    return destination ? { kind: "connect", ...destination } : { kind: "malformed" };
  }
  if (target.startsWith("/") || target === "*") return { kind: "origin" };
  const [, scheme = "", authority = "", rest = ""] =
    /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)([^#]*)$/.exec(target) ?? [];
  if (scheme.toLowerCase() === "https") return { kind: "needs-connect" };
  if (scheme.toLowerCase() !== "http") return { kind: "malformed" };
  const destination = parseAuthority(authority, 80);
  if (!destination) return { kind: "malformed" };
  // OPTIONS without a path asks about the server as a whole (RFC 9112 section 3.2.4).
  const path = rest.startsWith("/") ? rest : rest === "" && method === "OPTIONS" ? "*" : `/${rest}`;
  return { kind: "absolute", authority, path, ...destination };
}
