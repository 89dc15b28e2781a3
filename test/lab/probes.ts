import { lab } from "./addresses.ts";
import type { Namespace } from "./namespace.ts";

/**
 * What a member can do from a client, told as facts. The same probes run against the bare exit (where they must find
 * everything open: they can say "yes") and against Lethe.
 */

/**
 * The body that `url` answers with, or nothing where it does not answer or answers with an error. Who expects nothing gives a
 * `--max-time` of its own.
 */
export async function fetchFrom(
  namespace: Namespace,
  url: string,
  ...curlOptions: string[]
): Promise<string | undefined> {
  const { code, stdout } = await namespace.run([
    "curl",
    "-sS",
    "--fail",
    "--max-time",
    "10",
    ...curlOptions,
    url,
  ]);
  return code === 0 ? stdout.trim() : undefined;
}

/** The address that the internet sees `namespace` come from. */
export const seenAddress = (namespace: Namespace, ...curlOptions: string[]): Promise<string | undefined> =>
  fetchFrom(namespace, `http://${lab.internet.web4}/ip`, ...curlOptions);

/** The same over IPv6; a second attempt with a link-local next hop is no way out either, since routes decide. */
export const seenAddressV6 = (namespace: Namespace, ...curlOptions: string[]): Promise<string | undefined> =>
  fetchFrom(namespace, `http://[${lab.internet.web6}]/ip`, ...curlOptions);

/** What a resolver at `server` answers to an A question; nothing where none answers. */
export async function resolve(
  namespace: Namespace,
  name: string,
  server: string,
  ...options: string[]
): Promise<string | undefined> {
  const { code, stdout } = await namespace.run([
    "dig",
    "+short",
    "+timeout=3",
    "+tries=3",
    ...options,
    `@${server}`,
    name,
    "A",
  ]);
  return code === 0 ? stdout.trim() : undefined;
}

/** What a TCP server says first, or nothing where there is no connection. curl's telnet ends with the connection. */
export async function greeting(
  namespace: Namespace,
  address: string,
  port: number,
  ...curlOptions: string[]
): Promise<string | undefined> {
  const host = address.includes(":") ? `[${address}]` : address;
  const { stdout } = await namespace.run([
    "curl",
    "-sS",
    "--max-time",
    "4",
    "--http0.9",
    ...curlOptions,
    `http://${host}:${port}/`,
  ]);
  return stdout === "" ? undefined : stdout.trim();
}
