import { z } from "zod";
import { DNS_LEVELS, type DnsLevel } from "../lib/dns-levels.ts";
import { type ZipFile, zipOf } from "../lib/zip.ts";
import { PROFILE_KINDS, type ProfileOptions, SYSTEMS, type System } from "../profiles/kinds.ts";
import { SYSTEM_NAMES } from "./guides.ts";
import { PLAIN_ENGLISH, type Say, sentence } from "./languages/language.ts";
import type { Web } from "./web.ts";

/** Those that are not a device's own. */
export const COMMON_KINDS = PROFILE_KINDS.filter((kind) => kind !== "wireguard");
export type CommonKind = (typeof COMMON_KINDS)[number];

/** What a profile may be asked for with; the same for pages, API and command. */
export const profileQuery = z.object({
  system: z.enum(SYSTEMS).optional(),
  protocol: z.enum(["udp", "tcp"]).optional(),
  level: z.enum(DNS_LEVELS).optional(),
  via: z.string().max(60).optional(),
});

const LEVEL_NAMES: Record<DnsLevel, string> = {
  none: sentence("nothing"),
  ads: sentence("ads and trackers"),
  malware: sentence("malware"),
  adult: sentence("adult content and gambling"),
};

/** The levels that block something here, each with what that is; that nothing is blocked comes first, and may stand alone. */
export function levelsOf(
  { blocklists }: Pick<Web, "blocklists">,
  say: Say = PLAIN_ENGLISH.say,
): { level: DnsLevel; text: string }[] {
  const lists: readonly DnsLevel[] = blocklists?.() ?? DNS_LEVELS;
  const offered = DNS_LEVELS.filter((level) => level === "none" || lists.includes(level));
  return offered.map((level, index) => ({
    level,
    text:
      level === "none"
        ? say.text(LEVEL_NAMES.none)
        : offered
            .slice(1, index + 1)
            .map((each) => say.text(LEVEL_NAMES[each]))
            .join("; "),
  }));
}

/** What goes to a browser or into a folder: a file alone, or a zip of several. */
export interface Download {
  name: string;
  type: string;
  body: Buffer;
}

/** Undefined where the server is not known or does not offer that. */
export function download(
  web: Pick<Web, "profiles">,
  kind: CommonKind,
  server: string,
  options: ProfileOptions,
): Download | undefined {
  const files = web.profiles(kind, [server], options);
  const [first] = files;
  if (first === undefined) return undefined;
  if (files.length === 1) return { name: first.name, type: first.type, body: Buffer.from(first.content) };
  const base = first.name.slice(0, first.name.lastIndexOf("."));
  return { name: `${base}-${kind}.zip`, type: "application/zip", body: zipOf(files) };
}

/** Which kinds stand in a system's zip, each in a folder of its own. */
const FOLDERS: Record<System, Partial<Record<CommonKind, string>>> = {
  windows: {
    openvpn: "openvpn",
    windows: "ikev2",
    "stealth-tls": "openvpn-in-tls",
    "stealth-obfs4": "openvpn-in-obfs4",
    ssh: "ssh",
    pac: "proxy",
  },
  macos: {
    openvpn: "openvpn",
    mobileconfig: "ikev2",
    "stealth-tls": "openvpn-in-tls",
    "stealth-obfs4": "openvpn-in-obfs4",
    ssh: "ssh",
    pac: "proxy",
  },
  ios: { openvpn: "openvpn", mobileconfig: "ikev2" },
  android: { openvpn: "openvpn", sswan: "ikev2", pac: "proxy" },
  linux: {
    openvpn: "openvpn-networkmanager",
    "openvpn-guarded": "openvpn-guarded",
    "stealth-tls": "openvpn-in-tls",
    "stealth-obfs4": "openvpn-in-obfs4",
    ssh: "ssh",
    pac: "proxy",
  },
  router: { openvpn: "openvpn", openwrt: "openwrt" },
};

/** Every server's files for a system, and a text that says what they are; undefined where there are none. */
export function systemZip(
  web: Pick<Web, "profiles" | "siteName" | "publicUrl">,
  system: System,
  servers: readonly string[],
  level: DnsLevel = "none",
  say: Say = PLAIN_ENGLISH.say,
): Buffer | undefined {
  const files = new Map<string, ZipFile>();
  // A script stands once beside all files that it is for.
  for (const [kind, folder] of Object.entries(FOLDERS[system]))
    for (const server of servers)
      for (const { name, content } of web.profiles(kind as CommonKind, [server], { system, level }))
        files.set(`${folder}/${name}`, { name: `${folder}/${name}`, content });
  if (files.size === 0) return undefined;
  return zipOf([{ name: "README.txt", content: readme(say, web, system, level) }, ...files.values()]);
}

const FOLDER_TEXTS: Record<CommonKind, string> = {
  openvpn: sentence("OpenVPN profiles; encrypt everything"),
  "openvpn-guarded": sentence(
    "OpenVPN with a routing table of its own and a kill switch; encrypts everything. In that folder: sudo openvpn --config NAME.conf",
  ),
  openwrt: sentence("OpenVPN for an OpenWrt router; encrypts everything. On the router: sh setup.sh NAME"),
  mobileconfig: sentence("IKEv2 for the client that is built in; encrypts everything"),
  sswan: sentence("IKEv2 for the strongSwan app; encrypts everything"),
  windows: sentence("IKEv2 for the client that is built in; encrypts everything"),
  ssh: sentence(
    "SSH tunnels; encrypt what programs send through them. ssh -N -F FILE -l VPN-USERNAME vpn-NAME",
  ),
  pac: sentence("automatic proxy configuration; a plain proxy relays and does not encrypt"),
  "stealth-tls": sentence(
    "OpenVPN inside TLS, where a network blocks VPNs; encrypts everything. Kill switch: on Linux alone",
  ),
  "stealth-obfs4": sentence(
    "OpenVPN inside obfs4, where even TLS is blocked; encrypts everything. Kill switch: on Linux alone",
  ),
};

function readme(
  say: Say,
  { siteName, publicUrl, blocklists }: Pick<Web, "siteName" | "publicUrl" | "blocklists">,
  system: System,
  level: DnsLevel,
): string {
  // A file in a zip knows no load: that one is asked for.
  const leastLoaded =
    publicUrl === undefined
      ? ""
      : `. ${say.text("The least loaded server's, always: {0}", `${publicUrl}/proxy/recommended.pac`)}`;
  const folders = Object.entries(FOLDERS[system]).map(
    ([kind, folder]) =>
      `${folder}/\n  ${say.text(FOLDER_TEXTS[kind as CommonKind])}${kind === "pac" ? leastLoaded : ""}\n`,
  );
  const blocked =
    levelsOf(blocklists === undefined ? {} : { blocklists }, say).find((each) => each.level === level)
      ?.text ?? say.text("nothing");
  const steps =
    publicUrl === undefined
      ? ""
      : `${say.text("Each in three steps: {0}", `${publicUrl}/member/connect/${system}`)}\n`;
  return `${say.text("{0}: files for {1}", siteName, say.text(SYSTEM_NAMES[system]))}
${say.text("The VPNs' resolvers block: {0}.", blocked)}
${say.text("Log in with your VPN username and password. WireGuard files are a device's own: make them on the site, under Devices.")}
${steps}
${say.text("A folder may be missing where no server offers that.")}

${folders.join("\n")}`;
}
