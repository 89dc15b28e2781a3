import type { Service } from "../link/services.ts";
import type { ProfileKind, System } from "../profiles/kinds.ts";

/** How to get online with which client on which system: what the pages say, and the text beside the files of a zip. */

/** What a way protects: all of a device's traffic, what programs send through it, or nothing but the address. */
export type Covers = "everything" | "programs" | "relay";

export type Picture = "install" | "download" | "import" | "switch" | "terminal" | "settings";

export interface Guide {
  title: string;
  /** The program that it is for, where the steps do not begin with it. */
  client?: string;
  covers: Covers;
  /** What a server must offer for it. */
  service: Service;
  /** The file to download; undefined: a device of the member's, or settings of a browser. */
  kind?: ProfileKind;
  /**
   * In `{file}` goes the name of the first file, in `{profile}` and `{script}` those of OpenVPN's and of the script beside it;
   * in `{below}` where the settings stand; what
   * stands between backticks is typed.
   */
  steps: readonly (readonly [Picture, string])[];
  /** What keeps traffic in where the tunnel breaks, or what to mind. */
  note?: string;
  /** Said where names are to be blocked. */
  levelNote?: string;
}

export const SYSTEM_NAMES: Record<System, string> = {
  windows: "Windows",
  macos: "macOS",
  ios: "iPhone and iPad",
  android: "Android",
  linux: "Linux",
  router: "Router",
};

const DEVICE =
  "Add a device on the page Devices and download its file. Its private key is made in your browser; the site does not keep it.";
const PHONE_DEVICE =
  "Add a device on the page Devices: on the phone, and download the file, or on a computer, and scan the code. Both have the private key in them, which is made in the browser you use; the site does not keep it.";
const ROUTER_DEVICE =
  "Add a device on the page Devices and download its file. Its private key is made in your browser and comes to the router in the file: delete the file afterwards.";
/** IncludeAllNetworks (mobileconfig.ts). */
const APPLE_ALL =
  "While the VPN is switched on the system sends everything through it or nowhere, but for the local network, which stays reachable, and for what Apple's own services keep for themselves.";
const LOGIN = "Enter your VPN username and password when asked.";

const wireguard = (install: string, device: string, last: string, note: string): Guide => ({
  title: "WireGuard",
  covers: "everything",
  service: "wireguard",
  steps: [
    ["install", install],
    ["download", device],
    ["import", last],
  ],
  note,
});

const openvpn = (install: string, open: string, note: string, more: Partial<Guide> = {}): Guide => ({
  title: "OpenVPN",
  covers: "everything",
  service: "openvpn",
  kind: "openvpn",
  steps: [
    ["install", install],
    ["download", "Download {file}."],
    ["import", `${open} ${LOGIN}`],
  ],
  note,
  ...more,
});

/** What OpenVPN's file cannot do on that system. */
const NO_KILL_SWITCH = "The file has no kill switch: while the tunnel is down, what you send goes out bare.";
const STEALTH_KILL_SWITCH =
  "A routing table of its own and a kill switch, as the guarded OpenVPN has them: past the tunnel goes only what carries it, to the server's address and port. `sudo sh lethe-guard.sh off` lets traffic out again after openvpn died. A zip without that script is of a server whose IPv4 address nobody knows, and has no kill switch.";

const stealthTls = (install: string, start: string, note: string): Guide => ({
  title: "OpenVPN in TLS",
  client: "stunnel and OpenVPN, where a network blocks VPNs",
  covers: "everything",
  service: "stealth-tls",
  kind: "stealth-tls",
  steps: [
    ["install", install],
    ["download", "Download the files and unpack them into one folder."],
    ["terminal", `${start} ${LOGIN}`],
  ],
  note: `To the network it looks like a visit to a website. Slower than the others: take it where they do not get through. ${note}`,
});

const stealthObfs4 = (install: string, start: string, note: string): Guide => ({
  title: "OpenVPN in obfs4",
  client: "obfs4proxy and OpenVPN, where even TLS is blocked",
  covers: "everything",
  service: "stealth-obfs4",
  kind: "stealth-obfs4",
  steps: [
    ["install", install],
    ["download", "Download the files and unpack them into one folder."],
    ["terminal", `${start} ${LOGIN}`],
  ],
  note: `To the network it looks like nothing at all: random bytes. ${note}`,
});

