import { resolverOf } from "../lib/dns-levels.ts";
import { bareBase64, type Ikev2Input, uuidOf } from "./sswan.ts";

type Plist = string | number | boolean | Plist[] | { [key: string]: Plist } | { readonly data: string };

/**
 * A configuration profile for iOS, iPadOS and macOS (Apple, "Device Management": TopLevel, VPN, CertificateRoot): the authority, and
 * IKEv2 with a name and a password, which the system asks for when the profile is installed. On demand: the system connects by
 * itself whenever there is a network. All traffic goes inside, and nothing leaves while the tunnel is not up
 * (IncludeAllNetworks, iOS 14 and macOS 11); the local network stays reachable.
 */
export function mobileconfig({ title, host, serverName, provider, ca, level = "none" }: Ikev2Input): string {
  const { v4, v6 } = resolverOf(level);
  const id = `internal.lethe.${provider}.${serverName}.${level}`;
  const cipher = {
    EncryptionAlgorithm: "AES-256-GCM",
    IntegrityAlgorithm: "SHA2-256",
    DiffieHellmanGroup: 19,
    LifeTimeInMinutes: 1440,
  };
  const payload = (part: string, type: string, name: string): { [key: string]: Plist } => ({
    PayloadType: type,
    PayloadVersion: 1,
    PayloadIdentifier: `${id}.${part}`,
    PayloadUUID: uuidOf("mobileconfig", part, id).toUpperCase(),
    PayloadDisplayName: name,
  });
  const authority = {
    ...payload("authority", "com.apple.security.root", "Exit authority"),
    PayloadCertificateFileName: "exit-authority.crt",
    PayloadContent: { data: bareBase64(ca) },
  };
  const vpn = {
    ...payload("vpn", "com.apple.vpn.managed", title),
    UserDefinedName: title,
    VPNType: "IKEv2",
    IKEv2: {
      RemoteAddress: host,
      RemoteIdentifier: serverName,
      LocalIdentifier: "",
      AuthenticationMethod: "None",
      ExtendedAuthEnabled: 1,
      CertificateType: "ECDSA256",
      ServerCertificateIssuerCommonName: "Exit authority",
      ServerCertificateCommonName: serverName,
      EnablePFS: 1,
      DisableMOBIKE: 1,
      DisableRedirect: 1,
      EnableCertificateRevocationCheck: 0,
      UseConfigurationAttributeInternalIPSubnet: 0,
      DeadPeerDetectionRate: "High",
      DisconnectOnIdle: 0,
      IKESecurityAssociationParameters: cipher,
      ChildSecurityAssociationParameters: cipher,
      IncludeAllNetworks: 1,
      ExcludeLocalNetworks: 1,
      OnDemandEnabled: 1,
      OnDemandRules: [{ Action: "Connect" }],
    },
    IPv4: { OverridePrimary: 1 },
    DNS: { DNSProtocol: "Cleartext", ServerAddresses: [v4, v6], SupplementalMatchDomains: [""] },
  };
  const profile = {
    ...payload("profile", "Configuration", title),
    PayloadIdentifier: id,
    PayloadRemovalDisallowed: false,
    PayloadContent: [authority, vpn],
  };
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
${plist(profile)}
</plist>
`;
}

function plist(value: Plist): string {
  if (typeof value === "string") return `<string>${escaped(value)}</string>`;
  if (typeof value === "number") return `<integer>${value}</integer>`;
  if (typeof value === "boolean") return value ? "<true/>" : "<false/>";
  if (Array.isArray(value)) return `<array>\n${value.map(plist).join("\n")}\n</array>`;
  const { data } = value as { data?: Plist };
  if (typeof data === "string" && Object.keys(value).length === 1) return `<data>${data}</data>`;
  const lines = Object.entries(value).map(([key, one]) => `<key>${escaped(key)}</key>\n${plist(one)}`);
  return `<dict>\n${lines.join("\n")}\n</dict>`;
}

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
