import { createHash } from "node:crypto";
import { resolverOf } from "../lib/dns-levels.ts";
import type { Ikev2Input } from "./sswan.ts";

/** Windows PowerShell 5.1 reads a script without it in the system's old code page, in which letters of UTF-8 become quotes. */
const BYTE_ORDER_MARK = "\uFEFF";

/** What Windows takes in no connection's name (ras.h, RasValidateEntryName). */
const NOT_IN_NAMES = /[|<>?*\\/:]/g;

/** In single quotes PowerShell reads nothing but a doubled quote; its typographic ones close a string as well. */
const quoted = (text: string): string => `'${text.replaceAll(/['\u2018\u2019\u201a\u201b]/g, "''")}'`;

/** As Windows names a certificate: SHA-1 of its DER. */
const thumbprint = (pem: string): string =>
  createHash("sha1")
    .update(Buffer.from(/-----BEGIN CERTIFICATE-----([^-]+)-----END/.exec(pem)?.[1] ?? "", "base64"))
    .digest("hex")
    .toUpperCase();

/**
 * A PowerShell script for the client built into Windows 10 and 11 (VpnClient module): the authority, which is constrained to the
 * exits' names, IKEv2 with EAP-MSCHAPv2 and strong ciphers, DNS pinned by a rule of the name resolution policy (NRPT). Windows checks the
 * certificate against the name that it dials, so that name is put into the hosts file with the exit's address. It gives IKEv2
 * no default route of IPv6, nor takes one (trailofbits/algo#1453): it is told of two halves, and what would go past them is blocked.
 * `-KillSwitch` adds firewall rules that let what is not the tunnel reach the exit and the local network alone; `-Remove` takes all
 * of it away, and the authority with the last connection that was set up with it: the policy's rules bear its fingerprint as
 * their name, for every user of the machine. `host` must be an IPv4 address here.
 */