const SSH_PROXY = "In the browser set the SOCKS5 proxy 127.0.0.1, port 1080, and let it resolve names there.";

const ssh = (open: string, command: string): Guide => ({
  title: "SSH tunnel",
  client: "OpenSSH, which the system has already",
  covers: "programs",
  service: "ssh",
  kind: "ssh",
  steps: [
    ["download", "Download {file}."],
    ["terminal", `${open} run \`${command}\` and enter your VPN password. Leave it open.`],
    ["settings", SSH_PROXY],
  ],
  note: "Only programs that use this proxy go through it. If ssh ends they have no connection until it runs again.",
});

const httpsProxy = (where: string): Guide => ({
  ...proxy(where),
  title: "HTTPS proxy",
  covers: "programs",
  service: "https",
  note: "Encrypted as far as the server, like a website. Only programs that use it go through it. Chrome, Edge and Firefox can; with the file others, such as Safari, have no connection.",
});

const proxy = (where: string): Guide => ({
  title: "Proxy",
  client: "a browser alone",
  covers: "relay",
  service: "http",
  steps: [
    ["settings", where],
    ["download", "Give it the address of the automatic configuration (PAC), or server and port, {below}."],
    ["switch", "Open any page: the browser asks for your VPN username and password once."],
  ],
  note: "A plain proxy hides your address and encrypts nothing: your network sees what you send without HTTPS, and your VPN username and password.",
});

const proxies = (where: string): Guide[] => [httpsProxy(where), proxy(where)];

/**
 * Neither Android nor iOS speaks TLS to the proxy of its settings, and of a file Android knows the plain kinds alone (AOSP,
 * PacProxySelector.java; Chromium, proxy_resolver_mac.cc).
 */
const plainProxies = (where: string): Guide[] => [proxy(where)];

