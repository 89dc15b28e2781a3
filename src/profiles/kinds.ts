import type { DnsLevel } from "../lib/dns-levels.ts";

/** What a profile is for. `router`: OpenWrt, pfSense and their like. */
export const SYSTEMS = ["windows", "macos", "ios", "android", "linux", "router"] as const;
export type System = (typeof SYSTEMS)[number];

/**
 * Every kind of file that members download. `wireguard` names a device of the member's; all others are the same for
 * every member. Some are several files, to be kept in one folder.
 */
export const PROFILE_KINDS = [
  "openvpn",
  /** For Linux, with the script that keeps all traffic in the tunnel (guard.ts). */
  "openvpn-guarded",
  /** For OpenWrt, with the script that sets it up. */
  "openwrt",
  "wireguard",
  /** IKEv2: Apple's .mobileconfig, the strongSwan app's .sswan, a PowerShell script for Windows. */
  "mobileconfig",
  "sswan",
  "windows",
  "ssh",
  "pac",
  "stealth-tls",
  "stealth-obfs4",
] as const;
export type ProfileKind = (typeof PROFILE_KINDS)[number];

export interface ProfileFile {
  /** Such as `london1.ovpn`: ASCII, a name of a file in a zip. */
  name: string;
  /** MIME type. */
  type: string;
  content: string;
}

export interface ProfileOptions {
  /** The files' name without its ending; undefined: the server's, or `oslo1-by-london1` for two hops. */
  name?: string | undefined;
  /** Undefined: for every system as far as the format allows. */
  system?: System | undefined;
  /** Remotes over this protocol alone (OpenVPN). */
  protocol?: "udp" | "tcp" | undefined;
  /** The resolver that the profile names; `none` where nothing is said. */
  level?: DnsLevel | undefined;
  /** Two hops: the short name of the server that the client dials; the traffic leaves from the profile's own server. */
  via?: string | undefined;
  /** By the server's addresses where they are known, instead of by its name. */
  byAddress?: boolean | undefined;
  /** The VPN username, for kinds that can have it (`ssh`); undefined: the client asks, or is told. */
  username?: string | undefined;
  /** Whose WireGuard file it is; without a private key a line says where it belongs. */
  device?: { index: number; privateKey?: string | undefined } | undefined;
}
