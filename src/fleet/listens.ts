import type { ServerSettings } from "../link/settings.ts";

interface Place {
  address: string;
  port: number;
}

/** Where a server's services listen; an empty list: not offered there. */
export interface Listens {
  openvpn: ({ protocol: "udp" | "tcp" } & Place)[];
  socks5: Place[];
  http: Place[];
}

/** As a server with these settings listens. */
export const listensOf = ({ services }: Pick<ServerSettings, "services">): Listens => ({
  openvpn: services.openvpn?.listen ?? [],
  socks5: services.socks5?.listen ?? [],
  http: services.http?.listen ?? [],
});
