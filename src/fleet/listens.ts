interface Place {
  address: string;
  port: number;
}

/** Where a server's services listen; an empty list, or none: not offered there. */
export interface Listens {
  openvpn: ({ protocol: "udp" | "tcp" } & Place)[];
  socks5: Place[];
  http: Place[];
  /** Of every address of the machine; 0: not offered there. */
  wireguard?: { port: number };
  /** UDP 500 and 4500 of every address of the machine: RFC 7296 knows no others. */
  ikev2?: boolean;
  ssh?: Place[];
  socks5Tls?: Place[];
  https?: Place[];
  stealthTls?: Place[];
  stealthObfs4?: Place[];
}
