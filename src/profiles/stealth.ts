import { GUARD_SCRIPT, guardScript } from "./guard.ts";
import type { ProfileFile } from "./kinds.ts";
import { type OpenvpnProfileInput, openvpnProfile } from "./openvpn.ts";

/**
 * OpenVPN (TCP) inside something that does not look like it, for networks that block it: TLS, by stunnel on the member's
 * device, or obfs4, by obfs4proxy (lyrebird is the same). Files that work as they lie in one folder.
 */
export interface StealthInput extends Omit<OpenvpnProfileInput, "serverNames" | "remotes" | "carrier"> {
  /** The files' name without its ending. */
  name: string;
  /** The name in the server's certificate. */
  serverName: string;
  /** An IPv4 address of the server's, or its name: what the client's device connects to. */
  host: string;
  port: number;
}

/** Where stunnel takes OpenVPN's connection on the member's own device. */
const STUNNEL_PORT = 11_940;
/** Where the starting script puts obfs4proxy's own port in the place of this. */
const OBFS4_PORT = 11_050;

/** stunnel's configuration (stunnel(8), 5.50 and newer), the authority that it checks the server by, and the profile. */
export function stealthTlsFiles(input: StealthInput): ProfileFile[] {
  const { host, port, serverName } = input;
  const name = word(input.name);
  const authority = `${name}-ca.crt`;
  return [
    {
      name: `${name}-stunnel.conf`,
      type: "text/plain",
      content: `${[
        // On Windows it looks in that folder, wherever it was started (ui_win_gui.c), and knows neither of the two options.
        ...(input.system === "windows"
          ? [
              "; Copy this file and the .crt into stunnel's own folder config, and start stunnel with its name; then OpenVPN with the other.",
            ]
          : [
              "; Start stunnel with this file, in the folder that it lies in; then OpenVPN with the other.",
              "foreground = yes",
              "pid =",
            ]),
        "client = yes",
        "",
        "[openvpn]",
        `accept = 127.0.0.1:${STUNNEL_PORT}`,
        `connect = ${placeOf(host, port)}`,
        // The certificate and its name do not stand in the clear from this version on.
        "sslVersionMin = TLSv1.3",
        `CAfile = ${authority}`,
        "verifyChain = yes",
        `checkHost = ${word(serverName)}`,
        // An address is no name to ask for (RFC 6066, section 3).
        ...(isAddress(host) ? ["sni ="] : []),
        "socket = l:TCP_NODELAY=1",
        "socket = r:TCP_NODELAY=1",
      ].join("\n")}\n`,
    },
    { name: authority, type: "application/x-x509-ca-cert", content: input.ca },
    profile(input, { host: "127.0.0.1", port: STUNNEL_PORT }, { server: host, port }),
    ...guardOf(input),
  ];
}

/**
 * The profile, the login for obfs4proxy's SOCKS port, and a script that starts both: obfs4proxy chooses its port by itself
 * and says it (pt-spec, "CMETHOD"). `bridge` is what the server tells of itself, `cert=…;iat-mode=0`.
 */
export function stealthObfs4Files(input: StealthInput & { bridge: string }): ProfileFile[] {
  const { host, port, bridge } = input;
  const name = word(input.name);
  if (!/^cert=[A-Za-z0-9+/]{70};iat-mode=[0-2]$/.test(bridge))
    throw new RangeError("stealth: no bridge line");
  const login = `${name}-obfs4.txt`;
  const openvpn = profile(
    input,
    { host, port },
    { server: host, port, socks: { port: OBFS4_PORT, file: login } },
  );
  const script = input.system === "windows" ? windowsScript : unixScript;
  return [
    // Both fields are one text to obfs4proxy (pt-spec, section 3.5): neither may be empty.
    { name: login, type: "text/plain", content: `${bridge.slice(0, -1)}\n${bridge.slice(-1)}\n` },
    openvpn,
    {
      name: `${name}-obfs4.${input.system === "windows" ? "ps1" : "sh"}`,
      type: "text/plain",
      content: script(openvpn.name),
    },
    ...guardOf(input),
  ];
}

const guardOf = ({ guarded = false }: StealthInput): ProfileFile[] =>
  guarded ? [{ name: GUARD_SCRIPT, type: "application/x-sh", content: guardScript() }] : [];