export function windowsScript({ title, host, serverName, ca, level = "none" }: Ikev2Input): string {
  const { v4, v6 } = resolverOf(level);
  const script = `#Requires -Version 5.1
#Requires -RunAsAdministrator
# Right-click the Start button, choose "Terminal (Admin)", then:
#   powershell -ExecutionPolicy Bypass -File .\\this-file.ps1              sets the connection up
#   powershell -ExecutionPolicy Bypass -File .\\this-file.ps1 -KillSwitch  and blocks what is not inside it, all other servers too
#   powershell -ExecutionPolicy Bypass -File .\\this-file.ps1 -Remove      takes everything away again
param([switch]$KillSwitch, [switch]$Remove)
$ErrorActionPreference = 'Stop'

$name = ${quoted(title.replaceAll(NOT_IN_NAMES, "-"))}
$server = ${quoted(serverName)}
$address = ${quoted(host)}
$resolvers = @(${quoted(v4)}, ${quoted(v6)})
$group = "VPN $server"
$authorityId = ${quoted(thumbprint(ca))}
$hosts = "$env:SystemRoot\\System32\\drivers\\etc\\hosts"
$authority = @'
${ca.trim()}
'@

# What an earlier run has made goes first, so that the script may be run again.
Get-VpnConnection -Name $name -ErrorAction SilentlyContinue | Remove-VpnConnection -Force
Get-DnsClientNrptRule | Where-Object { $_.Comment -eq $group } | Remove-DnsClientNrptRule -Force
Remove-NetFirewallRule -Group $group -ErrorAction SilentlyContinue
$kept = @(Get-Content $hosts | Where-Object { $_ -notmatch "\\s$([regex]::Escape($server))\\s*$" })
if ($Remove) {
  Set-Content $hosts $kept
  Write-Host "$name has been removed."
  if (Get-DnsClientNrptRule | Where-Object { $_.DisplayName -eq $authorityId }) {
    Write-Host 'The certificate authority stays until the last connection that needs it is removed.'
  } else {
    Get-ChildItem Cert:\\LocalMachine\\Root | Where-Object { $_.Thumbprint -eq $authorityId } | Remove-Item
  }
  exit
}

$file = Join-Path $env:TEMP "$([guid]::NewGuid()).cer"
Set-Content $file $authority -Encoding ascii
Import-Certificate -FilePath $file -CertStoreLocation Cert:\\LocalMachine\\Root | Out-Null
Remove-Item $file
Set-Content $hosts ($kept + "$address $server")

Add-VpnConnection -Name $name -ServerAddress $server -TunnelType Ikev2 -AuthenticationMethod Eap -EncryptionLevel Maximum -RememberCredential
Set-VpnConnection -Name $name -SplitTunneling $false
# Windows gives IKEv2 no default route of IPv6, and takes none as a whole.
foreach ($half in '::/1', '8000::/1') { Add-VpnConnectionRoute -ConnectionName $name -DestinationPrefix $half }
Set-VpnConnectionIPsecConfiguration -ConnectionName $name -EncryptionMethod AES256 -IntegrityCheckMethod SHA256 -DHGroup ECP256 -CipherTransformConstants GCMAES256 -AuthenticationTransformConstants GCMAES256 -PfsGroup ECP256 -Force
Add-DnsClientNrptRule -Namespace '.' -NameServers $resolvers -Comment $group -DisplayName $authorityId

# IPv6 goes into the tunnel or nowhere.
foreach ($kind in 'Wired', 'Wireless') {
  New-NetFirewallRule -Group $group -DisplayName "$group IPv6 $kind" -Direction Outbound -Action Block -InterfaceType $kind -RemoteAddress '2000::/3' | Out-Null
}
# From no other kind of network either (mobile broadband): inside the tunnel this machine's address is a private one.
New-NetFirewallRule -Group $group -DisplayName "$group IPv6" -Direction Outbound -Action Block -LocalAddress '2000::/3' -RemoteAddress '2000::/3' | Out-Null

if ($KillSwitch) {
  $parts = $address.Split('.') | ForEach-Object { [uint32]$_ }
  $number = ($parts[0] -shl 24) + ($parts[1] -shl 16) + ($parts[2] -shl 8) + $parts[3]
  $around = foreach ($other in ($number - 1), ($number + 1)) {
    (24, 16, 8, 0 | ForEach-Object { ($other -shr $_) -band 255 }) -join '.'
  }
  # Everything but the exit, and but the ranges of local networks.
  $outside = @('1.0.0.0-9.255.255.255', '11.0.0.0-126.255.255.255', '128.0.0.0-169.253.255.255',
    '169.255.0.0-172.15.255.255', '172.32.0.0-192.167.255.255', '192.169.0.0-223.255.255.255') | ForEach-Object {
    $first, $last = $_.Split('-')
    if ([version]$first -lt [version]$address -and [version]$address -lt [version]$last) {
      "$first-$($around[0])"
      "$($around[1])-$last"
    } else { $_ }
  }
  foreach ($kind in 'Wired', 'Wireless') {
    New-NetFirewallRule -Group $group -DisplayName "$group IPv4 $kind" -Direction Outbound -Action Block -InterfaceType $kind -RemoteAddress $outside | Out-Null
  }
  # All other kinds: whatever is not from the tunnel's own addresses.
  New-NetFirewallRule -Group $group -DisplayName "$group IPv4" -Direction Outbound -Action Block -LocalAddress '1.0.0.0-10.66.127.255', '10.66.192.0-126.255.255.255', '128.0.0.0-223.255.255.255' -RemoteAddress $outside | Out-Null
}
Write-Host "$name is ready: Settings, Network and Internet, VPN, $name, Connect. Log in with your VPN username and VPN password."
Write-Host 'Names are looked up through the tunnel alone: run this script with -Remove to go online without it.'
`;
  return BYTE_ORDER_MARK + script.replaceAll("\n", "\r\n");
}
