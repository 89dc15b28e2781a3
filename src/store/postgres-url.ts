import { userInfo } from "node:os";

/** Where a PostgreSQL database is, as `store.url` says it. */
export interface PostgresAddress {
  /** A host name, an address, or the folder of the server's Unix socket (then it starts with a slash). */
  host: string;
  port: number;
  user: string;
  password: string | undefined;
  database: string;
  /** `none` only on the machine itself or where the operator said so; else the server's certificate is checked. */
  tls: "none" | { rootCertificate: string | undefined };
}

const DEFAULT_PORT = 5432;
const DEFAULT_SOCKET_FOLDER = "/var/run/postgresql";
const PARAMETERS = ["host", "port", "user", "sslmode", "sslrootcert"];

/** What `parsePostgresUrl` takes, in the operator's words. */
export const POSTGRES_URL_ALLOWED =
  'empty, or such as "postgres://user:password@db.example.net/lethe" or "postgres:///lethe?host=/var/run/postgresql"; ' +
  "parameters: host, port, user, sslmode (verify-full or disable), sslrootcert";

/**
 * Reads a connection URI as libpq does (PostgreSQL, "Connection URIs"), of which it takes the parameters named above; without a host
 * it is Debian's socket folder, without a user the process's own. Undefined where it is no such address.
 */
export function parsePostgresUrl(text: string): PostgresAddress | undefined {
  // Without a host the URL standard takes no user either: libpq does, and so do people.
  const parts =
    /^postgres(?:ql)?:\/\/(?:(?<user>[^:@/?#]*)(?::(?<password>[^@/?#]*))?@)?(?<host>\[[0-9a-fA-F:.]+\]|[^:@/?#[\]]*)(?::(?<port>\d{1,5}))?\/(?<database>[^/?#]+)(?:\?(?<query>[^#]*))?$/.exec(
      text,
    )?.groups;
  if (parts === undefined) return undefined;
  const query = new URLSearchParams(parts.query ?? "");
  if ([...query.keys()].some((key) => !PARAMETERS.includes(key))) return undefined;
  const decoded = [parts.host, parts.user, parts.password, parts.database].map(decode);
  if (decoded.includes(undefined)) return undefined;
  const [uriHost = "", uriUser = "", password = "", database = ""] = decoded;
  const host = uriHost.replace(/^\[|\]$/g, "") || query.get("host") || DEFAULT_SOCKET_FOLDER;
  const port = Number(parts.port ?? query.get("port") ?? DEFAULT_PORT);
  const tls = tlsOf(host, query);
  if (tls === undefined || !(port >= 1 && port <= 65_535)) return undefined;
  return {
    host,
    port,
    user: uriUser || query.get("user") || userInfo().username,
    password: password === "" ? undefined : password,
    database,
    tls,
  };
}

/** Whether the file that this URL stands in has to be kept from others. */
export const holdsPassword = (text: string): boolean => parsePostgresUrl(text)?.password !== undefined;

function tlsOf(host: string, query: URLSearchParams): PostgresAddress["tls"] | undefined {
  const here = host.startsWith("/") || host === "localhost" || host === "::1" || /^127\./.test(host);
  const mode = query.get("sslmode") ?? (here ? "disable" : "verify-full");
  if (mode === "disable") return "none";
  return mode === "verify-full" ? { rootCertificate: query.get("sslrootcert") ?? undefined } : undefined;
}

function decode(text = ""): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
