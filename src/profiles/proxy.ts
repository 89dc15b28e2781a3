import { isIPv6 } from "node:net";

export interface ProxyPlace {
  /** Host name or address of the server. */
  host: string;
  socks5Port?: number | undefined;
  httpPort?: number | undefined;
  /** The HTTP proxy over TLS. */
  httpsPort?: number | undefined;
  socks5TlsPort?: number | undefined;
}

/** To be shown wherever a proxy is offered. */
export const PROXY_WARNING =
  "A proxy hides your address, but does not encrypt: your network sees what you send without HTTPS, and your VPN username and password. Use a VPN, an SSH tunnel or the HTTPS proxy where you do not trust the network.";

export interface ProxySettings {
  /** The program or system it is for. */
  title: string;
  /** What to type or copy, line by line. */
  lines: string[];
}

/**
 * How to set programs up, without any credentials: `USERNAME` stands where the VPN username belongs, and programs ask for
 * the VPN password, so that neither ends in a shell's history.
 */
export function proxySettings(place: ProxyPlace): ProxySettings[] {
  const { host, socks5Port, httpPort, httpsPort, socks5TlsPort } = checked(place);
  const settings: ProxySettings[] = [];
  const at = (port: number) => `${bracketed(host)}:${port}`;
  if (httpsPort !== undefined) {
    settings.push({
      title: "HTTPS proxy (encrypted as far as the server)",
      lines: [`Host: ${host}`, `Port: ${httpsPort}`],
    });
    settings.push({
      title: "curl over the HTTPS proxy",
      lines: [`curl --proxy https://${at(httpsPort)} --proxy-user USERNAME https://example.org/`],
    });
  }
  if (socks5TlsPort !== undefined) {
    settings.push({
      title: "SOCKS5 over TLS (encrypted as far as the server)",
      lines: [`Host: ${host}`, `Port: ${socks5TlsPort}`, "Proxy DNS when using SOCKS: yes"],
    });
  }
  if (httpPort !== undefined) {
    settings.push({ title: "HTTP proxy", lines: [`Host: ${host}`, `Port: ${httpPort}`] });
  }
  if (socks5Port !== undefined) {
    settings.push({
      title: "SOCKS5 proxy",
      lines: [`Host: ${host}`, `Port: ${socks5Port}`, "Proxy DNS when using SOCKS: yes"],
    });
    settings.push({
      title: "curl over SOCKS5",
      // "socks5h": the name is resolved by the proxy and not by your own resolver (curl(1), --proxy).
      lines: [`curl --proxy socks5h://${at(socks5Port)} --proxy-user USERNAME https://example.org/`],
    });
  }
  if (httpPort !== undefined) {
    settings.push({
      title: "curl over the HTTP proxy",
      lines: [`curl --proxy http://${at(httpPort)} --proxy-user USERNAME https://example.org/`],
    });
  }
  return settings;
}

/** The port of "discard", where nothing listens. */
const DEAD_END = "PROXY 127.0.0.1:9";

/**
 * A proxy auto-config file (PAC). Everything goes through the proxy but what belongs to one's own machine and network; there
 * is no way past it ("DIRECT") where the proxy fails, and no name is ever resolved by the browser for it. A client that knows none of
 * the kinds it is told goes around them all (Android: PacProxySelector.java), so it finds one that it knows and that nobody answers. Of
 * several places the first is used, and the next where that one cannot be reached. Where a place has the HTTPS proxy, these alone stand there:
 * who can shut them off must not make a browser say its password in the clear.
 */
export function proxyAutoConfig(...places: ProxyPlace[]): string {
  if (places.length === 0) throw new RangeError("proxy: no place");
  const https = places
    .map(checked)
    .flatMap(({ host, httpsPort }) =>
      httpsPort === undefined ? [] : [`HTTPS ${bracketed(host)}:${httpsPort}`],
    );
  // Browsers ask for the HTTP proxy's password; most cannot log in to a SOCKS5 proxy, so it is the second choice.
  const http = places
    .map(checked)
    .flatMap(({ host, httpPort }) =>
      httpPort === undefined ? [] : [`PROXY ${bracketed(host)}:${httpPort}`],
    );
  const socks5 = places.flatMap(({ host, socks5Port }) =>
    socks5Port === undefined ? [] : [`SOCKS5 ${bracketed(host)}:${socks5Port}`],
  );
  const kinds = https.length > 0 ? https : [...http, ...socks5];
  const known = kinds.some((each) => each.startsWith("PROXY "));
  return `function FindProxyForURL(url, host) {
  var own = /^(localhost|.*\\.localhost|.*\\.local|127\\.[0-9.]+|10\\.[0-9.]+|192\\.168\\.[0-9.]+|172\\.(1[6-9]|2[0-9]|3[01])\\.[0-9.]+|169\\.254\\.[0-9.]+|\\[?::1\\]?|\\[?f[cd][0-9a-f]{2}:[0-9a-f:]+\\]?|\\[?fe80:[0-9a-f:]+\\]?)$/i;
  if (isPlainHostName(host) && host.indexOf(":") < 0 || own.test(host)) return "DIRECT";
  return ${JSON.stringify([...kinds, ...(known ? [] : [DEAD_END])].join("; "))};
}
`;
}

const bracketed = (host: string): string => (isIPv6(host) ? `[${host}]` : host);

function checked(place: ProxyPlace): ProxyPlace {
  if (!/^[A-Za-z0-9.:-]{1,253}$/.test(place.host)) throw new RangeError("proxy: not a host name or address");
  const { socks5Port, httpPort, httpsPort, socks5TlsPort } = place;
  if ((socks5Port ?? httpPort ?? httpsPort ?? socks5TlsPort) === undefined)
    throw new RangeError("proxy: no port");
  return place;
}
