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
