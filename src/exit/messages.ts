import type { Pair } from "../certificates/pair.ts";
import type { ServerIdentity } from "../link/identity.ts";
import type { Challenge } from "../link/public-certificate.ts";
import type { Service } from "../link/services.ts";
import type { ServerSettings } from "../link/settings.ts";
import type { WholeStanding } from "./public-certificate/shown.ts";

/**
 * What the processes of an exit say to one another over Node's IPC channel. The exit (root) starts the keeper and the
 * proxies, which give root up at once; each side checks what it gets from the other.
 *
 *   supervisor ── start ──► exit (root) ── start, engines ──► keeper   (link, roster, logins, totals)
 *              ◄─ report ──             ◄─ settings ─────────
 *                                       ◄─ test-openvpn ───── ── openvpn-tested ─►
 *                                       ── certify, fetch ──► ◄─ certificate, fetched, linked ─
 *                                       ── identity ──────────►
 *                                       ── wireguard-online ──► ◄─ wireguard-peers ─
 *                                       ── public-certificate, answering ─► ◄─ challenges, public-certificate ─
 *                                       ── start, settings ─► proxy    (one a core: SOCKS5, HTTP)
 *                                       ◄─ listening ────────
 *                                       ── challenges ──────► ◄─ answering ─
 *                                       ── start, settings ─► ssh      (one for two cores)
 *                                       ◄─ listening ────────
 */

/** A Unix user that a process becomes; where the caller is not root, the caller's own ids. */
export interface Account {
  uid: number;
  gid: number;
}

/** How an exit reaches its office: the socket of one on the same machine, or NATS. */
export type LinkStart =
  | { kind: "unix"; path: string }
  | {
      kind: "nats";
      /** `host:port`, tried in any order. */
      servers: string[];
      /** The first 8 hex digits of the site's id: names its subjects. */
      site: string;
      /** The exit's nkey seed: who has it is this exit to the link. Read by root, handed on over IPC alone. */
      seed: string;
      /** PEM of the authority that the servers' TLS certificates must be of. */
      ca: string;
    };

/** The exit's first message from the supervisor. */
export interface ExitStart {
  type: "start";
  /** The exit's own folder: `tls.key`, `tls.crt`, `ca.crt`; root's, 0700. */
  folder: string;
  /** 32 bytes, base64: seals the roster over a restart. */
  sealKey: string;
  /** Where sockets and engine files live, on tmpfs; made by who starts the exit (see `run-folders.ts`). */
  run: ExitRunFolders;
  link: LinkStart;
  server: string;
  /** The office's Ed25519 public key, raw 32 bytes, base64: what the roster must be signed with. */
  sitePublicKey: string;
  /** PEM of the authority that signs the exits' certificates; left out where the office has no openssl, and so no VPN. */
  authority?: string;
  /** See KeeperStart. */
  release?: string;
  upgrade?: "failed";
  /** `stealth`: of stunnel and obfs4proxy; without it they run as `vpn`. */
  accounts: { keeper: Account; proxy: Account; vpn: Account; stealth?: Account };
  /** How many proxy processes to run. */
  proxies: number;
  /** As without root, whoever starts it: no tunnel, no firewall, no kernel setting, and nothing of another exit on this machine is touched. */
  withoutRoot?: true;
}

/** From the supervisor: everything ends, and our table, devices, addresses and routes are taken away (SIGTERM means the same). */
export interface ExitStop {
  type: "stop";
}

/** From the supervisor: this process ends and leaves the engines, devices and firewall as they are for the next one. */
export interface ExitRestart {
  type: "restart";
}

export interface ExitRunFolders {
  /** Socket on which proxies ask the keeper (a file path; its folder belongs to the keeper, group proxy). */
  authoriseSocket: string;
  /** Folder for OpenVPN's management sockets (root's, group keeper). */
  management: string;
  /** Folder for engine configurations and pid files (root's, 0700). */
  engines: string;
  /** The sealed roster's path (its folder belongs to the keeper). */
  sealedRoster: string;
}

export interface ListeningReport {
  service: Service;
  protocol: "tcp" | "udp";
  address: string;
  port: number;
  /** Set where the port could not be had, or what the service needs is missing. */
  failed?:
    | "EADDRINUSE"
    | "EACCES"
    | "EADDRNOTAVAIL"
    | "no-root"
    | "no-tun"
    | "not-installed"
    | "no-certificate"
    | "other";
  /** WireGuard: whether the kernel does it, or a program. */
  runsIn?: "kernel" | "wireguard-go";
}

/** From the exit to the supervisor: what runs, whenever that changes. `settled` once every service has been tried. */
export interface ExitReport {
  type: "report";
  settled: boolean;
  services: ListeningReport[];
  /** What a person should know: a foreign ruleset that drops forwarding, a missing resolver. Whole sentences, no addresses of members. */
  warnings: string[];
}

export interface Processes {
  proxy: number;
  ssh: number;
}

export interface KeeperStart {
  type: "start";
  server: string;
  sitePublicKey: string;
  link: LinkStart;
  authoriseSocket: string;
  sealedRoster: string;
  /** 32 bytes, base64. */
  sealKey: string;
  account: Account;
  /** How many processes share the proxies' ports, and SSH's. */
  processes: Processes;
  /** The first 12 hex digits of the running bundle's SHA-256; left out where the exit runs from a checkout. */
  release?: string;
  /** The last upgrade did not become healthy and was taken back. */
  upgrade?: "failed";
}

