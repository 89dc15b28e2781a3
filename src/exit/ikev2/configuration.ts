import { IKEV2_POOL } from "../firewall/port-forwarding.ts";
import { RESOLVER_4, RESOLVER_6 } from "../tunnel-plan.ts";

/** How members' packets get in and out: the kernel's ESP through an XFRM interface, or strongSwan's own (kernel-libipsec). */
export type Ikev2Path = "kernel" | "libipsec";

export interface StrongswanPlace {
  path: Ikev2Path;
  viciSocket: string;
  radiusPort: number;
  radiusSecret: string;
  /** Whom charon becomes; nothing where it stays who it is. Its control socket is this group's. */
  runAs?: { user: string; group: string };
}

/** Ties the policies of members' sessions to the XFRM interface (ip-link(8), type xfrm). */
export const IF_ID = 0x6c65;

/** Nothing but what these sessions need: no `updown` above all, by which whoever speaks VICI could run programs. */
const PLUGINS = [
  ...["random", "nonce", "openssl", "pem", "pkcs1", "pkcs8", "x509", "pubkey", "constraints"],
  ...["aes", "sha1", "sha2", "hmac", "kdf", "gcm", "ccm", "chapoly", "curve25519", "drbg", "mgf1"],
  ...["socket-default", "vici", "eap-identity", "eap-radius"],
];

/**
 * strongswan.conf(5). Silence: level -1 for every log there is (level 0 still tells of sessions that go up and down), and
 * nothing is written for a crash. No routing table of its own: it would add a rule for it, and with any rule of its own a kernel
 * looks the rules up for every packet, of every service. So its routes are in the main table; device.ts has them passed over, and it
 * does not look at every session's way anew for each of them.
 */
export function strongswanConfiguration(place: StrongswanPlace): string {
  const { path, viciSocket, radiusPort, radiusSecret, runAs } = place;
  const kernel = path === "kernel" ? ["kernel-netlink"] : ["kernel-libipsec", "kernel-netlink"];
  return `charon-systemd {
  load = ${[...PLUGINS, ...kernel].join(" ")}
  journal {
    default = -1
  }
  syslog {
    daemon {
      default = -1
    }
    auth {
      default = -1
    }
  }
${runAs === undefined ? "" : `  user = ${runAs.user}\n  group = ${runAs.group}\n`}  crash_dump = no
  routing_table = 0
  process_route = no
  install_virtual_ip = no
  send_vendor_id = no
  i_dont_care_about_security_and_use_aggressive_mode_psk = no
  accept_unencrypted_mainmode_messages = no
  threads = 16
  half_open_timeout = 30
  cookie_threshold = 30
  block_threshold = 20
  init_limit_half_open = 1000
  ikesa_table_size = 1024
  ikesa_table_segments = 16
  plugins {
    vici {
      socket = unix://${viciSocket}
    }
    eap-radius {
      accounting = no
      eap_start = no
      nas_identifier = lethe
      retransmit_tries = 2
      retransmit_timeout = 2.0
      servers {
        lethe {
          address = 127.0.0.1
          auth_port = ${radiusPort}
          secret = ${radiusSecret}
          sockets = 16
        }
      }
    }
  }
}
`;
}

/** AES-GCM and ChaCha20 first; CBC with SHA-2 is what Windows takes unless a profile says better. No SHA-1, no group below 2048 bits. */
const IKE_PROPOSALS = [
  "aes256gcm16-aes128gcm16-chacha20poly1305-prfsha384-prfsha256-curve25519-ecp384-ecp256-modp3072-modp2048",
  "aes256-aes128-sha384-sha256-curve25519-ecp384-ecp256-modp3072-modp2048",
];
const ESP_PROPOSALS = [
  "aes256gcm16-aes128gcm16-chacha20poly1305-curve25519-ecp384-ecp256-modp3072-modp2048-noesn",
  "aes256gcm16-aes128gcm16-chacha20poly1305-noesn",
  "aes256-aes128-sha384-sha256-noesn",
];

export interface ConnectionPlan {
  /** Every certificate of the exit's that a client may ask for: name and chain in PEM, and the key. */
  identities: readonly { id: string; certificate: string }[];
  path: Ikev2Path;
  /** Whether ports lead to the devices. */
  forwarding: boolean;
  ipv6: boolean;
}

/** What VICI's `load-conn` takes (swanctl.conf(5), connections): one for every name that the exit answers to. */
export const connections = ({ identities, path, forwarding, ipv6 }: ConnectionPlan): Record<string, object> =>
  Object.fromEntries(
    identities.map(({ id, certificate }, index) => [
      `lethe-${index}`,
      {
        version: "2",
        local_addrs: ["%any"],
        remote_addrs: ["%any"],
        proposals: IKE_PROPOSALS,
        // MOBIKE (RFC 4555) would tell every client all the addresses that this machine has.
        mobike: "no",
        // The plugin has ESP inside UDP alone, and networks between let that pass more often anyhow.
        encap: path === "libipsec" ? "yes" : "no",
        fragmentation: "yes",
        // Several devices have one name.
        unique: "never",
        send_cert: "always",
        send_certreq: "no",
        dpd_delay: "30s",
        rekey_time: "4h",
        over_time: "30m",
        reauth_time: "0s",
        pools: [pool4Of(forwarding).name, ...(ipv6 ? ["lethe-6"] : [])],
        ...(path === "kernel" && { if_id_in: String(IF_ID), if_id_out: String(IF_ID) }),
        local: { auth: "pubkey", id, certs: [certificate] },
        remote: { auth: "eap-radius", eap_id: "%any" },
        children: {
          lethe: {
            local_ts: ["0.0.0.0/0", "::/0"],
            esp_proposals: ESP_PROPOSALS,
            rekey_time: "1h",
            dpd_action: "clear",
            ...(path === "kernel" && { policies: "yes" }),
          },
        },
      },
    ]),
  );

/** What VICI's `load-pool` takes: addresses for clients, never the gateway's; the resolver is one of ours, whichever a profile names. */
export function pools({
  forwarding,
  ipv6,
}: Pick<ConnectionPlan, "forwarding" | "ipv6">): Record<string, object> {
  const { name, first, last } = pool4Of(forwarding);
  return {
    [name]: { addrs: `${first}-${last}`, dns: [RESOLVER_4] },
    ...(ipv6 && { "lethe-6": { addrs: POOL_6, dns: [RESOLVER_6] } }),
  };
}

/**
 * strongSwan refuses another range for a pool of which somebody has an address. So these are two, with no address in common: when the
 * operator turns the switch, sessions keep theirs, and new ones get one of the other pool.
 */
const pool4Of = (forwarding: boolean) =>
  forwarding
    ? { name: "lethe-4-forwarded", ...IKEV2_POOL }
    : { name: "lethe-4-unforwarded", first: "10.66.144.0", last: "10.66.191.254" };

const POOL_6 = "fd6c:6574:6865:8000::2-fd6c:6574:6865:8000::ffff";