export const GUIDES: Record<System, readonly Guide[]> = {
  windows: [
    wireguard(
      "Install WireGuard from wireguard.com/install.",
      DEVICE,
      "In WireGuard choose Import tunnel(s) from file, take the file, and press Activate.",
      "While it is active, Windows lets nothing past it.",
    ),
    {
      title: "IKEv2",
      client: "the client built into Windows 10 and 11",
      covers: "everything",
      service: "ikev2",
      kind: "windows",
      steps: [
        ["download", "Download {file}."],
        [
          "terminal",
          "Open PowerShell as administrator in its folder and run `powershell -ExecutionPolicy Bypass -File .\\{file} -KillSwitch`.",
        ],
        ["switch", `Under Settings, Network & internet, VPN, press Connect. ${LOGIN}`],
      ],
      note: "With -KillSwitch Windows lets nothing past it but to the local network, so have one server with it at a time; with -Remove in its place everything is as before, and our certificate authority goes with the last connection that needs it. Without both, names and IPv6 still go through the tunnel alone, but IPv4 is not blocked while it is down.",
    },
    openvpn(
      "Install OpenVPN Connect or OpenVPN GUI from openvpn.net.",
      "Open the file with it and connect.",
      "It blocks all other resolvers while it runs. In OpenVPN Connect switch Seamless Tunnel on: it stops traffic while it reconnects. OpenVPN GUI has no kill switch.",
    ),
    stealthTls(
      "Install stunnel from stunnel.org and OpenVPN from openvpn.net.",
      "Copy {file} and the .crt beside it into the folder `C:\\Program Files (x86)\\stunnel\\config`, where alone stunnel looks for them. In PowerShell run `& 'C:\\Program Files (x86)\\stunnel\\bin\\stunnel.exe' {file}`, then open {profile} with OpenVPN GUI.",
      NO_KILL_SWITCH,
    ),
    stealthObfs4(
      "Put obfs4proxy.exe (or lyrebird.exe) into a folder of the PATH, and install OpenVPN from openvpn.net.",
      "Open PowerShell as administrator in that folder and run `powershell -ExecutionPolicy Bypass -File .\\{script}`.",
      NO_KILL_SWITCH,
    ),
    {
      ...ssh("In a terminal", "ssh -N -F {file} {alias}"),
      steps: [
        ["download", "Download the files and unpack them into one folder."],
        [
          "terminal",
          "In that folder run `ssh -N -F {file} {alias}` and enter your VPN password. Leave it open.",
        ],
        ["settings", SSH_PROXY],
      ],
    },
    ...proxies("Open Settings, Network & internet, Proxy, Use setup script."),
  ],
  macos: [
    wireguard(
      "Install WireGuard from the App Store.",
      DEVICE,
      "In WireGuard choose Import tunnel(s) from file, take the file, and press Activate.",
      "It has no kill switch. Under On demand choose Wi-Fi and Ethernet: it then comes up by itself, and is back after a break.",
    ),
    {
      title: "IKEv2",
      client: "the client built into macOS",
      covers: "everything",
      service: "ikev2",
      kind: "mobileconfig",
      steps: [
        ["download", "Download {file} and open it."],
        ["import", "Under System Settings, General, Device Management, double-click it and press Install."],
        ["switch", `${LOGIN} It connects by itself from now on; switch it off under VPN.`],
      ],
      note: APPLE_ALL,
    },
    openvpn(
      "Install Tunnelblick from tunnelblick.net, or OpenVPN Connect from openvpn.net.",
      "Open the file with it and connect.",
      "In Tunnelblick's settings of the profile set On unexpected disconnect to Disable network access.",
    ),
    stealthTls(
      "Install stunnel (`brew install stunnel`), and Tunnelblick from tunnelblick.net.",
      "In a terminal in that folder run `stunnel {file}`, then open {profile} with Tunnelblick.",
      "The file has no kill switch; in Tunnelblick's settings of the profile set On unexpected disconnect to Disable network access.",
    ),
    stealthObfs4(
      "Install both: `brew install obfs4proxy openvpn`.",
      "In a terminal in that folder run `sudo sh {script}`.",
      `${NO_KILL_SWITCH} It leaves the Mac's resolver as it is, and one in your own network is asked outside the tunnel.`,
    ),
    ssh("In a terminal", "ssh -N -F {file} {alias}"),
    ...proxies("Open System Settings, Network, Details, Proxies, Automatic proxy configuration."),
  ],
  ios: [
    wireguard(
      "Install WireGuard from the App Store.",
      PHONE_DEVICE,
      "In WireGuard press +, choose the QR code or the file, and switch it on.",
      "It has no kill switch. Edit it and switch On demand on for Wi-Fi and Cellular: it then comes up by itself, and is back after a break.",
    ),
    {
      title: "IKEv2",
      client: "the client built into iOS and iPadOS",
      covers: "everything",
      service: "ikev2",
      kind: "mobileconfig",
      steps: [
        ["download", "Open this page in Safari and download {file}."],
        ["import", "Open Settings: Profile Downloaded stands at the top. Press Install."],
        ["switch", `${LOGIN} It connects by itself from now on; switch it off under VPN.`],
      ],
      note: APPLE_ALL,
    },
    openvpn(
      "Install OpenVPN Connect from the App Store.",
      "Open the file in it, press Add, and connect.",
      "In its settings switch Seamless Tunnel on: it stops traffic while it reconnects.",
    ),
    ...plainProxies("Open Settings, Wi-Fi, the network's (i), Configure Proxy, Automatic."),
  ],
  android: [
    wireguard(
      "Install WireGuard from F-Droid or Google Play.",
      PHONE_DEVICE,
      "In WireGuard press +, choose the QR code or the file, and switch it on.",
      "In Android's VPN settings switch Always-on VPN and Block connections without VPN on.",
    ),
    {
      title: "IKEv2",
      covers: "everything",
      service: "ikev2",
      kind: "sswan",
      steps: [
        ["install", "Install strongSwan VPN Client from F-Droid or Google Play."],
        ["download", "Download {file} and open it with strongSwan: Import."],
        ["switch", `Press the profile. ${LOGIN}`],
      ],
      note: "In Android's VPN settings switch Always-on VPN and Block connections without VPN on.",
    },
    openvpn(
      "Install OpenVPN for Android from F-Droid or Google Play.",
      "Press Import, take the file, save it, and press its name.",
      "In Android's VPN settings switch Always-on VPN and Block connections without VPN on.",
    ),
    ...plainProxies("Open Settings, Wi-Fi, the network, Advanced, Proxy, Proxy auto-config."),
  ],
  linux: [
    wireguard(
      "Install wireguard-tools from your distribution.",
      DEVICE,
      "Copy the file to /etc/wireguard and run `sudo wg-quick up` with its name.",
      "A file for wg-quick has a routing table of its own and a kill switch: no network can draw traffic out of it.",
    ),
    {
      title: "OpenVPN, guarded",
      covers: "everything",
      service: "openvpn",
      kind: "openvpn-guarded",
      steps: [
        ["install", "Install openvpn, iproute2 and nftables from your distribution."],
        ["download", "Download the files and unpack them into one folder."],
        ["terminal", `In that folder run \`sudo openvpn --config {file}\`. ${LOGIN}`],
      ],
      note: "A routing table of its own: no network can draw traffic out of the tunnel, not even by DHCP (TunnelVision). The local network is out of reach meanwhile. If openvpn dies nothing leaves the machine until it is back; `sudo sh lethe-guard.sh off` lets it out again.",
    },
    openvpn(
      "For desktops with NetworkManager: install network-manager-openvpn from your distribution.",
      "Run `nmcli connection import type openvpn file {file}`, or import it in the desktop's network settings.",
      "It has no kill switch, and a network that hands out routes of its own by DHCP can draw traffic out of it; where you do not trust the network take the guarded one.",
      {
        levelNote:
          "NetworkManager passes over the resolver that the file names. After the import run `nmcli connection modify {name} ipv4.dns {resolver} ipv4.ignore-auto-dns yes`.",
      },
    ),
    stealthTls(
      "Install stunnel4, openvpn, iproute2 and nftables from your distribution.",
      "In a terminal in that folder run `stunnel {file}`, and in a second one there `sudo openvpn --config {profile}`.",
      STEALTH_KILL_SWITCH,
    ),
    stealthObfs4(
      "Install obfs4proxy, openvpn, iproute2 and nftables from your distribution.",
      "In a terminal in that folder run `sudo sh {script}`.",
      STEALTH_KILL_SWITCH,
    ),
    ssh("In a terminal", "ssh -N -F {file} {alias}"),
    ...proxies(
      "Open the browser's or the desktop's network settings and choose automatic proxy configuration.",
    ),
  ],
  router: [
    wireguard(
      "Open the router's WireGuard page (OpenWrt, OPNsense, FRITZ!Box …).",
      ROUTER_DEVICE,
      "Import the file there and switch it on.",
      "Allow the home network to go out through the tunnel alone, and nothing gets past it.",
    ),
    {
      title: "OpenVPN on OpenWrt",
      client: "OpenWrt 22.03 and newer",
      covers: "everything",
      service: "openvpn",
      kind: "openwrt",
      steps: [
        [
          "install",
          "On the router: `opkg update && opkg install openvpn-openssl`, or from OpenWrt 25.12 on `apk update && apk add openvpn-openssl`.",
        ],
        [
          "download",
          "Download the files, unpack them, and copy both to the router: `scp -O *.ovpn setup.sh root@192.168.1.1:`.",
        ],
        ["terminal", `On the router run \`sh setup.sh {server}\`. ${LOGIN}`],
      ],
      note: "What is behind the router goes into the tunnel or nowhere; `sh setup.sh off` puts everything back.",
    },
    openvpn(
      "Open the router's page of OpenVPN clients (pfSense, ASUS, GL.iNet …).",
      "Import the file there and switch it on.",
      "Allow the home network to go out through the tunnel alone, and nothing gets past it.",
    ),
  ],
};

/** Said below a system's guides where the server has one of the services that it speaks well of. */
export const SYSTEM_NOTES: Partial<Record<System, { of: readonly Service[]; text: string }>> = {
  linux: {
    of: ["wireguard", "openvpn"],
    text: "There are no files of IKEv2 for Linux: WireGuard and OpenVPN are what encrypts everything there.",
  },
};

export const COVERS_WORDS: Record<Covers, string> = {
  everything: "encrypts everything",
  programs: "encrypts what goes through it",
  relay: "relays, does not encrypt",
};