function profile(
  { name, serverName, host: _, system, ...rest }: StealthInput,
  remote: { host: string; port: number },
  carrier: NonNullable<OpenvpnProfileInput["carrier"]>,
): ProfileFile {
  return {
    name: `${name}.${system === "linux" ? "conf" : "ovpn"}`,
    type: "application/x-openvpn-profile",
    content: openvpnProfile({
      ...rest,
      serverNames: [serverName],
      remotes: [{ ...remote, protocol: "tcp" }],
      carrier,
      system,
    }),
  };
}

const unixScript = (openvpn: string): string => `#!/bin/sh
# Starts obfs4proxy and then OpenVPN through it; run as root, in the folder that this lies in: sh FILE [openvpn's options]
set -eu
cd "$(dirname "$0")"
proxy=$(command -v obfs4proxy || command -v lyrebird) || { echo "obfs4proxy is not installed" >&2; exit 1; }
folder=$(mktemp -d)
child=
trap '[ -z "$child" ] || kill "$child" 2> /dev/null; rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM HUP
mkfifo "$folder/said"
TOR_PT_MANAGED_TRANSPORT_VER=1 TOR_PT_STATE_LOCATION="$folder" TOR_PT_CLIENT_TRANSPORTS=obfs4 \\
  "$proxy" > "$folder/said" &
child=$!
port=
while read -r word name _ place; do
  [ "$word $name" != "CMETHOD obfs4" ] || port=\${place##*:}
  [ "$word" != CMETHODS ] || break
done < "$folder/said"
[ -n "$port" ] || { echo "obfs4proxy did not start" >&2; exit 1; }
sed "s/^socks-proxy 127.0.0.1 ${OBFS4_PORT} /socks-proxy 127.0.0.1 $port /" ${openvpn} > "$folder/profile"
openvpn --cd "$PWD" --config "$folder/profile" "$@"
`;

const windowsScript = (
  openvpn: string,
): string => `# Starts obfs4proxy.exe and then OpenVPN through it. Run it in PowerShell as administrator, beside the other files.
Set-Location $PSScriptRoot
$program = Get-Command obfs4proxy.exe, lyrebird.exe -ErrorAction SilentlyContinue | Select-Object -First 1
if ($null -eq $program) { throw "Neither obfs4proxy.exe nor lyrebird.exe is in a folder of the PATH" }
$folder = Join-Path $env:TEMP ([guid]::NewGuid())
New-Item -ItemType Directory $folder | Out-Null
$start = New-Object System.Diagnostics.ProcessStartInfo $program.Source
$start.UseShellExecute = $false
$start.RedirectStandardOutput = $true
$start.EnvironmentVariables["TOR_PT_MANAGED_TRANSPORT_VER"] = "1"
$start.EnvironmentVariables["TOR_PT_STATE_LOCATION"] = $folder
$start.EnvironmentVariables["TOR_PT_CLIENT_TRANSPORTS"] = "obfs4"
$proxy = [System.Diagnostics.Process]::Start($start)
try {
  $port = $null
  while ($null -ne ($line = $proxy.StandardOutput.ReadLine())) {
    if ($line -match '^CMETHOD obfs4 socks5 127\\.0\\.0\\.1:(\\d+)') { $port = $Matches[1] }
    if ($line -match '^CMETHODS DONE') { break }
  }
  if ($null -eq $port) { throw "obfs4proxy did not start" }
  $text = (Get-Content ${openvpn}) -replace '^socks-proxy 127\\.0\\.0\\.1 ${OBFS4_PORT} ', "socks-proxy 127.0.0.1 $port "
  [System.IO.File]::WriteAllLines("$folder\\profile.ovpn", $text)
  & "$env:ProgramFiles\\OpenVPN\\bin\\openvpn.exe" --cd $PSScriptRoot --config "$folder\\profile.ovpn"
} finally {
  $proxy.Kill()
  Remove-Item -Recurse -Force $folder
}
`;

const isAddress = (host: string): boolean => /^[0-9.]+$/.test(host) || host.includes(":");

/** One word of stunnel's file. */
function word(text: string): string {
  if (!/^[A-Za-z0-9._:-]{1,253}$/.test(text)) throw new RangeError("stealth: not a name or an address");
  return text;
}

function placeOf(host: string, port: number): string {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new RangeError("stealth: not a port");
  return `${word(host)}:${port}`;
}
