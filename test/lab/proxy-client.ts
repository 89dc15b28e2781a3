import { lab } from "./addresses.ts";
import { ports } from "./provider.ts";

export interface ProxyLogin {
  username: string;
  password: string;
}

/** curl's options for each way through our proxies. `socks5h` and CONNECT let the exit look names up. */
export function curlThrough(
  kind: "socks5" | "http" | "connect",
  { username, password }: ProxyLogin,
  address: string = lab.exit.v4,
): string[] {
  const login = ["--proxy-user", `${username}:${password}`];
  if (kind === "socks5") return ["--proxy", `socks5h://${address}:${ports.socks5}`, ...login];
  const options = ["--proxy", `http://${address}:${ports.http}`, ...login];
  return kind === "connect" ? ["--proxytunnel", ...options] : options;
}