/** From the exit to the keeper, whenever an engine comes or goes. */
export interface KeeperEngines {
  type: "engines";
  engines: {
    id: string;
    service: Service;
    healthy: boolean;
    /** Another program has its port, and other listeners of the service run: it is said, and not counted. */
    leftOut?: true;
    management?: string;
  }[];
}

/** From the keeper to the exit: settings as the office signed them, so that the exit need not believe the keeper. */
export interface KeeperSettings {
  type: "settings";
  /** The signed document (link/signed-settings.ts), base64. */
  signed: string;
}

/** From the keeper to the exit: a client of OpenVPN's is to be run against one of this exit's listeners (self-test/). */
export interface TestOpenvpn {
  type: "test-openvpn";
  /** The keeper's own number of this test. */
  id: number;
  /** The listener's engine, `openvpn-0`. */
  engine: string;
  username: string;
  password: string;
}

/** From the exit to the keeper: the answer. */
export interface OpenvpnTested {
  type: "openvpn-tested";
  id: number;
  passed: boolean;
}

/**
 * From the exit to the keeper: something is to be asked of the office over the link, since root does not read from there.
 * `certify`: a certificate for this request (PKCS #10, PEM). `fetch`: a file by its SHA-256 (hex), put under that name into
 * the folder of the sealed roster.
 */
export type KeeperErrand =
  | { type: "certify"; request: string }
  | { type: "fetch"; sha256: string; bytes: number };

/** From the keeper to the exit: an errand is done. What came of it is for the exit to check. */
export type KeeperErrandDone =
  | { type: "certificate"; certificate: string }
  | { type: "fetched"; sha256: string };

/** From the keeper to the exit, once: the office has answered in this life of the keeper. */
export interface KeeperLinked {
  type: "linked";
}

/** From the exit to the keeper: how it stands with the public certificate (public-certificate/); nothing where none is wanted. */
export interface ExitPublicCertificate {
  type: "public-certificate";
  standing?: WholeStanding;
}

/** From the exit to the keeper: the tokens of the challenges that are answered on port 80 now. */
export interface KeeperAnswering {
  type: "answering";
  tokens: string[];
  portTaken?: true;
}

/** From the exit to the keeper: all that is known now of what the services are known by; the office hears of it. */
export interface KeeperIdentity {
  type: "identity";
  identity: ServerIdentity;
}

/** From the keeper to the exit: what is to be answered on port 80 while an order runs, and what came of the order. */
export type KeeperPublicCertificate =
  | { type: "challenges"; challenges: Challenge[] }
  | { type: "public-certificate"; certificate: string };

/**
 * From the keeper to the exit: which WireGuard devices are to be in the engine (wireguard/rows.ts). `whole`: they are all, and
 * in `more` messages follow before they are.
 */
export interface WireguardPeersMessage {
  type: "wireguard-peers";
  whole: boolean;
  more: boolean;
  /** Packed rows. */
  set: string;
  /** Packed keys. */
  remove: string;
}

/** From the exit to the keeper: the devices that have a session in the engine now, packed keys. */
export interface WireguardOnline {
  type: "wireguard-online";
  keys: string;
}

export type FromKeeper =
  | KeeperSettings
  | TestOpenvpn
  | WireguardPeersMessage
  | KeeperErrandDone
  | KeeperLinked
  | KeeperPublicCertificate;

export interface ProxyStart {
  type: "start";
  authoriseSocket: string;
  account: Account;
}

/** To a process of SSH: what a proxy is told, and what it proves itself to clients with. */
export interface SshStart extends ProxyStart {
  /** Private keys (ssh/host-keys.ts). */
  hostKeys: string[];
}

export interface ProxySettings {
  type: "settings";
  settings: ServerSettings;
  /** Every address the machine bears now, and the settings' own: closed to egress. */
  ownAddresses: string[];
  /** Resolvers to ask, `address` or `address:port`; none: the system's. */
  resolvers: string[];
  /** What a proxy shows over TLS; without it, it does not listen there. Processes of SSH are not told it. */
  pair?: Pair;
}

/** From the supervisor: the certificate of the site on this machine, which its proxies show as well. */
export interface ExitSitePair {
  type: "site-pair";
  pair: Pair;
}

/** A place to listen at. */
export interface PortPlace {
  address: string;
  port: number;
}

/** From a proxy to the exit: it may not have this port itself. The answer bears the listening socket as its handle. */
export interface PortRequest extends PortPlace {
  type: "open";
}

export interface PortSocket extends PortPlace {
  type: "socket";
  /** Why there is none; an errno name. */
  failed?: string;
}

/** From the exit to a proxy, after the sockets for it (`challenge-socket`, each with its handle): what to answer on port 80. */
export interface ProxyChallenges {
  type: "challenges";
  challenges: Challenge[];
}

/** From a proxy to the exit: the tokens that it answers now. */
export interface ProxyAnswering {
  type: "answering";
  tokens: string[];
}

/** From a proxy to the exit: where it listens now, whenever that changes. */
export interface ProxyListening {
  type: "listening";
  services: ListeningReport[];
}
