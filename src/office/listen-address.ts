import { isIP } from "node:net";

const SOCKET = /^(?:(?<v4>[0-9.]+)|\[(?<v6>[0-9a-fA-F:.]+)\]):(?<port>[0-9]{1,5})$/;

export interface ListenAddress {
  address: string;
  port: number;
}

/** `127.0.0.1:8080` or `[::1]:8080`; undefined where it is neither. */
export function parseListen(text: string): ListenAddress | undefined {
  const groups = SOCKET.exec(text)?.groups;
  const address = groups?.v4 ?? groups?.v6 ?? "";
  const port = Number(groups?.port);
  const family = isIP(address);
  if (family !== (groups?.v4 === undefined ? 6 : 4) || port < 1 || port > 65_535) return undefined;
  return { address, port };
}
