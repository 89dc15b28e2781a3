import { createHash } from "node:crypto";
import type { DnsLevel } from "../lib/dns-levels.ts";
import { resolverOf } from "../lib/dns-levels.ts";

/** What the files for IKEv2 say, whatever the client. */
export interface Ikev2Input {
  /** What the client calls the connection, `london1 (Lab VPN)`. */
  title: string;
  /** A name or an address to dial. */
  host: string;
  /** The name in the exit's certificate. */
  serverName: string;
  /** Tells providers apart, whose servers may have one name: what one gave must not take the place of what another did. */
  provider: string;
  /** PEM of the authority that the certificate is of. */
  ca: string;
  level?: DnsLevel | undefined;
}

/** DER in base64, as it stands between the lines of PEM. */
export const bareBase64 = (pem: string): string =>
  pem.replaceAll(/-----(BEGIN|END) CERTIFICATE-----|\s/g, "");

/** What tells a provider by its authority. */
export const providerOf = (pem: string): string =>
  createHash("sha256").update(bareBase64(pem)).digest("hex").slice(0, 16);

/** The same for one server every time: a profile fetched again takes the place of the one before. */
export function uuidOf(...words: string[]): string {
  const hex = createHash("sha256").update(words.join("\0")).digest("hex");
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`];
  return [...parts, hex.slice(20, 32)].join("-");
}

/**
 * A profile for strongSwan's Android app (docs.strongswan.org, "VPN Profiles for the Android client"): EAP with a name and a password,
 * which the app asks for. All traffic goes through the tunnel; what is not inside it, IPv6 too, is blocked while the profile is
 * connected. Android itself has the switch that blocks everything while it is not ("Always-on VPN", "Block connections without VPN").
 */
export function sswanProfile({ title, host, serverName, provider, ca, level = "none" }: Ikev2Input): string {
  const { v4, v6 } = resolverOf(level);
  return `${JSON.stringify(
    {
      uuid: uuidOf("sswan", provider, serverName, level),
      name: title,
      type: "ikev2-eap",
      remote: {
        addr: host,
        id: serverName,
        cert: bareBase64(ca),
        certreq: false,
        revocation: { crl: false, ocsp: false },
      },
      "ike-proposal": "aes256gcm16-prfsha256-curve25519",
      "esp-proposal": "aes256gcm16-curve25519",
      "dns-servers": [v4, v6],
      "split-tunneling": { "block-ipv4": true, "block-ipv6": true },
    },
    null,
    2,
  )}\n`;
}
