/**
 * Who lives where in the lab. Everything is a documentation, benchmark or private range (RFC 5737, 2544, 1918, 3849):
 * Lethe's egress policy closes them all, so the lab's lethe.toml opens `internet` alone.
 *
 *   client1 ──┐                       ┌── exit ── lan ── private host
 *             ├── internet (router) ──┘
 *   client2 ──┘   web, DNS, mail
 */
export const lab = {
  client1: { v4: "203.0.113.10", v6: "2001:db8:c1::10", gateway4: "203.0.113.1", gateway6: "2001:db8:c1::1" },
  client2: {
    v4: "203.0.113.138",
    v6: "2001:db8:c2::10",
    gateway4: "203.0.113.129",
    gateway6: "2001:db8:c2::1",
  },
  exit: { v4: "192.0.2.10", v6: "2001:db8:e::10", gateway4: "192.0.2.1", gateway6: "2001:db8:e::1" },
  /** The operator's own network behind the exit. The host answers on every address: LAN, cloud metadata, CGNAT. */
  private: {
    v4: "10.77.0.2",
    v6: "fd77::2",
    router4: "10.77.0.1",
    router6: "fd77::1",
    metadata: "169.254.169.254",
    cgnat: "100.64.7.7",
  },
  internet: {
    web4: "198.18.0.10",
    web6: "2001:db8:100::10",
    /** The resolver that the exit forwards to. Knows the zone below. */
    resolver: "198.18.0.53",
    /** Anybody's resolver, which a client may ask by its address. Answers every A question with `trap`, but for the exit's own name. */
    foreignResolver: "198.18.0.99",
    trap: "198.18.0.66",
    /** Web too, but in a range that the operator denies. */
    denied: "198.18.5.10",
    /** Web too, in a documentation range that nobody opened. */
    closed: "198.51.100.10",
  },
  /** The internet, and the range that the exit's own address is of: that address stays closed all the same. */
  allow: ["198.18.0.0/16", "2001:db8:100::/48", "192.0.2.0/24", "2001:db8:e::/64"],
  deny: ["198.18.5.0/24"],
  deniedPort: 6667,
  /** A service of the operator's on the exit, on every address: members must not reach it through us. */
  operatorPort: 2222,
  /** A service on each client, on every address: what one member's device may offer to nobody else in the tunnel. */
  clientPort: 8000,
} as const;

/** The zone of the resolver: name → IPv4 and IPv6 addresses. `*.any.lab.example` is the web server. */
export const zone: Record<string, { a?: string[]; aaaa?: string[] }> = {
  "web.lab.example": { a: [lab.internet.web4], aaaa: [lab.internet.web6] },
  "web4.lab.example": { a: [lab.internet.web4] },
  "exit1.lab.example": { a: [lab.exit.v4] },
  // The services' world (services-scene.ts): the office's own exit, and one that joined.
  "berlin1.lab.example": { a: ["192.0.2.10"], aaaa: ["2001:db8:e::10"] },
  "oslo1.lab.example": { a: ["198.19.1.2"], aaaa: ["2001:db8:f1::2"] },
  "private.lab.example": { a: [lab.private.v4] },
  "mixed.lab.example": { a: [lab.private.v4, lab.internet.web4] },
  "loopback.lab.example": { a: ["127.0.0.1"], aaaa: ["::1"] },
};
