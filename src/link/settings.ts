import { isIP } from "node:net";
import { z } from "zod";
import { BLOCKLIST_BYTES_MOST } from "../lib/blocklist.ts";

/**
 * What the office tells one exit about itself: the "settings" section of the roster. The exit renders every engine's
 * configuration from it and trusts no value before this schema has taken it. Unknown keys are dropped, so that an office
 * one version newer may send more.
 */

/** Without a zone (`fe80::1%eth0`), which isIP takes and neither nftables nor our own ranges do: the whole firewall would be refused. */
const familyOf = (text: string): number => (text.includes("%") ? 0 : isIP(text));
const address = z.string().refine((text) => familyOf(text) !== 0, "an IPv4 or IPv6 address");
const port = z.int().min(1).max(65_535);
/** `10.0.0.0/8`, `fd00::/8`, or one address. */
const range = z.string().refine((text) => {
  const [base = "", bits, ...rest] = text.split("/");
  const family = familyOf(base);
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}, "an address or a range such as 10.0.0.0/8");
/** Text that goes into an engine's file between a begin and an end line. */
const pem = z.string().regex(/^[\x20-\x7e\n]{1,20000}$/);

const listen = z.object({ address, port });
const dnsName = z.string().regex(/^(?=.{1,253}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+$/);
/** A file that the office gives over the link (wire.ts, request 5). */
const file = z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/), bytes: z.int().min(1).max(500_000_000) });

/** Port ranges, and address ranges, that may be blocked on one exit. */
export const BLOCKED_MOST = 200;

const blocklist = file.extend({ bytes: z.int().min(1).max(BLOCKLIST_BYTES_MOST) });

export const serverSettings = z.object({
  /** The server's short name, `london1`. */
  server: z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/),
  /** The name or address that members' clients connect to. */
  host: z.string().regex(/^[A-Za-z0-9.:-]{1,253}$/),
  bandwidthMbit: z.number().positive().max(1_000_000),
  /** The server's public addresses where the machine itself does not bear them (behind NAT); closed to egress. */
  ownAddresses: z.array(address).max(64),
  services: z.object({
    socks5: z.object({ listen: z.array(listen).min(1).max(16) }).optional(),
    http: z.object({ listen: z.array(listen).min(1).max(16) }).optional(),
    /** The proxies inside TLS, with the certificate that `publicName` or `publicCertificate` speaks of. */
    socks5Tls: z.object({ listen: z.array(listen).min(1).max(16) }).optional(),
    https: z.object({ listen: z.array(listen).min(1).max(16) }).optional(),
    ssh: z.object({ listen: z.array(listen).min(1).max(16) }).optional(),
    /** On every address of the machine: WireGuard cannot be told one. */
    wireguard: z.object({ port }).optional(),
    /** On UDP 500 and 4500 of every address of the machine. */
    ikev2: z
      .object({
        /** 32 bytes, base64: opens the NT hashes of the roster's section `nt-hashes`. Exits without IKEv2 never have it. */
        hashKey: z.base64().length(44),
      })
      .optional(),
    /** OpenVPN (TCP) inside TLS and obfs4; only beside `openvpn`. */
    stealthTls: z.object({ listen: z.array(listen).min(1).max(4) }).optional(),
    stealthObfs4: z.object({ listen: z.array(listen).min(1).max(4) }).optional(),
    openvpn: z
      .object({
        listen: z
          .array(z.object({ protocol: z.enum(["udp", "tcp"]), address, port }))
          .min(1)
          .max(8),
        /** The tls-crypt key that stands in every profile (openvpn(8), --tls-crypt). */
        tlsCrypt: pem,
      })
      .optional(),
  }),
  egress: z.object({
    /** Ranges opened although the policy closes them (a lab's private "internet"). */
    allow: z.array(range).max(1000),
    deny: z.array(range).max(100_000 + BLOCKED_MOST),
    /** TCP and UDP ports refused beside 25. */
    denyPorts: z.array(port).max(1000),
    /** Ports refused on this exit alone (`lethe server block-port`), and no longer led to a member where ports are forwarded. */
    denyPortRanges: z
      .array(z.object({ from: port, to: port }).refine(({ from, to }) => from <= to))
      .max(BLOCKED_MOST)
      .exactOptional(),
  }),
  limits: z.object({
    /** Proxy connections of one credential at one time, on this exit. */
    connectionsPerCredential: z.int().min(1).max(1_000_000),
    /** From a connection's first byte to the end of its login and request. */
    handshakeMs: z.int().min(100).max(600_000),
    /** A tunnel without a byte either way for so long is closed. */
    idleMs: z.int().min(1000).max(86_400_000),
    /** Sessions of one credential at one time over all services, on this exit; 10 where nothing is said. */
    sessionsPerCredential: z.int().min(1).max(1_000_000).exactOptional(),
  }),
  dns: z.object({
    /** Resolvers that unbound forwards to; none: it asks the root servers itself. */
    forward: z.array(address).max(8),
    /** These pass no DNSSEC on, and are believed as they are; left out where answers are validated. */
    validate: z.literal(false).exactOptional(),
    /** Names that the resolvers of the levels keep back (lib/blocklist.ts); a list that is not there makes no level. */
    lists: z
      .object({
        ads: blocklist.exactOptional(),
        malware: blocklist.exactOptional(),
        adult: blocklist.exactOptional(),
      })
      .exactOptional(),
  }),
  /** The other exits that this one leads on to (two hops), each with the ports that stand for it here. */
  hops: z
    .array(
      z.object({
        /** Its addresses; the first IPv4 and the first IPv6 one are used. */
        addresses: z.array(address).min(1).max(16),
        /** Ports here and there: what comes to `port` goes on to `to` of that exit. */
        ports: z.array(z.object({ protocol: z.enum(["udp", "tcp"]), port, to: port })).max(8),
      }),
    )
    .max(10_000)
    .exactOptional(),
  /** Incoming ports for members of OpenVPN and IKEv2 (exit/firewall/port-forwarding.ts). */
  portForwarding: z.boolean().exactOptional(),
  /** The office's site where it runs on this machine: with `stunPorts`, all of the machine that members reach. TCP. */
  sitePorts: z.array(port).max(4),
  /** The same for the office's STUN responder. UDP. */
  stunPorts: z.array(port).max(8).exactOptional(),
  /**
   * Names of the site where it runs on this machine, which the tunnels' resolvers lead to it inside the tunnel; where it
   * listens, `0.0.0.0` and `::` for any address.
   */
  siteInside: z
    .object({
      names: z.array(dnsName).min(1).max(4),
      /** Led to its IPv4 address alone, by which "Am I protected?" asks for that. */
      v4Name: dnsName.exactOptional(),
      v4: address.exactOptional(),
      v6: address.exactOptional(),
    })
    .exactOptional(),
  /** New logins are refused, with a text where the protocol has one; sessions go on. */
  draining: z.boolean().exactOptional(),
  /** The name that the exit's certificate must bear; without it certificate-name.ts says it. */
  certificateName: dnsName.exactOptional(),
  /** What the exit is to run; without it, whatever it runs. */
  release: z
    .object({
      bundle: file,
      runtimes: z.object({ x64: file.exactOptional(), arm64: file.exactOptional() }),
    })
    .exactOptional(),
  /** The DNS name that it is to have a public certificate for (public-certificate.ts); without it, none. */
  publicName: dnsName.exactOptional(),
});

export type ServerSettings = z.infer<typeof serverSettings>;
export type EgressSettings = ServerSettings["egress"];
